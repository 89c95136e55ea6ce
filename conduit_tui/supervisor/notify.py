"""What systemd is told: that the daemon is ready, that it lives, what it is doing.

The protocol: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping

ADDRESS = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"
VARIABLES = (ADDRESS, WATCHDOG, "WATCHDOG_PID")  # no gateway is to speak in the daemon's name


class Notifier:
    """Says nothing where no service manager listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get(ADDRESS, "")
        pid, period = environment.get("WATCHDOG_PID", ""), environment.get(WATCHDOG, "")
        ours = pid in ("", str(os.getpid()))
        self.watchdog_seconds = int(period) / 1_000_000 if period.isdecimal() and ours else 0.0

    def say(self, **words: str) -> None:
        """Send assignments, such as `READY="1"` and `STATUS="..."`. A manager that does not listen loses them."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={' '.join(value.split())}" for name, value in words.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.setblocking(False)
            with contextlib.suppress(OSError):
                manager.sendto(text.encode(), address)

    def ending(self, seconds: float) -> None:
        """The daemon begins to end, and may take so long; a manager that waits less waits on."""
        self.say(STOPPING="1", EXTEND_TIMEOUT_USEC=str(round(seconds * 1_000_000)))

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Feed the watchdog, if there is one, from the event loop: a loop that hangs lets it bite."""
        if not self.watchdog_seconds:
            yield
            return
        feeding = asyncio.create_task(self._feed())
        try:
            yield
        finally:
            feeding.cancel()

    async def _feed(self) -> None:
        while True:
            self.say(WATCHDOG="1")
            await asyncio.sleep(self.watchdog_seconds / 3)


def without_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a child that is not the service's main process."""
    return {name: value for name, value in environment.items() if name not in VARIABLES}
