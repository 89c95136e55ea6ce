"""The times that charts show: how long, cut into how many stretches, and which of them get a word on the axis."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from conduit_tui.tui.format import DAY, HOUR, MINUTE, local


class Range(NamedTuple):
    """A length of time (milliseconds), and the stretches that it may be cut into, finest first."""

    name: str
    length: int
    stretches: tuple[int, ...]


RANGES = (
    Range("1 h", HOUR, (MINUTE, 2 * MINUTE, 5 * MINUTE)),
    Range("24 h", DAY, (30 * MINUTE, HOUR, 2 * HOUR)),
    Range("7 d", 7 * DAY, (2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY)),
    Range("30 d", 30 * DAY, (DAY,)),
)


class Span(NamedTuple):
    """From `since` to just before `until`, in `bars` stretches of `stretch`; all in milliseconds."""

    since: int
    until: int
    stretch: int

    @property
    def bars(self) -> int:
        return (self.until - self.since) // self.stretch

    def start(self, bar: int) -> int:
        """When a stretch begins."""
        return self.since + bar * self.stretch

    def bar(self, number: int) -> "Span":
        """One stretch as a span of its own."""
        return Span(self.start(number), self.start(number + 1), self.stretch)


def span(of: Range, cells: int, now: int, back: int = 0) -> Span:
    """The span that ends with the stretch that `now` lies in, `back` lengths earlier, in stretches that fit the cells.

    Stretches begin at whole ones of UTC, where the store's sums begin.
    """
    stretch = _stretch(of, cells)
    until = now - now % stretch + stretch - back * of.length
    return Span(until - of.length, until, stretch)


def _stretch(of: Range, cells: int) -> int:
    """The finest whose bars, which are all of one width, leave little room empty; else the one that leaves least."""
    filled = {one: cells - cells % bars for one in of.stretches if (bars := of.length // one) <= cells}
    if not filled:
        return of.stretches[-1]
    return next(
        (one for one, taken in filled.items() if taken >= 0.75 * cells), max(filled, key=lambda one: filled[one])
    )


def bar_width(shown: Span, cells: int) -> int:
    """How many cells each stretch gets."""
    return max(1, cells // shown.bars)


def axis(shown: Span, width: int, now: int) -> str:
    """The words under the bars. The stretch that is not over yet is said to be so."""
    cells = shown.bars * width
    line = [" "] * cells
    unfinished = shown.until > now
    end = "" if not unfinished else "today so far" if shown.stretch == DAY else "now"
    if end:
        end = end[-cells:]
        line[cells - len(end) :] = end
    free = cells - len(end) - (2 if end else 0)
    for bar, word in _labels(shown, width):
        at = bar * width
        if at + len(word) <= free and (at == 0 or line[at - 1] == " "):
            line[at : at + len(word)] = word
    return "".join(line)


def pointer(shown: Span, width: int, bar: int, mark: str) -> str:
    """A mark under one bar, with its time."""
    cells, at, words = shown.bars * width, bar * width + (width - 1) // 2, bar_title(shown, bar)
    if at + 2 + len(words) <= cells:
        return f"{' ' * at}{mark} {words}"
    return f"{words:>{max(0, at - 1)}} {mark}"


def _labels(shown: Span, width: int) -> list[tuple[int, str]]:
    """Words that may stand under bars, with enough room between them."""
    day = shown.stretch == DAY
    starts = [_clock(shown.start(bar), day=day) for bar in range(shown.bars)]
    words = [_word(shown, start) for start in starts]
    for every in _steps(shown):
        found = [(bar, words[bar]) for bar, start in enumerate(starts) if every(start)]
        gaps = [(after - before) * width - len(word) for (before, word), (after, _) in pairwise(found)]
        if found and all(gap >= 2 for gap in gaps):
            return found
    return [(0, words[0])]


def _clock(at: int, *, day: bool) -> datetime:
    """Days of usage are those of UTC; shorter times are told in the local one."""
    return datetime.fromtimestamp(at / 1_000, UTC) if day else local(at)


def _word(shown: Span, start: datetime) -> str:
    if shown.stretch == DAY:
        return f"{start:%b} {start.day}"
    return f"{start:%a} {start.day}" if shown.until - shown.since > DAY else f"{start:%H:%M}"


def _steps(shown: Span) -> Sequence["_Every"]:
    length = shown.until - shown.since
    if shown.stretch == DAY:
        return tuple(_Every(days=days) for days in (1, 2, 5, 7, 10))
    if length > DAY:
        return (_Every(hours=24),)
    if length > HOUR:
        return tuple(_Every(hours=hours) for hours in (2, 3, 4, 6, 12))
    return tuple(_Every(minutes=minutes) for minutes in (10, 15, 20, 30))


class _Every(NamedTuple):
    """Picks the starts at every so many days, hours or minutes."""

    days: int = 0
    hours: int = 0
    minutes: int = 0

    def __call__(self, start: datetime) -> bool:
        if self.days:
            return start.toordinal() % self.days == 0
        if self.hours:
            return start.minute < 15 and start.hour % self.hours == 0
        return start.minute % self.minutes == 0


def title(shown: Span, now: int) -> str:
    """The span in words: `Nov 13 11:00 to now`."""
    day = shown.stretch == DAY
    first, last = _clock(shown.since, day=day), _clock(shown.until - 1, day=day)
    pattern = "%b %d" if day else "%b %d %H:%M"
    end = "now" if shown.until > now else f"{last:{pattern}}" if day else f"{local(shown.until):{pattern}}"
    return f"{first:{pattern}} to {end}"


def bar_title(shown: Span, bar: int) -> str:
    """One stretch in words: `Nov 13 11:00 to 11:30`, `Thu Nov 13`."""
    if shown.stretch == DAY:
        return f"{_clock(shown.start(bar), day=True):%a %b %d}"
    return f"{local(shown.start(bar)):%b %d %H:%M} to {local(shown.start(bar + 1)):%H:%M}"
