"""Days and months of a time zone as spans of UTC; pure.

A span is computed once, when its window is created, and its instants are kept. A day begins at the first instant whose
local time is not before its midnight: where clocks skip midnight that is the first valid instant, where they show it
twice the first time, and a day that a zone skipped has length 0. So the days of a zone follow each other without gap
or overlap.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from conduit_tui.domain.limits import Period

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock times are compared without a zone
_ONE_DAY = timedelta(days=1)


class Span(NamedTuple):
    """From `starts_at` to just before `ends_at`, in milliseconds since the epoch."""

    starts_at: int
    ends_at: int


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """The IANA zone. Raises ValueError if there is none of this name."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # a directory of the database, or a path
        raise ValueError(f"{name!r} is no IANA time zone, such as Europe/Berlin") from None


def span_at(period: Period, zone: str, at: int) -> Span:
    """The day or month of a zone that an instant (milliseconds since the epoch) lies in.

    Raises ValueError for an unknown zone, OverflowError beyond the years that a date can have.
    """
    known = zone_named(zone)
    first = _first_date(period, datetime.fromtimestamp(at // 1000, known).date())
    while at < day_start(known, first):  # a clock that was turned back shows yesterday's date in today's window
        first = _first_date(period, first - _ONE_DAY)
    while at >= (end := day_start(known, following := _next_date(period, first))):
        first = following
    return Span(day_start(known, first), end)


@lru_cache(maxsize=4096)
def day_start(zone: ZoneInfo, day: date) -> int:
    """The first instant, in milliseconds since the epoch, whose local time is not before the day's midnight."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    wanted = _seconds(midnight)
    early, late = (
        wanted - _offset(midnight.replace(fold=1)),
        wanted - _offset(midnight),
    )
    if late <= early:  # an ordinary midnight, or the first of two
        return late * 1000
    # Clocks skip midnight: between these two they jump past it.
    while early < late:
        middle = (early + late) // 2
        if _seconds(datetime.fromtimestamp(middle, zone)) >= wanted:
            late = middle
        else:
            early = middle + 1
    return late * 1000


def _first_date(period: Period, day: date) -> date:
    return day if period is Period.DAY else day.replace(day=1)


def _next_date(period: Period, first: date) -> date:
    if period is Period.DAY:
        return first + _ONE_DAY
    return (first + timedelta(days=31)).replace(day=1)


def _seconds(local: datetime) -> int:
    return int((local.replace(tzinfo=None) - _EPOCH).total_seconds())


def _offset(local: datetime) -> int:
    offset = local.utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def local_time(zone: str, at: int) -> datetime:
    """An instant as a zone's clocks show it."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone_named(zone))
