"""`metrics`: the figures of daemon and gateway for Prometheus."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import click

from conduit_tui.cli.daemon_status import find_daemon
from conduit_tui.cli.echo import echo
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.observe.exposition import Family


@click.command()
@pass_settings
def metrics(settings: Settings) -> None:
    """Print the figures of daemon and gateway for Prometheus, in its text format.

    For node_exporter's textfile collector, say. `metrics.port` in config.toml serves the gateway's part on a loopback
    port instead.
    """
    from conduit_tui.observe.exposition import exposition

    daemon = find_daemon(settings.locate())
    status = daemon.status if daemon is not None else None
    echo(exposition(of_daemon(status)) + asyncio.run(_of_gateway(settings)), nl=False, keep="\n")


def of_daemon(status: dict[str, Any] | None) -> "list[Family]":
    """The daemon's figures; fewer where none is running."""
    from conduit_tui.domain.processes import SERVING, GatewayState
    from conduit_tui.observe.exposition import Family, Sample, gauge

    here = status["state"] if status else GatewayState.STOPPED
    families = [
        gauge("conduit_up", "1 while the gateway serves.", int(here in SERVING)),
        Family(
            "conduit_gateway_state",
            "gauge",
            "1 for the state that the gateway is in.",
            [Sample("", {"state": str(state)}, int(state == here)) for state in GatewayState],
        ),
    ]
    if status:
        families.append(
            Family(
                "conduit_gateway_starts_total",
                "counter",
                "Gateways that this daemon started.",
                [Sample("", {}, status.get("starts", 0))],
            )
        )
        if status.get("daemon_started"):
            up = time.time() - status["daemon_started"] / 1000
            families.append(gauge("conduit_daemon_uptime_seconds", "How long the daemon has run.", round(up, 3)))
    return families


async def _of_gateway(settings: Settings) -> str:
    """Nothing where no gateway runs: its counters begin with it."""
    from conduit_tui.control.plane import ControlError
    from conduit_tui.control.remote import RemoteControl

    try:
        return await RemoteControl(settings.locate()).metrics()
    except ControlError as error:
        if error.code == "unavailable":
            return ""
        raise
