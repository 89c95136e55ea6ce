"""The gateway's end of its two pipes: it reports to the daemon on one, and learns of its death by the other."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable

from conduit_tui.control.reports import HEARTBEAT_SECONDS, Report, ReportType

PR_SET_PDEATHSIG = 1


class Reporter:
    """Writes reports. A daemon that is gone is told nothing; its death is noticed on the life pipe."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_blocking(fd, False)

    def report(self, kind: ReportType, reason: str = "", seconds: float = 0.0) -> None:
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._fd, Report(type=kind, reason=reason, seconds=seconds).encode())

    async def beat(self) -> None:
        """Show every second that the event loop turns."""
        while True:
            self.report(ReportType.HEARTBEAT)
            await asyncio.sleep(HEARTBEAT_SECONDS)


def watch_life(fd: int, gone: Callable[[], None]) -> None:
    """Call `gone` once when the daemon has died. Needs a running loop."""
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if not os.read(fd, 64):
            loop.remove_reader(fd)
            gone()

    loop.add_reader(fd, readable)


def die_with_parent() -> None:
    """On Linux, be sent SIGTERM when the daemon dies, as a second line behind the life pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
