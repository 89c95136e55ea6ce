"""`status`: what runs. Imports as little as it can."""

import time
from typing import Any

import click

from conduit_tui.cli.daemon_status import find_daemon
from conduit_tui.cli.duration import format_span
from conduit_tui.cli.errors import Failure
from conduit_tui.cli.output import print_json, print_pairs
from conduit_tui.cli.settings import Settings, pass_settings

NOTHING_RUNS: dict[str, Any] = {
    "url": "",
    "daemon_pid": None,
    "gateway_pid": None,
    "state": "STOPPED",
    "reason": "no daemon is running",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything the daemon knows, as JSON.")
@pass_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Show the state of daemon and gateway."""
    daemon = find_daemon(settings.locate())
    if daemon is not None and daemon.status is None:
        raise Failure(
            f"the running daemon (pid {daemon.pid}, version {daemon.version}) speaks another protocol; "
            "`conduit-tui restart --daemon` replaces it"
        )
    state = daemon.status if daemon is not None and daemon.status is not None else NOTHING_RUNS
    if as_json:
        print_json(state)
    else:
        print_state(state)


def print_state(state: dict[str, Any]) -> None:
    """A `ProcessStatus` as JSON, for people."""
    now = int(time.time() * 1000)

    def ago(name: str) -> str:
        return format_span(now - state[name]) if state.get(name) else ""

    def process(name: str, *facts: str) -> str:
        pid = state.get(name)
        return ", ".join([f"pid {pid}", *filter(None, facts)]) if pid else ""

    memory = state.get("gateway_memory_bytes")
    health = (state.get("health") or [None])[-1]
    print_pairs(
        [
            ("state", state["state"] + (f" for {ago('since')}" if ago("since") else "")),
            ("reason", state.get("reason", "")),
            ("url", state["url"]),
            (
                "gateway",
                process(
                    "gateway_pid",
                    f"generation {state.get('generation')}",
                    f"{memory // 1_048_576} MB" if memory else "",
                ),
            ),
            ("daemon", process("daemon_pid", f"up {ago('daemon_started')}" if ago("daemon_started") else "")),
            ("retry in", format_span(state["retry_at"] - now) if state.get("retry_at") else ""),
            (
                "health",
                f"{'ok' if health['ok'] else 'failed'} in {health['took_ms']:.1f} ms {health['detail']}".rstrip()
                if health
                else "",
            ),
            ("version", state.get("version", "")),
        ]
    )
