"""The controlling terminal, and which process group is in its foreground."""

import contextlib
import os
import signal
import termios
from typing import Any


class Terminal:
    """The terminal that this process was started from. Who is in its foreground has the keyboard."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._modes: list[Any] | None = None
        with contextlib.suppress(termios.error):
            self._modes = termios.tcgetattr(descriptor)

    @classmethod
    def open(cls) -> "Terminal | None":
        """None where there is no controlling terminal, as under cron."""
        try:
            return cls(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        except OSError:
            return None

    def foreground(self) -> int:
        """The process group in the foreground; 0 where there is none, or no terminal any more."""
        try:
            return max(0, os.tcgetpgrp(self.descriptor))
        except OSError:
            return 0

    def give(self, group: int) -> None:
        """Put a process group into the foreground; also from the background, where that would stop us otherwise."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with contextlib.suppress(OSError):  # the group, or the terminal, is gone
                os.tcsetpgrp(self.descriptor, group)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def restore_modes(self) -> None:
        """Put line modes back as they were at the beginning, for a program that could not do it itself."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            if self._modes is not None:
                with contextlib.suppress(termios.error):
                    termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._modes)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def close(self) -> None:
        os.close(self.descriptor)
