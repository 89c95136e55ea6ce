"""A program on a pseudo terminal: what it writes, byte for byte, and what it does when keys come."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.waiting import PATIENCE_SECONDS

RUN = """
import sys
from pathlib import Path
from conduit_tui.paths import StateDir
from conduit_tui.tui.main import run
"""
ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|P[^\x1b]*\x1b\\|[()][0-9A-Z]|[=>78cM])")


class Terminal:
    """A child on a pseudo terminal of the given size."""

    def __init__(self, pid: int, fd: int, started: float) -> None:
        self.pid = pid
        self.fd = fd
        self.started = started
        self.first_byte_after: float | None = None
        self.written = bytearray()
        self.code: int | None = None

    def read(self, seconds: float) -> bytes:
        """What is written within so many seconds."""
        deadline = time.perf_counter() + seconds
        start = len(self.written)
        while (left := deadline - time.perf_counter()) > 0:
            ready, _, _ = select.select([self.fd], [], [], left)
            if not ready:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.written += data
        return bytes(self.written[start:])

    def read_until(self, condition: Callable[[bytes], bool], seconds: float = PATIENCE_SECONDS) -> bytes:
        """Read until what has been written since the call meets a condition; fails after so many seconds."""
        start = len(self.written)
        deadline = time.perf_counter() + seconds
        while not condition(bytes(self.written[start:])):
            assert time.perf_counter() < deadline, text_of(bytes(self.written))[-3000:]
            if not self.read(0.02) and self.ended():
                assert condition(bytes(self.written[start:])), text_of(bytes(self.written))[-3000:]
        return bytes(self.written[start:])

    def wait_quiet(self, seconds: float = 0.25) -> None:
        """`wait_idle` for what comes in several steps, with others outside between them."""
        self.wait_idle(seconds)

    def wait_idle(self, seconds: float = 0.04) -> None:
        """Read until each of its threads has slept, and nothing been written, for so long: what was pressed is done.

        What it waits for outside, such as an answer of the daemon, may still come.
        """
        deadline = time.perf_counter() + PATIENCE_SECONDS
        since = time.perf_counter()
        while time.perf_counter() - since < seconds and not self.ended():
            if self.read(seconds / 8) or not self._sleeps():
                since = time.perf_counter()
            assert since < deadline, "it never rests"

    def held_up(self) -> float:
        """Seconds that it and this process have waited for a processor which others had; 0 where nobody counts them."""
        waited = 0
        for process in (str(self.pid), "self"):
            for account in Path(f"/proc/{process}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    waited += int(account.read_text().split()[1])
        return waited / 1e9

    def _sleeps(self) -> bool:
        for stat in Path(f"/proc/{self.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):
                if stat.read_text().rpartition(")")[2].split()[0] in "RD":
                    return False
        return True

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGWINCH)

    def ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Read until the child ends; its exit code."""
        deadline = time.perf_counter() + seconds
        while not self.ended():
            assert time.perf_counter() < deadline, "it does not end"
            self.read(0.05)
        self.read(0.05)
        assert self.code is not None
        return self.code


@contextlib.contextmanager
def control_centre(
    root: Path, *, profile: str = "local", size: tuple[int, int] = (80, 24), before: str = "", **environ: str
) -> Iterator[Terminal]:
    """The real control centre over a state directory, on a terminal of its own."""
    code = f"{RUN}{before}\nsys.exit(run(StateDir(Path(sys.argv[1])), profile={profile!r}))"
    variables = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        **environ,
    }
    started = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", code, str(root)], variables)
    terminal = Terminal(pid, fd, started)
    terminal.resize(*size)
    try:
        yield terminal
    finally:
        if not terminal.ended():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(fd)


def text_of(written: bytes) -> str:
    """What was written, without the escape sequences."""
    return ESCAPE.sub(b"", written).decode("utf-8", "replace")
