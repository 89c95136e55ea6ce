"""The Prices screen: one's own prices, the rate of unknown models, and who is charged by a guess."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.tui import format as words
from conduit_tui.tui.ink import BLANK, Ink, Line, Part
from conduit_tui.tui.table import GAP, Column, cell, fit
from conduit_tui.tui.views import names

if TYPE_CHECKING:
    from conduit_tui.domain.prices import PriceOverride
    from conduit_tui.store.interface import GuessedPrice

COLUMNS = (
    Column("model", "model", 22, stretch=1, widest=40),
    Column("provider", "provider", 10, give_way=2),
    Column("input", "input", 8, right=True),
    Column("output", "output", 8, right=True),
    Column("cache_read", "cache read", 10, right=True),
    Column("cache_write_5m", "5 min write", 11, right=True, give_way=3),
    Column("cache_write_1h", "1 h write", 9, right=True, give_way=4),
    Column("set", "set on", 10, give_way=1),
)
RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


class PricesData(NamedTuple):
    """What was read: one's own prices, the rate of unknown models among them, and the guesses of a month."""

    own: Sequence[PriceOverride] = ()
    guessed: Sequence[GuessedPrice] = ()


Target = tuple[str, str]
"""A model and a provider."""


def lines(data: PricesData, now: int, width: int) -> list[tuple[Line, Target | None]]:
    """The whole screen. Each price is a target, and each model that has none."""
    columns = fit(COLUMNS, width - 2)
    titles = "".join(cell(column.title, column.width, right=column.right) + " " * GAP for column in columns)
    drawn: list[tuple[Line, Target | None]] = [
        (((" own prices", Ink.STRONG), ("  dollars per million tokens", Ink.MUTED)), None),
        (BLANK, None),
        (((f" {titles}", Ink.TITLE),), None),
    ]
    drawn += [(_row(columns, price), (price.model, price.provider)) for price in data.own]
    if len(data.own) == 1:
        drawn.append((((" Everything else costs what the price list says.", Ink.MUTED),), None))
    for unknown, title in (
        (True, " NO PRICE  charged at the unknown-model rate in the last 30 days"),
        (False, " IN PART  a fee or tier that nobody lists, charged at a stated rate"),
    ):
        found = [one for one in data.guessed if one.unknown is unknown]
        if found:
            drawn += [(BLANK, None), (((title, Ink.TITLE),), None)]
            drawn += [(_guess(one, now), (one.model, "") if unknown else None) for one in found]
    return drawn


def _row(columns: Sequence[Column], price: PriceOverride) -> Line:
    values = {name: rate(getattr(price, name)) for name in RATES}
    if price.free:
        values = dict.fromkeys(RATES, "") | {"input": "free", "output": "free"}
    values |= {
        "model": "unknown models" if price.model == "unknown" else names.model(price.model),
        "provider": price.provider or "all",
        "set": f"{datetime.fromtimestamp(price.updated_at / 1000, UTC):%Y-%m-%d}" if price.updated_at else "built in",
    }
    parts: list[Part] = [(" ", Ink.TEXT)]
    for column in columns:
        ink = Ink.MUTED if column.name in ("provider", "set") else Ink.TEXT
        parts.append((cell(values[column.name], column.width, right=column.right) + " " * GAP, ink))
    return parts


def _guess(one: GuessedPrice, now: int) -> Line:
    return (
        (" ! ", Ink.WARN),
        (cell(names.model(one.model), 36), Ink.TEXT),
        (f" {words.count(one.requests):>9} requests  last {words.moment(one.last_at, now)}", Ink.MUTED),
    )


def rate(nanodollars: int | None) -> str:
    """A rate as it is typed; empty for none."""
    if nanodollars is None:
        return ""
    return f"{(Decimal(nanodollars) / NANO_PER_DOLLAR).normalize():f}"
