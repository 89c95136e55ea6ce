"""What every test gets: a clean environment and an end in finite time."""

import faulthandler
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from conduit_tui.paths import StateDir
    from tests.commands import Conduit, Run
    from tests.providers import FakeProvider

TEST_SECONDS = 120.0
LONG_TEST_SECONDS = 1800.0
GRACE_SECONDS = 15.0
FOREIGN_PREFIXES = ("TEXTUAL", "CONDUIT_", "ANTHROPIC_", "OPENAI_", "CLAUDE")
FOREIGN_NAMES = {
    "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLORTERM", "SSH_TTY", "SSH_CONNECTION", "SSH_CLIENT", "TMUX", "STY",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "XDG_STATE_HOME", "COLUMNS", "LINES",
}  # fmt: skip
OURS = "TEXTUAL_SNAPSHOT_TEMPDIR"  # where the workers of one run gather their snapshots

# Before anything is imported that reads its environment at import, as textual does.
for _name in list(os.environ):
    if _name != OURS and (_name.startswith(FOREIGN_PREFIXES) or _name.upper() in FOREIGN_NAMES):
        del os.environ[_name]

# Examples are the same in every run, and none is too slow; `--hypothesis-profile explore` looks for others.
hypothesis.settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("explore", hypothesis.settings.get_profile("tests"), derandomize=False)
hypothesis.settings.load_profile("tests")

_stderr = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for a shell's background job: children would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_stderr] = os.dup(2)  # the real one: pytest captures descriptor 2 while tests run


def pytest_unconfigure(config: pytest.Config) -> None:
    os.close(config.stash[_stderr])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def state_dir(tmp_path: Path) -> "StateDir":
    """A state directory of the test's own."""
    from conduit_tui.paths import StateDir

    made = StateDir(tmp_path / "state")
    made.prepare()
    return made


@pytest.fixture
def run(state_dir: "StateDir") -> "Run":
    """Runs `conduit-tui` in this process, on the test's state directory."""
    from tests.commands import in_this_process

    return in_this_process(state_dir)


@pytest.fixture
def conduit(tmp_path: Path) -> "Iterator[Conduit]":
    """Runs `conduit-tui` as a process on a state directory of the test; what it started is stopped in the end."""
    from tests.commands import as_a_process

    command = as_a_process(tmp_path)
    yield command
    command("down", "--now")


@pytest.fixture(scope="module")
def fake() -> "Iterator[FakeProvider]":
    """A provider that does as it is told, for the tests of one module."""
    from tests.providers import FakeProvider

    with FakeProvider() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _ends_in_finite_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that hangs; if even that hangs, show every thread's stack and end the run."""
    node = request.node
    long = node.get_closest_marker("slow") or node.get_closest_marker("benchmark")
    seconds = LONG_TEST_SECONDS if long else TEST_SECONDS

    def too_long(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"the test took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds, GRACE_SECONDS / 3)  # again, if cleaning up hangs too
    faulthandler.dump_traceback_later(seconds + GRACE_SECONDS, exit=True, file=request.config.stash[_stderr])
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
