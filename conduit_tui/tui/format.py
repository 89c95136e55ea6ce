"""Figures and times in words for people."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

Now = Callable[[], int]
"""The time in milliseconds since the epoch."""

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def count(number: int) -> str:
    """`1,204,331`"""
    return f"{number:,}"


def counted(number: int, thing: str) -> str:
    """`1 stream`, `3 streams`"""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def tokens(number: int) -> str:
    """`310`, `9.3k`, `812k`, `1.2 M`, `210 M`"""
    if number < 1_000:
        return str(number)
    if number < 99_950:
        return f"{number / 1_000:.1f}k"
    if number < 999_500:
        return f"{number / 1_000:.0f}k"
    if number < 99_950_000:
        return f"{number / 1_000_000:.1f} M"
    if number < 999_500_000:
        return f"{number / 1_000_000:.0f} M"
    return f"{number / 1_000_000_000:.1f} G"


def percent(part: float, whole: float) -> str:
    """`82 %`, one decimal below ten (`0.4 %`), `–` of nothing."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.1f} %" if 0 < share < 9.95 else f"{share:.0f} %"


def whole_percent(part: float, whole: float) -> str:
    """`82 %`, without decimals; `–` of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "–"


def duration(milliseconds: float) -> str:
    """`780 ms`, `3.4 s`, `12 s`, `4 m`, `3 h`, `2 d`"""
    if milliseconds < SECOND:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 9_950:
        return f"{milliseconds / SECOND:.1f} s"
    return age(milliseconds)


def age(milliseconds: float) -> str:
    """A span in its largest unit: `12 s`, `4 m`, `3 h`, `2 d`."""
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if milliseconds >= unit:
            return f"{milliseconds // unit:.0f} {letter}"
    return f"{max(0, milliseconds) // SECOND:.0f} s"


def uptime(milliseconds: int) -> str:
    """`3h12m`, `2d4h`, `12m`; empty within the first minute, so that nothing ticks."""
    if milliseconds < MINUTE:
        return ""
    days, rest = divmod(milliseconds, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes = rest // MINUTE
    if days:
        return f"{days}d{hours}h"
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m"


def microseconds(number: int) -> str:
    """`41 µs`, `3.2 ms`, `1.4 s`"""
    if number < 1_000:
        return f"{number} µs"
    return f"{number / 1_000:.1f} ms" if number < 99_950 else duration(number / 1_000)


def size(number: int) -> str:
    """`812 B`, `39 kB`, `38 MB`, `1.2 GB`"""
    if number < 1_000:
        return f"{number} B"
    if number < 999_500:
        return f"{number / 1_000:.0f} kB"
    return f"{number / 1e6:.0f} MB" if number < 999_500_000 else f"{number / 1e9:.1f} GB"


def local(at: int, zone: tzinfo | None = None) -> datetime:
    """The instant in the zone given, else in the local one."""
    return datetime.fromtimestamp(at / 1_000, tz=UTC).astimezone(zone)


def moment(at: int, now: int) -> str:
    """When, in a list: `10:41` today, `11-13` (month and day) before."""
    when = local(at)
    return when.strftime("%H:%M" if when.date() == local(now).date() else "%m-%d")


def instant(at: int) -> str:
    """When, in a detail: `2025-11-14 10:41:07`."""
    return local(at).strftime("%Y-%m-%d %H:%M:%S")


def start_of_day(now: int) -> int:
    """The last midnight in UTC, where the days of usage begin."""
    return now - now % DAY
