"""The time that windows go by: the wall clock, as long as it agrees with the time that has passed."""

import time
from collections.abc import Callable

TOLERANCE_MS = 5 * 60 * 1000

_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _elapsed_ms() -> int:
    return time.clock_gettime_ns(_ELAPSED) // 1_000_000


class Clock:
    """Milliseconds since the epoch.

    When the wall clock jumps by more than five minutes against the time that has passed, it is not believed: a budget
    must not begin a fresh day because somebody set the clock. The time then goes on from before the jump until a
    provider's `Date` agrees with the wall clock (`confirm`).
    """

    def __init__(self, wall: Callable[[], int] = _wall_ms, elapsed: Callable[[], int] = _elapsed_ms) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._offset = wall() - elapsed()

    def now(self) -> int:
        """The time to go by."""
        wall, expected = self._wall(), self._elapsed() + self._offset
        return wall if abs(wall - expected) <= TOLERANCE_MS else expected

    def earliest(self) -> int:
        """The time for what cannot be undone: no later than the wall clock or the time that has passed says."""
        return min(self._wall(), self._elapsed() + self._offset)

    @property
    def jumped_ms(self) -> int:
        """How far the wall clock is ahead of the time that has passed (behind: negative), 0 while it is believed."""
        jump = self._wall() - self._elapsed() - self._offset
        return jump if abs(jump) > TOLERANCE_MS else 0

    def confirm(self, witness: int) -> None:
        """Believe the wall clock again if a provider's time, in milliseconds since the epoch, agrees with it."""
        wall = self._wall()
        if abs(wall - witness) <= TOLERANCE_MS:
            self._offset = wall - self._elapsed()
