"""Running totals of sessions, and what is summed by session."""

# ruff: noqa: S608 - the SQL that is put together here is constant; values are parameters

import sqlite3
from collections.abc import Sequence
from math import ceil

from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.insert import Insert
from conduit_tui.store.interface import SessionSummary, UsageTotal
from conduit_tui.store.rollups import BUCKET_MS, largest_first

_COLUMNS = ", ".join(SessionSummary._fields)
_SUMS = ("requests", "input_tokens", "output_tokens", "cache_read_tokens", "cost_nanodollars")
_ADD = Insert(
    "sessions",
    (*SessionSummary._fields, "first_usage_id", "last_usage_id"),
    on_conflict="DO UPDATE SET agent_type = iif(excluded.last_at >= last_at, excluded.agent_type, agent_type), "
    "model = iif(excluded.last_at >= last_at, excluded.model, model), "
    f"{', '.join(f'{name} = {name} + excluded.{name}' for name in _SUMS)}, "
    "first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at), "
    "first_usage_id = min(first_usage_id, excluded.first_usage_id), "
    "last_usage_id = max(last_usage_id, excluded.last_usage_id)",
)


def add(connection: sqlite3.Connection, rows: Sequence[UsageRow], ids: Sequence[int]) -> None:
    """Add rows, whose ids grow, to their sessions' totals."""
    newest: dict[tuple[str, str, str], UsageRow] = {}
    sums: dict[tuple[str, str, str], list[int]] = {}
    for row, row_id in zip(rows, ids, strict=True):
        key = (row.project, row.session, row.agent)
        totals = sums.get(key)
        if totals is None:
            newest[key] = row
            totals = sums[key] = [0, 0, 0, 0, 0, row.created_at, row.created_at, row_id, row_id]
        elif row.created_at >= newest[key].created_at:
            newest[key] = row
        totals[0] += 1
        totals[1] += row.input_tokens
        totals[2] += row.output_tokens
        totals[3] += row.cache_read_tokens
        totals[4] += row.cost_nanodollars
        totals[5] = min(totals[5], row.created_at)
        totals[6] = max(totals[6], row.created_at)
        totals[8] = row_id
    _ADD.write(
        connection,
        [(*key, last.agent_type, last.routed_model, *sums[key]) for key, last in newest.items()],
    )


def add_cost(connection: sqlite3.Connection, row: UsageRow, nanodollars: int) -> None:
    """Add to the cost of the session that a row was counted in; may be negative."""
    connection.execute(
        "UPDATE sessions SET cost_nanodollars = cost_nanodollars + ? WHERE (project, session, agent) = (?, ?, ?)",
        (nanodollars, row.project, row.session, row.agent),
    )


def recent(connection: sqlite3.Connection, *, since: int, limit: int, project: str) -> list[SessionSummary]:
    """Sessions with traffic since an instant, the newest activity first."""
    cursor = connection.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE last_at >= ? AND (? = '' OR project = ?) "
        "ORDER BY last_at DESC, session, agent LIMIT ?",
        (since, project, project, limit),
    )
    return [SessionSummary._make(row) for row in cursor]


# The rollups say between which ids the rows of a time lie. The durations come out as one text per session: ranking them
# in SQL took five times as long.
_TOTALS = """
    SELECT session, count(*), sum(status >= 400 OR status = 0), sum(input_tokens), sum(output_tokens),
        sum(cache_read_tokens), sum(cost_nanodollars), group_concat(latency_ms),
        group_concat(iif(first_byte_ms > 0, first_byte_ms, NULL))
    FROM usage WHERE id >= (SELECT min(first_usage_id) FROM usage_rollup
            WHERE bucket > :since - :bucket AND bucket < :until)
        AND id <= (SELECT max(last_usage_id) FROM usage_rollup
            WHERE bucket > :since - :bucket AND bucket < :until)
        AND created_at >= :since AND created_at < :until AND (:project = '' OR project = :project)
    GROUP BY session
"""


def totals(connection: sqlite3.Connection, *, since: int, until: int, project: str) -> list[UsageTotal]:
    """Sums per session over the rows between two instants; percentiles are exact."""
    found = []
    for *sums, latencies, first_bytes in connection.execute(
        _TOTALS, {"since": since, "until": until, "project": project, "bucket": BUCKET_MS}
    ):
        latency = _sorted(latencies)
        shown = _percentile(latency, 0.5), _percentile(latency, 0.95), _percentile(_sorted(first_bytes), 0.5)
        found.append(UsageTotal._make((*sums, *shown)))
    return largest_first(found)


def _sorted(numbers: str | None) -> list[int]:
    return sorted(map(int, numbers.split(","))) if numbers else []


def _percentile(ordered: Sequence[int], share: float) -> int:
    return ordered[max(0, ceil(len(ordered) * share) - 1)] if ordered else 0
