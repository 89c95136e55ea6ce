"""A database that cannot be written, under a running gateway: hard budgets block, the rest goes on, and it recovers by
itself. Faults S2 and S3."""

import asyncio
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from conduit_tui.control.remote import RemoteControl
from conduit_tui.domain.budgets import Budget
from tests.faults.whole import Whole, whole
from tests.gateway.raw import ANTHROPIC_HEADERS, Answer, ask, message
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.fault

STRACE = shutil.which("strace")
BOUNDED_SECONDS = 6.0  # two waits for another process's lock, and some

Trouble = Callable[[Whole], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: FakeProvider) -> Iterator[Whole]:
    """The project `default` has a budget, `docs` has none."""
    with whole(tmp_path_factory.mktemp("money") / "state", fake.url) as up:
        budget = Budget(project="default", daily=100_000_000_000)
        asyncio.run(RemoteControl(up.state_dir).set_budget(budget))
        yield up


@contextmanager
def another_writer(running: Whole) -> Iterator[None]:
    script = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    arguments = [sys.executable, "-c", script, str(running.state_dir.database)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            other.kill()


@contextmanager
def file_size_limit(running: Whole) -> Iterator[None]:
    """No file of the gateway's can be written any more, its log included."""
    pid = running.status()["gateway_pid"]
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def failing(error: str) -> Trouble:
    """Every write to the database and its log fails with an error of the system."""

    @contextmanager
    def fails(running: Whole) -> Iterator[None]:
        database = running.state_dir.database
        assert STRACE is not None
        calls = "pwrite64,write,ftruncate,fallocate"
        arguments = [STRACE, "-f", "-q", "-o", "/dev/null", "-p", str(running.status()["gateway_pid"])]
        for name in ("", "-wal"):
            arguments += ["-P", f"{database}{name}"]
        arguments += ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as tracer:
            try:
                eventually(lambda: traced(running.status()["gateway_pid"]), what="strace is attached")
                yield
            finally:
                tracer.send_signal(signal.SIGTERM)
                tracer.communicate(timeout=100)

    return fails


def traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()


def with_budget(running: Whole) -> Answer:
    return ask(running.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS)


def without(running: Whole) -> Answer:
    return ask(running.port, "POST", "/p/docs/v1/messages", message(), ANTHROPIC_HEADERS)


def recorded(running: Whole) -> dict[str, list[int]]:
    """The statuses of the usage rows by project."""
    database = sqlite3.connect(f"file:{running.state_dir.database}?mode=ro", uri=True)
    try:
        found: dict[str, list[int]] = {"default": [], "docs": []}
        for project, status in database.execute("SELECT project, status FROM usage ORDER BY id"):
            found[project].append(status)
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        return found
    finally:
        database.close()


needs_strace = pytest.mark.skipif(STRACE is None, reason="needs strace")


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        pytest.param(another_writer, "locked by another process", id="locked"),
        pytest.param(file_size_limit, "no space left|input/output error", id="file-size-limit"),
        pytest.param(failing("ENOSPC"), "no space left", id="disk-full", marks=needs_strace),
        pytest.param(failing("EDQUOT"), "no space left|input/output error", id="quota", marks=needs_strace),
        pytest.param(failing("EIO"), "input/output error", id="broken-disk", marks=needs_strace),
        pytest.param(failing("EROFS"), "read-only|input/output error", id="read-only", marks=needs_strace),
    ],
)
def test_hard_budgets_block_the_rest_goes_on_and_it_recovers(
    running: Whole, fake: FakeProvider, trouble: Trouble, reason: str
) -> None:
    before, gateway = recorded(running), running.status()["gateway_pid"]
    forwarded = len(fake.requests())
    assert with_budget(running).status == 200
    with trouble(running):
        began = time.monotonic()
        refused = with_budget(running)
        assert time.monotonic() - began < BOUNDED_SECONDS
        assert (refused.status, refused.header("x-should-retry")) == (402, "false")
        assert refused.json["error"]["message"] == "spend limit unavailable"
        assert without(running).status == 200
        eventually(lambda: running.status()["state"] == "DEGRADED")
        assert re.search(reason, running.status()["reason"]), running.status()["reason"]
        assert with_budget(running).status == 402
    assert with_budget(running).status == 200
    eventually(lambda: running.status()["state"] == "READY")
    assert running.status()["gateway_pid"] == gateway, "without a restart"
    assert len(fake.requests()) - forwarded == 3, "nothing went out without a hold"
    eventually(lambda: len(recorded(running)["default"]) == len(before["default"]) + 4, "no row is lost")
    eventually(lambda: len(recorded(running)["docs"]) == len(before["docs"]) + 1, "no row is lost")
    assert sorted(recorded(running)["default"][len(before["default"]) :]) == [200, 200, 402, 402]
