"""The gateway's end of its two pipes: on one it reports to the daemon, on the other it gets orders and learns of its
death."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable

from conduit_tui.control.orders import Order
from conduit_tui.control.reports import HEARTBEAT_SECONDS, Report, ReportType

PR_SET_PDEATHSIG = 1


class Reporter:
    """Writes reports. A daemon that is gone is told nothing; its death is noticed on the life pipe.

    `in_flight` is asked at each heartbeat for the number of exchanges under way.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.in_flight: Callable[[], int] = lambda: 0
        os.set_blocking(fd, False)

    def report(self, kind: ReportType, reason: str = "", seconds: float = 0.0) -> None:
        """Tell the daemon now."""
        report = Report(type=kind, reason=reason, seconds=seconds, in_flight=self.in_flight())
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._fd, report.encode())

    async def beat(self) -> None:
        """Show every second that the event loop turns."""
        while True:
            self.report(ReportType.HEARTBEAT)
            await asyncio.sleep(HEARTBEAT_SECONDS)


def follow_life(fd: int, gone: Callable[[], None], take: Callable[[Order], None]) -> None:
    """Give each order of the daemon to `take`, and call `gone` once when it has died. Needs a running loop."""
    loop = asyncio.get_running_loop()
    rest = b""

    def readable() -> None:
        nonlocal rest
        chunk = os.read(fd, 65_536)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            order = Order.decode(line)
            if order is not None:
                take(order)
        if not chunk:
            loop.remove_reader(fd)
            gone()

    loop.add_reader(fd, readable)


def die_with_parent() -> None:
    """On Linux, be sent SIGTERM when the daemon dies, as a second line behind the life pipe."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
