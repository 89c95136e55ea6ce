"""A fixed histogram of durations, with log-spaced slots, that can be summed over any number of rows.

Slot 0 holds what took less than 16 ms, and every later slot ends at the square root of two times where it began, up to
slot 31, which holds everything from 524,288 ms (8.7 minutes) up. A percentile is interpolated inside its slot, so it is
off by less than 16 ms in slot 0 and by less than 42 % (a slot's width) above; past the last bound it reads 524,288 ms.
"""

from bisect import bisect_right
from collections.abc import Sequence

SLOTS = 32
BOUNDS = tuple(16 * 2 ** (step / 2) for step in range(SLOTS - 1))  # where slots 1 to 31 begin, in milliseconds


def slot(milliseconds: int) -> int:
    """The slot that a duration falls into."""
    return bisect_right(BOUNDS, milliseconds)


def percentile(counts: Sequence[int], share: float) -> int:
    """The duration in milliseconds that `share` (0 to 1) of the counted ones stay below; 0 if none was counted."""
    rank = share * sum(counts)
    for index, count in enumerate(counts):
        if count and rank <= count:
            return round(_within(index, rank / count))
        rank -= count
    return 0


def _within(index: int, part: float) -> float:
    if index == 0:
        return BOUNDS[0] * part
    start = BOUNDS[index - 1]
    return start if index == SLOTS - 1 else start * (BOUNDS[index] / start) ** part
