"""Spans of time as people write them."""

import re
import time
from datetime import datetime

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d{1,6})([smhdw])")


def parse_since(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    """`90m`, `24h`, `7d`, or an instant such as `2026-11-01` or `2026-11-01T09:30` (local unless it says its zone).

    Returns milliseconds since the epoch. Raises click.BadParameter.
    """
    if span := _SPAN.fullmatch(value):
        seconds = int(span[1]) * _UNITS[span[2]]
        return max(0, int((time.time() - seconds) * 1000))
    try:
        return int(datetime.fromisoformat(value).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither a span such as 90m, 24h, 7d nor a date such as 2026-11-01"
        ) from None


def parse_until(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """`90m`, `2h`, `3d` from now, or an instant such as `2026-11-01` or `2026-11-01T09:30`, in milliseconds."""
    if value is None:
        return None
    if span := _SPAN.fullmatch(value):
        return int((time.time() + int(span[1]) * _UNITS[span[2]]) * 1000)
    try:
        return int(datetime.fromisoformat(value).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{value!r} is neither a span such as 2h, 3d nor a date such as 2026-11-01") from None


def format_span(milliseconds: int) -> str:
    """`48s`, `5m12s`, `3h12m`, `2d4h`."""
    seconds = max(0, milliseconds // 1000)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02}s"
    if seconds < 86_400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3600}h"
