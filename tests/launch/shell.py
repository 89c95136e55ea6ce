"""A real interactive bash at the other end of a terminal, as a person would use it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.waiting import PATIENCE_SECONDS

PROMPT = "PROMPT> "


class Shell:
    """Types into the terminal and reads what it shows."""

    def __init__(self, environment: dict[str, str], folder: Path, *command: str) -> None:
        ours, theirs = pty.openpty()
        self._descriptor = ours
        self.resize(24, 80)
        self.process = subprocess.Popen(
            command or ("bash", "--norc", "--noprofile", "-i"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**environment, "PS1": PROMPT, "TERM": "xterm", "HISTFILE": ""},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
        )
        os.close(theirs)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)  # hangs the terminal up
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def until(self, text: str) -> str:
        """What is shown up to the text; fails the test if it does not come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} did not come, but {self.shown!r}"
            if select.select([self._descriptor], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self._descriptor, 65_536).decode("utf-8", "replace")
                except OSError:
                    assert text in self.shown, f"{text!r} did not come, but {self.shown!r}"
        before, _, self.shown = self.shown.partition(text)
        return before + text

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
