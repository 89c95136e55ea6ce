"""Sums of usage by the model that was asked for and the one that served, from which savings are calculated."""

import sqlite3
from collections.abc import Iterable

from conduit_tui.domain.usage import Usage, UsageRow
from conduit_tui.store.insert import Insert
from conduit_tui.store.interface import RouteTotal
from conduit_tui.store.rollups import BUCKET_MS, between

_KEY = ("bucket", "project", "requested_model", "routed_model", "provider")
_SUMS = ("requests", *Usage._fields, "cost_nanodollars")
_ADD = Insert(
    "usage_rerouted",
    (*_KEY, *_SUMS),
    on_conflict=f"DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _SUMS)}",
)
_TOTALS = ", ".join(f"sum({name})" for name in _SUMS)
_WHERE = "WHERE bucket >= ? AND bucket < ? AND (? = '' OR project = ?)"


def add(connection: sqlite3.Connection, rows: Iterable[UsageRow]) -> None:
    """Add the rows that another model served than was asked for; failed ones used nothing and are left out."""
    sums: dict[tuple[int, str, str, str, str], list[int]] = {}
    for row in rows:
        if row.routed_model == row.requested_model or not row.input_tokens:
            continue
        counters = sums.setdefault(_key(row), [0] * len(_SUMS))
        for place, amount in enumerate((1, *_tokens(row), row.cost_nanodollars)):
            counters[place] += amount
    _ADD.write(connection, [(*key, *counters) for key, counters in sums.items()])


def add_cost(connection: sqlite3.Connection, row: UsageRow, nanodollars: int) -> None:
    """Add to the cost of the bucket that a row was counted in, if it was; may be negative."""
    connection.execute(
        "UPDATE usage_rerouted SET cost_nanodollars = cost_nanodollars + ? "
        "WHERE (bucket, project, requested_model, routed_model, provider) = (?, ?, ?, ?, ?)",
        (nanodollars, *_key(row)),
    )


def totals(connection: sqlite3.Connection, *, since: int, until: int, project: str) -> list[RouteTotal]:
    """Sums by requested model, routed model and provider over whole buckets; what was not rerouted included."""
    span = (since - since % BUCKET_MS, until, project, project)
    rerouted = [
        _total(row)
        for row in connection.execute(
            f"SELECT requested_model, routed_model, provider, {_TOTALS} FROM usage_rerouted {_WHERE} GROUP BY 1, 2, 3",  # noqa: S608
            span,
        )
    ]
    moved: dict[tuple[str, str], list[int]] = {}
    for total in rerouted:
        sums = moved.setdefault((total.routed_model, total.provider), [0] * len(_SUMS))
        for place, amount in enumerate((total.requests, *total.tokens, total.cost_nanodollars)):
            sums[place] += amount
    found = rerouted
    source = between(since - since % BUCKET_MS, until, _SUMS)
    for model, provider, *sums in connection.execute(
        f"SELECT model, provider, {_TOTALS} FROM {source} WHERE (?1 = '' OR project = ?1) GROUP BY 1, 2",  # noqa: S608
        (project,),
    ):
        gone = moved.get((model, provider), [0] * len(_SUMS))
        left = [amount - taken for amount, taken in zip(sums, gone, strict=True)]
        if left[0] > 0:
            found.append(_total((model, model, provider, *left)))
    return sorted(found, key=lambda total: (-total.cost_nanodollars, total.requested_model, total.routed_model))


def _key(row: UsageRow) -> tuple[int, str, str, str, str]:
    bucket = row.created_at - row.created_at % BUCKET_MS
    return (bucket, row.project, row.requested_model, row.routed_model, row.provider)


def _tokens(row: UsageRow) -> Usage:
    return Usage(*(getattr(row, name) for name in Usage._fields))


def _total(row: tuple[object, ...]) -> RouteTotal:
    requested, routed, provider, requests, *tokens, cost = row
    return RouteTotal(requested, routed, provider, requests, Usage(*tokens), cost)  # type: ignore[arg-type]
