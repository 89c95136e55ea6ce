"""Days and months of every time zone tile time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conduit_tui.domain.limits import Period
from conduit_tui.ledger.windows import Span, day_start, span_at, zone_named

pytestmark = pytest.mark.fault

ZONES = sorted(available_timezones())
HOUR = 3_600_000


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def local(zone: ZoneInfo, at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, zone).replace(tzinfo=None)


def days_of_change(zone: ZoneInfo) -> Iterator[date]:
    """The days around changes of a zone's offset, as far as a look at each month's first noon shows them."""

    def offset(day: date) -> timedelta | None:
        return datetime(day.year, day.month, day.day, 12, tzinfo=zone).utcoffset()

    months = [date(year, month, 1) for year in range(1890, 2040) for month in range(1, 13)]
    for early, late in pairwise(months):
        if (before := offset(early)) == offset(late):
            continue
        while late - early > timedelta(days=1):
            middle = early + (late - early) // 2
            early, late = (middle, late) if offset(middle) == before else (early, middle)
        yield from (early - timedelta(days=1), early, late, late + timedelta(days=1), late + timedelta(days=2))


@pytest.mark.parametrize("part", range(8))
def test_days_begin_at_the_first_valid_instant_and_follow_each_other(part: int) -> None:
    changes = 0
    for name in ZONES[part::8]:
        zone, latest = zone_named(name), 0
        for day in days_of_change(zone):
            start, midnight = day_start(zone, day), datetime(day.year, day.month, day.day)  # noqa: DTZ001
            assert local(zone, start) >= midnight, (name, day)
            assert local(zone, start - 1000) < midnight, (name, day)
            following = day_start(zone, day + timedelta(days=1))
            assert start <= following, (name, day)
            assert span_at(Period.DAY, name, start).starts_at == start, (name, day)
            assert span_at(Period.DAY, name, start - 1).ends_at == start, (name, day)
            changes += start > latest
            latest = start
    assert changes > 1000


@settings(max_examples=500, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    period=st.sampled_from(Period),
    at=st.integers(instant("1890-01-02"), instant("2100-01-01")),
)
def test_an_instant_lies_in_one_window_and_the_next_begins_where_it_ends(zone: str, period: Period, at: int) -> None:
    span = span_at(period, zone, at)
    assert span.starts_at <= at < span.ends_at
    assert span_at(period, zone, span.starts_at) == span
    assert span_at(period, zone, span.ends_at - 1) == span
    following = span_at(period, zone, span.ends_at)
    assert following.starts_at == span.ends_at
    assert span_at(period, zone, span.starts_at - 1).ends_at == span.starts_at


@pytest.mark.parametrize(
    ("zone", "at", "starts", "hours"),
    [
        ("UTC", "2026-11-24 12:00", "2026-11-24 00:00", 24),
        ("Europe/Berlin", "2026-03-29 12:00", "2026-03-28 23:00", 23),
        ("Europe/Berlin", "2026-10-25 12:00", "2026-10-24 22:00", 25),
        ("Africa/Cairo", "2026-04-24 12:00", "2026-04-23 22:00", 23),  # no midnight on that day
        ("Asia/Beirut", "2022-03-27 12:00", "2022-03-26 22:00", 23),
        ("America/Sao_Paulo", "2018-11-04 12:00", "2018-11-04 03:00", 23),
        ("America/Sao_Paulo", "2018-02-17 12:00", "2018-02-17 02:00", 25),  # 23:00 to 24:00 comes twice
        ("America/St_Johns", "2010-11-07 12:00", "2010-11-07 02:30", 25),  # midnight comes twice
        ("Pacific/Apia", "2011-12-29 12:00", "2011-12-29 10:00", 24),
        ("Pacific/Apia", "2011-12-30 10:00", "2011-12-30 10:00", 24),  # the 31st: the 30th did not happen
        ("Asia/Kathmandu", "2026-11-24 12:00", "2026-11-23 18:15", 24),
    ],
)
def test_odd_days(zone: str, at: str, starts: str, hours: int) -> None:
    span = span_at(Period.DAY, zone, instant(at))
    assert span == Span(instant(starts), instant(starts) + hours * HOUR)


def test_a_day_that_a_zone_skipped_has_length_zero() -> None:
    apia = zone_named("Pacific/Apia")
    assert day_start(apia, date(2011, 12, 30)) == day_start(apia, date(2011, 12, 31)) == instant("2011-12-30 10:00")
    month = span_at(Period.MONTH, "Pacific/Apia", instant("2011-12-30 10:00"))
    assert month.ends_at - month.starts_at == 30 * 24 * HOUR


def test_months() -> None:
    assert span_at(Period.MONTH, "UTC", instant("2028-02-29 23:59")) == Span(
        instant("2028-02-01 00:00"), instant("2028-03-01 00:00")
    )
    assert span_at(Period.MONTH, "Europe/Berlin", instant("2026-12-31 23:30")) == Span(
        instant("2026-12-31 23:00"), instant("2027-01-31 23:00")
    )


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "Europe", "", "../../etc/passwd", "Europe/Berlin\x00", "/etc/localtime"]
)
def test_a_zone_that_there_is_not(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        zone_named(name)
