"""What the app is attached to: the daemon, the gateway's live feed, the database, the files of the state directory."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conduit_tui.control.discovery import Findings, discover
from conduit_tui.control.plane import ControlPlane, LiveFeed, ProcessControl, ProviderTest
from conduit_tui.domain.providers import Provider
from conduit_tui.paths import StateDir
from conduit_tui.store.interface import Reader

if TYPE_CHECKING:
    from conduit_tui.domain.rules import Rule
    from conduit_tui.routing.backtest_result import BacktestResult
    from conduit_tui.tui.backtest_child import Progress

    Backtesting = AsyncGenerator[Progress | BacktestResult, None]

START_SECONDS = 90.0

RunBacktest = Callable[[str, str, "Sequence[Rule]"], "Backtesting"]
"""Tries rules on a project's past of a time such as `7d`; the last item is the result."""


class StartFailed(Exception):
    """The daemon could not be started; the message says why."""


async def _nothing() -> Findings:
    return Findings()


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that the screens show comes from here."""

    state_dir: StateDir
    process: ProcessControl
    live: LiveFeed
    open_reader: Callable[[], Awaitable[Reader]]
    start_daemon: Callable[[], Awaitable[None]]
    open_control: Callable[[], AbstractAsyncContextManager[ControlPlane]]
    backtest: RunBacktest
    discover: Callable[[], Awaitable[Findings]] = _nothing


def of_state_dir(state_dir: StateDir, up_arguments: Sequence[str] = ()) -> Sources:
    """The real daemon, gateway and database under a state directory."""
    from conduit_tui.control.remote import DaemonClient, RemoteControl

    async def open_reader() -> Reader:
        # Here and not above: the first paint need not wait for the database's library.
        from conduit_tui.store.reader import SqliteReader

        return await SqliteReader.open(state_dir.database)

    async def start_daemon() -> None:
        await _up(state_dir, up_arguments)

    def open_control() -> AbstractAsyncContextManager[ControlPlane]:
        from conduit_tui.control import access

        return access.open_control(state_dir, probe=_no_probe)

    def backtest(project: str, since: str, rules: "Sequence[Rule]") -> "Backtesting":
        from conduit_tui.tui import backtest_child

        return backtest_child.run(state_dir, project, since, rules)

    def look_around() -> Awaitable[Findings]:
        return discover(state_dir)

    return Sources(
        state_dir, DaemonClient(state_dir), RemoteControl(state_dir), open_reader, start_daemon, open_control, backtest,
        look_around,
    )  # fmt: skip


async def _no_probe(_provider: Provider) -> ProviderTest:
    """Asking a provider takes a gateway's client, which a screen does not have."""
    return ProviderTest(ok=False, detail="the gateway is not running", took_ms=0.0)


async def _up(state_dir: StateDir, arguments: Sequence[str]) -> None:
    """Run `conduit-tui up`, which returns when the gateway is READY. Raises StartFailed with its own words."""
    command = (sys.executable, "-m", "conduit_tui", "--state-dir", str(state_dir.root), *arguments, "up", "--json")
    child = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            out, err = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        raise StartFailed(f"`conduit-tui up` did not end within {START_SECONDS:.0f} s; see process.log") from None
    except asyncio.CancelledError:
        # `up` starts a daemon that is not its child; ending the wait for it harms nothing.
        if child.returncode is None:
            child.kill()
            await child.wait()
        raise
    if child.returncode != 0:
        raise StartFailed(_reason(out, err) or f"`conduit-tui up` ended with exit code {child.returncode}")


def _reason(out: bytes, err: bytes) -> str:
    words = err.decode("utf-8", "replace").strip()
    if not words:
        try:
            told = json.loads(out)
            words = str(told.get("reason") or told.get("error") or "")
        except (ValueError, AttributeError):
            words = out.decode("utf-8", "replace").strip()
    return "\n".join(words.splitlines()[-4:]).removeprefix("Error: ").removeprefix("conduit-tui: ")
