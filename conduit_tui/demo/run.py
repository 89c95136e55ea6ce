"""The demo as the command runs it: build a world, show it, leave nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from conduit_tui.demo.narrate import narrate
from conduit_tui.paths import StateDir

_FOREIGN = ("CONDUIT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_UNMAKING_SECONDS = 60.0


class DemoError(Exception):
    """The demo could not be built; the message says why."""


def run_demo(*, run_tui: Callable[[StateDir], int] | None = None, seconds: float = 20.0, seed: int = 1) -> int:
    """Run the demo; returns its exit code.

    With `run_tui` the screens are shown until they are left. Without it, lines are printed for so many
    seconds. SIGINT, SIGTERM and SIGHUP end the demo early; in every case, even when this process is killed, the
    daemon is stopped and the throwaway state directory removed. Raises DemoError.
    """
    sys.stderr.write("building a throwaway world with a simulated provider ...\n")
    sys.stderr.flush()
    try:
        with _ended_by_signals(), demo_world(seed) as (state_dir, url):
            if run_tui is not None:
                return run_tui(state_dir)
            narrate(state_dir, url, seconds, sys.stdout)
            return 0
    except _Ended as ended:
        return 128 + ended.number


@contextmanager
def demo_world(seed: int = 1) -> Iterator[tuple[StateDir, str]]:
    """A running gateway with sample traffic in a state directory of its own, and the gateway's URL.

    A process of its own keeps the world and unmakes it when its standard input ends, so that nothing survives the one
    who asked for it, whatever that one dies of. Raises DemoError.
    """
    keeper = subprocess.Popen(
        [sys.executable, "-m", "conduit_tui.demo.world", "--seed", str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment(),
        start_new_session=True,  # a ctrl+c at the terminal is for us; the keeper is told by its standard input
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        told = json.loads(keeper.stdout.readline() or '{"error": "the demo ended before it began"}')
        if "error" in told:
            raise DemoError(told["error"])
        yield StateDir(Path(told["state_dir"])), told["url"]
    finally:
        with _deaf_to_signals():
            keeper.stdin.close()
            keeper.stdout.close()
            keeper.wait(_UNMAKING_SECONDS)


def clean_environment() -> dict[str, str]:
    """Our environment without settings that would lead the demo out of its world."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_FOREIGN)}


class _Ended(BaseException):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    def end(number: int, _frame: FrameType | None) -> None:
        raise _Ended(number)

    with _signals_handled_by(end):
        yield


@contextmanager
def _deaf_to_signals() -> Iterator[None]:
    with _signals_handled_by(signal.SIG_IGN):
        yield


@contextmanager
def _signals_handled_by(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
