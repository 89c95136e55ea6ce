"""Prices of the user's own."""

import sqlite3

from conduit_tui.domain.prices import PriceOverride
from conduit_tui.store.clock import now_ms

_COLUMNS = "provider, model, free, input, output, cache_read, cache_write_5m, cache_write_1h, updated_at"


def all_of(connection: sqlite3.Connection) -> list[PriceOverride]:
    """Every price, by model and provider."""
    cursor = connection.execute(f"SELECT {_COLUMNS} FROM price_overrides ORDER BY model, provider")  # noqa: S608
    names = _COLUMNS.split(", ")
    return [
        PriceOverride.model_validate({**dict(zip(names, row, strict=True)), "free": bool(row[2])}) for row in cursor
    ]


def put(connection: sqlite3.Connection, price: PriceOverride) -> None:
    """Set a price, in place of the one that the model has at the provider."""
    connection.execute(
        f"INSERT OR REPLACE INTO price_overrides ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            price.provider, price.model, price.free, price.input, price.output, price.cache_read,
            price.cache_write_5m, price.cache_write_1h, now_ms(),
        ),
    )  # fmt: skip


def remove(connection: sqlite3.Connection, model: str, provider: str) -> None:
    """Raises KeyError if there is none."""
    cursor = connection.execute("DELETE FROM price_overrides WHERE (provider, model) = (?, ?)", (provider, model))
    if not cursor.rowcount:
        raise KeyError(model)
