"""Deadlines without a timer each: one periodic look at everything that has one."""

import asyncio
from collections.abc import Callable
from time import perf_counter


class Sweep:
    """Calls `look(now)` every `seconds` while it runs; `now` is `time.perf_counter()`."""

    def __init__(self, look: Callable[[float], None], shortest: float) -> None:
        """`shortest` is the shortest deadline that is watched: it is noticed at most an eighth too late."""
        self._look = look
        self._seconds = min(max(shortest / 8, 0.005), 0.25)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, if not running; needs a running event loop."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._run)

    def stop(self) -> None:
        """End; may be started again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        self.start()
        self._look(perf_counter())
