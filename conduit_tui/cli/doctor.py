"""`doctor`: what stands in the way on this machine."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.daemon_status import Daemon, find_daemon
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import FAILED, Failure
from conduit_tui.cli.output import print_json
from conduit_tui.cli.settings import DEFAULT_LISTEN, DEFAULT_PORT, Settings, pass_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conduit_tui.control.plane import ProviderTest
    from conduit_tui.doctor.check import Check
    from conduit_tui.domain.providers import Provider

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
_INDENT = 6


@click.command()
@click.option("--offline", is_flag=True, help="Ask no provider.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_settings
def doctor(settings: Settings, *, offline: bool, as_json: bool) -> None:
    """Look for what stands in the way on this machine, and say what to do about it.

    Nothing is changed, and no key is shown. Exit code 1 when something will not work.
    """
    found = asyncio.run(_examine(settings, offline=offline))
    if as_json:
        print_json([check._asdict() for check in found])
    else:
        _print(found)
    if any(check.verdict == "fail" for check in found):
        raise click.exceptions.Exit(FAILED)


async def _examine(settings: Settings, *, offline: bool) -> "list[Check]":
    """The slow checks run beside the others."""
    from conduit_tui.doctor.knowledge import knowledge
    from conduit_tui.doctor.machine import machine
    from conduit_tui.doctor.serving import serving
    from conduit_tui.doctor.state import state
    from conduit_tui.doctor.terminal import terminal

    state_dir = settings.locate()
    daemon = _daemon(settings)
    host, port = _address(settings)

    def ours() -> "list[Check]":
        status, version = (daemon.status, daemon.version) if daemon else (None, "")
        running = serving(status, version, host, port, state_dir.root)
        return [*machine(), *state(state_dir), *running]

    here, known, reached = await asyncio.gather(
        asyncio.to_thread(ours),
        asyncio.to_thread(lambda: list(knowledge())),
        _providers(settings, offline=offline),
    )
    return [*here, *known, *reached, *terminal()]


async def _providers(settings: Settings, *, offline: bool) -> "list[Check]":
    from conduit_tui.cli.control import all_providers
    from conduit_tui.doctor.check import fail
    from conduit_tui.doctor.providers import providers
    from conduit_tui.store.interface import StoreError

    try:
        configured = await all_providers(settings)
    except StoreError as error:
        return [fail("providers", str(error), "see the line about the database")]
    except OSError as error:
        return [fail("providers", f"cannot be read: {error.strerror}", "see the line about the state directory")]
    return await providers(configured, None if offline else await _asker(settings, configured))


async def _asker(settings: Settings, configured: "list[Provider]") -> "Callable[[str], Awaitable[ProviderTest]]":
    """What asks a provider: the gateway where one runs, for it has the keys; else this process."""
    from conduit_tui.control.plane import ControlError
    from conduit_tui.control.remote import RemoteControl
    from conduit_tui.gateway.probe import probe

    remote = RemoteControl(settings.locate())
    with suppress(ControlError):
        if await remote.answers():
            return remote.test_provider
    named = {provider.name: provider for provider in configured}
    return lambda name: probe(named[name])


def _daemon(settings: Settings) -> Daemon | None:
    try:
        found = find_daemon(settings.locate())
    except Failure:
        return None
    return found if found is not None and found.status is not None else None


def _address(settings: Settings) -> tuple[str, int]:
    from conduit_tui.config.errors import ConfigError

    try:
        gateway = settings.resolve().config.gateway
    except ConfigError:  # which has a line of its own
        return DEFAULT_LISTEN, DEFAULT_PORT
    return gateway.listen, gateway.port


def _print(found: "Iterable[Check]") -> None:
    shown = list(found)
    width = max(len(check.subject) for check in shown)
    for check in shown:
        echo(f"{check.verdict:<{_INDENT - 2}}", nl=False, colour=_COLOURS[check.verdict])
        echo(f"  {check.subject:<{width}}  {check.found}")
        if check.advice:
            echo(f"{'':<{_INDENT + width}}  {check.advice}")
    troubles = [sum(check.verdict == verdict for check in shown) for verdict in ("fail", "warn")]
    echo(f"{troubles[0]} to mend, {troubles[1]} to know of" if any(troubles) else "nothing stands in the way")
