"""Running totals of sessions, and what is summed by session."""

# ruff: noqa: S608 - the SQL that is put together here is constant; values are parameters

import sqlite3
from collections.abc import Sequence

from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.insert import Insert
from conduit_tui.store.interface import SessionSummary, UsageTotal
from conduit_tui.store.rollups import largest_first

_COLUMNS = ", ".join(SessionSummary._fields)
_SUMS = ("requests", "input_tokens", "output_tokens", "cache_read_tokens", "cost_nanodollars")
_ADD = Insert(
    "sessions",
    SessionSummary._fields,
    on_conflict="DO UPDATE SET agent_type = iif(excluded.last_at >= last_at, excluded.agent_type, agent_type), "
    "model = iif(excluded.last_at >= last_at, excluded.model, model), "
    f"{', '.join(f'{name} = {name} + excluded.{name}' for name in _SUMS)}, "
    "first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
)


def add(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> None:
    """Add rows to their sessions' totals, one statement per session and agent."""
    newest: dict[tuple[str, str, str], UsageRow] = {}
    sums: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        key = (row.project, row.session, row.agent)
        totals = sums.get(key)
        if totals is None:
            newest[key] = row
            totals = sums[key] = [0, 0, 0, 0, 0, row.created_at]
        elif row.created_at >= newest[key].created_at:
            newest[key] = row
        totals[0] += 1
        totals[1] += row.input_tokens
        totals[2] += row.output_tokens
        totals[3] += row.cache_read_tokens
        totals[4] += row.cost_nanodollars
        totals[5] = min(totals[5], row.created_at)
    _ADD.write(
        connection,
        [(*key, last.agent_type, last.routed_model, *sums[key], last.created_at) for key, last in newest.items()],
    )


def recent(connection: sqlite3.Connection, *, since: int, limit: int, project: str) -> list[SessionSummary]:
    """Sessions with traffic since an instant, the newest activity first."""
    cursor = connection.execute(
        f"SELECT {_COLUMNS} FROM sessions WHERE last_at >= ? AND (? = '' OR project = ?) "
        "ORDER BY last_at DESC, session, agent LIMIT ?",
        (since, project, project, limit),
    )
    return [SessionSummary._make(row) for row in cursor]


# The sessions table says which sessions to look at, so that the index on (session, created_at) serves a time range too.
_WITHIN = """
    FROM usage WHERE session IN (SELECT session FROM sessions WHERE last_at >= :since AND first_at < :until)
    AND created_at >= :since AND created_at < :until AND (:project = '' OR project = :project)
"""
_TOTALS = f"""
    SELECT session, count(*), sum(status >= 400 OR status = 0), sum(input_tokens), sum(output_tokens),
        sum(cache_read_tokens), sum(cost_nanodollars) {_WITHIN} GROUP BY session
"""
_LATENCIES = f"""
    SELECT session, latency_ms, row_number() OVER (PARTITION BY session ORDER BY latency_ms) AS place,
        count(*) OVER (PARTITION BY session) AS number {_WITHIN}
"""
_FIRST_BYTES = f"""
    SELECT session, first_byte_ms, row_number() OVER (PARTITION BY session ORDER BY first_byte_ms) AS place,
        count(*) OVER (PARTITION BY session) AS number {_WITHIN} AND first_byte_ms > 0
"""
_PERCENTILES = f"""
    SELECT session, max(latency_ms) FILTER (WHERE place = (number + 1) / 2),
        max(latency_ms) FILTER (WHERE place = (number * 95 + 99) / 100)
    FROM ({_LATENCIES}) GROUP BY session
"""
_FIRST_BYTE_MEDIANS = f"SELECT session, first_byte_ms FROM ({_FIRST_BYTES}) WHERE place = (number + 1) / 2"


def totals(connection: sqlite3.Connection, *, since: int, until: int, project: str) -> list[UsageTotal]:
    """Sums per session over the rows between two instants; percentiles are exact."""
    values = {"since": since, "until": until, "project": project}
    latencies = {session: found for session, *found in connection.execute(_PERCENTILES, values)}
    first_bytes = dict(connection.execute(_FIRST_BYTE_MEDIANS, values))
    return largest_first(
        [
            UsageTotal._make((session, *sums, *latencies[session], first_bytes.get(session, 0)))
            for session, *sums in connection.execute(_TOTALS, values)
        ]
    )
