"""Sums of usage in buckets of 15 minutes and by whole days, from which charts and totals are drawn.

A day is summed when it is over; until then, and until somebody comes to do it, it is read from its buckets. All days up
to the newest one in `usage_daily` are summed: what still comes for them is added to both.
"""

# ruff: noqa: S608 - the SQL that is put together here is constant; values are parameters

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from conduit_tui.domain.limits import Scope
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.histogram import SLOTS, percentile, slot
from conduit_tui.store.insert import Insert
from conduit_tui.store.interface import UsageTotal

BUCKET_MS = 15 * 60 * 1000
DAY_MS = 24 * 60 * 60 * 1000

_KEY = ("bucket", "project", "model", "agent_type", "provider")
_SUMS = (
    "requests", "errors", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens",
    "cache_write_1h_tokens", "reasoning_tokens", "cost_nanodollars", "latency_ms",
)  # fmt: skip
_LATENCY = tuple(f"latency_{number:02}" for number in range(SLOTS))
_FIRST_BYTE = tuple(f"first_byte_{number:02}" for number in range(SLOTS))
_COUNTERS = (*_SUMS, *_LATENCY, *_FIRST_BYTE)
_LATENCY_AT = 2 + len(_SUMS)
_FIRST_BYTE_AT = _LATENCY_AT + SLOTS

_ADD, _ADD_DAY = (
    Insert(
        table,
        (*_KEY, "first_usage_id", "last_usage_id", *_COUNTERS),
        on_conflict="DO UPDATE SET first_usage_id = min(first_usage_id, excluded.first_usage_id), "
        "last_usage_id = max(last_usage_id, excluded.last_usage_id), "
        f"{', '.join(f'{name} = {name} + excluded.{name}' for name in _COUNTERS)}",
    )
    for table in ("usage_rollup", "usage_daily")
)
_TOTALLED = (
    "requests", "errors", "input_tokens", "output_tokens", "cache_read_tokens", "cost_nanodollars", *_LATENCY,
    *_FIRST_BYTE,
)  # fmt: skip
_TOTALS = (
    f"SELECT {{key}}, {', '.join(f'sum({name})' for name in _TOTALLED)} FROM {{source}} "
    "WHERE (?1 = '' OR project = ?1) GROUP BY 1"
)
_NOT_SUMMED_FROM = f"(SELECT coalesce(max(bucket) + {DAY_MS}, 0) FROM usage_daily)"
_GROUPINGS = {
    "model": "model",
    "project": "project",
    "agent-type": "agent_type",
    "provider": "provider",
    "bucket": "bucket",
    "day": f"bucket / {DAY_MS}",
    "all": "'all'",
}
_Key = tuple[int, str, str, str, str]
_IN_TIME_ORDER = ("bucket", "day")


def is_error(status: int) -> bool:
    """Whether an attempt failed: an error of HTTP, or no answer at all (0)."""
    return status >= 400 or status == 0


def between(since: int, until: int, columns: Iterable[str], *, days: bool = True) -> str:
    """What to select from for the buckets that begin in a time: whole days from their sums, the ends by the quarter.

    The table has its key and the `columns`. Without `days` every bucket is one of 15 minutes.
    """
    first, last = -(-since // DAY_MS) * DAY_MS, until // DAY_MS * DAY_MS
    parts: list[tuple[str, int | str, int]] = [("usage_rollup", since, until)]
    if days and first < last:
        not_summed = f"min({last}, max({first}, {_NOT_SUMMED_FROM}))"
        parts = [("usage_rollup", since, first), ("usage_daily", first, last), ("usage_rollup", not_summed, until)]
    names = ", ".join((*_KEY, *columns))
    selects = (f"SELECT {names} FROM {table} WHERE bucket >= {start} AND bucket < {end}" for table, start, end in parts)
    return f"({' UNION ALL '.join(selects)})"


def add(connection: sqlite3.Connection, rows: Iterable[UsageRow], ids: Iterable[int]) -> None:
    """Add rows, whose ids grow, to their buckets, and to their days where those are summed already."""
    sums: dict[_Key, list[int]] = {}
    for row, row_id in zip(rows, ids, strict=True):
        bucket = row.created_at - row.created_at % BUCKET_MS
        key = (bucket, row.project, row.routed_model, row.agent_type, row.provider)
        counters = sums.get(key)
        if counters is None:
            counters = sums[key] = [row_id, row_id] + [0] * len(_COUNTERS)
        counters[1] = row_id
        counters[2] += 1
        counters[3] += is_error(row.status)
        counters[4] += row.input_tokens
        counters[5] += row.output_tokens
        counters[6] += row.cache_read_tokens
        counters[7] += row.cache_write_5m_tokens
        counters[8] += row.cache_write_1h_tokens
        counters[9] += row.reasoning_tokens
        counters[10] += row.cost_nanodollars
        counters[11] += row.latency_ms
        counters[_LATENCY_AT + slot(row.latency_ms)] += 1
        if row.first_byte_ms > 0:
            counters[_FIRST_BYTE_AT + slot(row.first_byte_ms)] += 1
    _ADD.write(connection, [(*key, *counters) for key, counters in sums.items()])
    not_summed_from = _not_summed_from(connection)
    _ADD_DAY.write(
        connection,
        [(key[0] - key[0] % DAY_MS, *key[1:], *sums[key]) for key in sums if key[0] < not_summed_from],
    )


def sum_next_day(connection: sqlite3.Connection, now: int) -> bool:
    """Sum the oldest day that is over at an instant and not summed yet; whether there was one."""
    (bucket,) = connection.execute(
        "SELECT min(bucket) FROM usage_rollup WHERE bucket >= ? AND bucket < ?",
        (_not_summed_from(connection), now - now % DAY_MS),
    ).fetchone()
    if bucket is None:
        return False
    _sum_day(connection, bucket - bucket % DAY_MS)
    return True


def sum_again(connection: sqlite3.Connection, days: Iterable[int]) -> None:
    """Sum days, given by their starts, anew whose buckets were changed; those that are not summed yet stay so."""
    not_summed_from = _not_summed_from(connection)
    for day in days:
        if day < not_summed_from:
            connection.execute("DELETE FROM usage_daily WHERE bucket = ?", (day,))
            _sum_day(connection, day)


def _sum_day(connection: sqlite3.Connection, day: int) -> None:
    sums = ", ".join(f"sum({name})" for name in _COUNTERS)
    connection.execute(
        f"INSERT INTO usage_daily ({', '.join(_KEY)}, first_usage_id, last_usage_id, {', '.join(_COUNTERS)}) "
        f"SELECT ?1, project, model, agent_type, provider, min(first_usage_id), max(last_usage_id), {sums} "
        "FROM usage_rollup WHERE bucket >= ?1 AND bucket < ?2 GROUP BY 2, 3, 4, 5",
        (day, day + DAY_MS),
    )


def _not_summed_from(connection: sqlite3.Connection) -> int:
    """The start of the first day that is not summed."""
    (start,) = connection.execute(f"SELECT {_NOT_SUMMED_FROM}").fetchone()
    return int(start)


def totals(connection: sqlite3.Connection, *, since: int, until: int, by: str, project: str) -> list[UsageTotal]:
    """Sums over the buckets that begin before `until` and end after `since`. Raises ValueError for an unknown `by`."""
    if by not in _GROUPINGS:
        raise ValueError(f"usage cannot be summed by {by!r}")
    source = between(since - since % BUCKET_MS, until, _TOTALLED, days=by != "bucket")
    sql = _TOTALS.format(key=_GROUPINGS[by], source=source)
    found = [_total(by, row) for row in connection.execute(sql, (project,))]
    if by == "all":
        return found or [UsageTotal._make(("all", *[0] * 9))]
    return found if by in _IN_TIME_ORDER else largest_first(found)


def spent(connection: sqlite3.Connection, scope: Scope, since: int, until: int) -> int:
    """What the buckets that begin before `until` and end after `since` cost, of a budget's requests; never negative."""
    source = between(since - since % BUCKET_MS, until, ("cost_nanodollars",))
    (total,) = connection.execute(
        f"SELECT coalesce(sum(cost_nanodollars), 0) FROM {source} "
        "WHERE (?1 = '' OR project = ?1) AND (?2 = '' OR model GLOB ?2) AND (?3 = '' OR agent_type = ?3)",
        scope,
    ).fetchone()
    return max(0, int(total))


def add_cost(connection: sqlite3.Connection, row: UsageRow, nanodollars: int) -> None:
    """Add to the cost of the bucket that a row was counted in, and of its day if that is summed; may be negative."""
    for table, length in (("usage_rollup", BUCKET_MS), ("usage_daily", DAY_MS)):
        connection.execute(
            f"UPDATE {table} SET cost_nanodollars = cost_nanodollars + ? "
            "WHERE (bucket, project, model, agent_type, provider) = (?, ?, ?, ?, ?)",
            (
                nanodollars, row.created_at - row.created_at % length, row.project, row.routed_model, row.agent_type,
                row.provider,
            ),
        )  # fmt: skip


def largest_first(found: list[UsageTotal]) -> list[UsageTotal]:
    """Dearest first, then busiest, then by name."""
    return sorted(found, key=lambda total: (-total.cost_nanodollars, -total.requests, total.key))


def _total(by: str, row: Sequence[int]) -> UsageTotal:
    key = datetime.fromtimestamp(row[0] * DAY_MS / 1000, UTC).date().isoformat() if by == "day" else str(row[0])
    latency = row[7 : 7 + SLOTS]
    first_byte = row[7 + SLOTS :]
    shown = percentile(latency, 0.5), percentile(latency, 0.95), percentile(first_byte, 0.5)
    return UsageTotal._make((key, *row[1:7], *shown))
