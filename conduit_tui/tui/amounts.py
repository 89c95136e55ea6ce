"""Amounts and instants as people type them."""

import re
from datetime import datetime, timedelta
from decimal import Decimal

from conduit_tui.domain import money
from conduit_tui.domain.money import NANO_PER_DOLLAR, to_nanodollars
from conduit_tui.tui.format import DAY, HOUR, MINUTE, local

NO_LIMIT = ("", "none", "no limit", "-", "–")
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_SPAN = re.compile(r"(\d{1,5})\s*([mhdw])")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def read_limit(text: str) -> Decimal | None:
    """An amount in dollars; None for no limit. Raises ValueError in words."""
    return None if text.strip().lower() in NO_LIMIT else read_dollars(text)


def read_dollars(text: str) -> Decimal:
    """An amount in dollars, with or without the sign. Raises ValueError in words."""
    try:
        return money.read_dollars(text)
    except ValueError:
        raise ValueError("not an amount in dollars: 12.50") from None


def nanodollars(amount: Decimal | None) -> int | None:
    """Dollars as nano-dollars."""
    return None if amount is None else to_nanodollars(amount)


def write_limit(cap: int | None) -> str:
    """A cap as it is typed."""
    if cap is None:
        return "none"
    amount = Decimal(cap) / NANO_PER_DOLLAR
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount.normalize():f}"


def read_until(text: str, now: int) -> int:
    """`2h`, `90m`, `3d`, a time of day to come, or a date; milliseconds since the epoch. Raises ValueError in words."""
    text = text.strip()
    if span := _SPAN.fullmatch(text):
        return now + int(span[1]) * _UNITS[span[2]]
    if clock := _CLOCK.fullmatch(text):
        at = local(now).replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return int((at if at.timestamp() * 1_000 > now else at + timedelta(days=1)).timestamp() * 1_000)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1_000)
    except (ValueError, OverflowError, OSError):
        raise ValueError("such as 2h, 18:00, 3d or 2026-11-01") from None
