"""A gateway's place taken by a new one, and the daemon's by the version that is installed now."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from conduit_tui.cli.errors import BAD_CONFIGURATION, FAILED, Failure

if TYPE_CHECKING:
    from conduit_tui.control.remote import DaemonClient
    from conduit_tui.domain.processes import ProcessStatus
    from conduit_tui.paths import StateDir

    Tell = Callable[[ProcessStatus], None]

PATIENCE_SECONDS = 60.0


async def hand_over(state_dir: "StateDir", *, whole: bool, tell: "Tell") -> "ProcessStatus":
    """Have a new gateway take over, and with `whole` a new daemon before it. Raises Failure, ControlError."""
    from conduit_tui.control.remote import DaemonClient

    client = DaemonClient(state_dir)
    before = await client.status()
    if whole:
        await client.restart(daemon=True, environment=_environment())
    else:
        await client.restart()
    return await _until_handed_over(client, before, whole=whole, tell=tell)


def _environment() -> dict[str, str]:
    """This shell's, but for what cannot be sent."""
    return {name: value for name, value in os.environ.items() if _is_text(name) and _is_text(value)}


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


async def _until_handed_over(
    client: "DaemonClient", before: "ProcessStatus", *, whole: bool, tell: "Tell"
) -> "ProcessStatus":
    """Wait for a gateway of a later generation; with `whole` of a daemon that was started later too."""
    from conduit_tui.control.plane import ControlError

    seen = before
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            async for seen in client.watch():
                if seen.daemon_started != before.daemon_started or not whole:
                    tell(seen)
                if _is_over(seen, before, whole=whole):
                    return seen
        except ControlError:
            if not whole:
                raise
            await asyncio.sleep(0.02)  # between two programs it does not answer
    raise Failure(f"no new gateway within {PATIENCE_SECONDS:g} s; still {seen.state}: {seen.reason}")


def _is_over(status: "ProcessStatus", before: "ProcessStatus", *, whole: bool) -> bool:
    """Whether the new gateway serves. Raises Failure when it will not."""
    from conduit_tui.domain.processes import GatewayState

    replaced = status.daemon_started != before.daemon_started or not whole
    if status.renewal_failure:
        raise Failure(f"{status.renewal_failure}; the gateway before it goes on, `conduit-tui logs` says more")
    if status.state in (GatewayState.FAILED, GatewayState.COOLDOWN) and status.since > before.since:
        code = BAD_CONFIGURATION if status.state is GatewayState.FAILED else FAILED
        raise Failure(f"{status.reason}; `conduit-tui logs` shows what it wrote", code)
    return replaced and status.state is GatewayState.READY and status.generation > before.generation
