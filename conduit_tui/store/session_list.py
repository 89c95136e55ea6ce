"""Reading sessions: the list of them, one in detail, and sums by session over a time."""

# ruff: noqa: S608 - the SQL that is put together here is constant; values are parameters

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from math import ceil

from conduit_tui.domain.sessions import AgentPart, ModelShare, SessionDay, SessionFilter, SessionRow
from conduit_tui.store.interface import SessionSummary, UsageTotal
from conduit_tui.store.rollups import BUCKET_MS, DAY_MS, largest_first

_MINUTE_MS = 60_000
_ORDER = "ORDER BY last_at / 60000 DESC, id DESC"
_STOP = "(SELECT {} FROM session_stops WHERE (project, session) = (sessions.project, sessions.session))"
_SELECT = f"""
    SELECT id, project, session, client, requests, errors, prompts, input_tokens, output_tokens, cache_read_tokens,
        cost_nanodollars, first_at, last_at, stop, coalesce({_STOP.format("reason")}, ''),
        coalesce({_STOP.format("stopped_at")}, 0)
    FROM sessions
"""
_WITHIN = "id IN (SELECT value FROM json_each(?))"
_PARTS = """
    SELECT sessions.id, parts.agent, parts.model, parts.requests, parts.cost_nanodollars
    FROM sessions JOIN session_agents AS parts USING (session, project)
    WHERE sessions.id IN (SELECT value FROM json_each(?))
"""
_RECENT = """
    WITH newest AS (
        SELECT session, project FROM sessions WHERE last_at / 60000 >= :since / 60000
            AND (:project = '' OR project = :project)
        ORDER BY last_at / 60000 DESC, id DESC LIMIT :most
    )
    SELECT project, session, agent, agent_type, model, sum(requests), sum(input_tokens), sum(output_tokens),
        sum(cache_read_tokens), sum(cost_nanodollars), min(first_at), max(last_at) AS newest_at, stop
    FROM newest JOIN session_agents USING (session, project)
    GROUP BY project, session, agent HAVING newest_at >= :since
    ORDER BY newest_at DESC, session, agent LIMIT :most
"""  # columns without a sum are those of the row with the greatest last_at


def ids(connection: sqlite3.Connection, where: SessionFilter) -> Sequence[int]:
    """The ids of the sessions that a filter names, the newest activity first."""
    parts, values = zip(*_conditions(where), strict=True)
    sql = f"SELECT id FROM sessions WHERE {' AND '.join(parts)} {_ORDER}"
    return array("q", chain.from_iterable(connection.execute(sql, tuple(chain.from_iterable(values)))))


def _conditions(where: SessionFilter) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    yield "session <> ''", ()
    if where.project:
        yield "project = ?", (where.project,)
    if where.session:
        # a range, so that the index finds it: what begins like this ends before its successor
        yield "session >= ? AND session < ?", (where.session, where.session + "\U0010ffff")
    if where.since:
        yield "last_at / 60000 >= ? AND last_at >= ?", (where.since // _MINUTE_MS, where.since)
    if where.model:
        yield _part_like("model"), (_pattern(where.model),)
    for word in where.text.split():
        pattern = _pattern(word)
        own = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in ("session", "project", "client"))
        yield f"({own} OR {_part_like('model')} OR {_part_like('agent_type')})", (pattern,) * 5


def _part_like(column: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM session_agents AS part WHERE part.session = sessions.session "
        f"AND part.project = sessions.project AND part.{column} LIKE ? ESCAPE '\\')"
    )


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def rows(connection: sqlite3.Connection, wanted: Sequence[int]) -> list[SessionRow]:
    """The sessions with these ids, in their order; ids without one are passed over."""
    numbers = f"[{','.join(map(str, wanted))}]"
    agents: dict[int, set[str]] = {}
    models: dict[int, dict[str, list[int]]] = {}
    for id_, agent, model, requests, cost in connection.execute(_PARTS, (numbers,)):
        agents.setdefault(id_, set()).add(agent)
        sums = models.setdefault(id_, {}).setdefault(model, [0, 0])
        sums[0] += requests
        sums[1] += cost
    found = {}
    for row in connection.execute(f"{_SELECT} WHERE {_WITHIN}", (numbers,)):
        mix = [ModelShare(model, *sums) for model, sums in models.get(row[0], {}).items()]
        mix.sort(key=lambda share: (-share.cost_nanodollars, -share.requests, share.model))
        found[row[0]] = SessionRow._make((*row, len(agents.get(row[0], ())), tuple(mix)))
    return [found[id_] for id_ in wanted if id_ in found]


def recent(connection: sqlite3.Connection, *, since: int, limit: int, project: str) -> list[SessionSummary]:
    """Sessions and their agents with traffic since an instant, the newest activity first."""
    cursor = connection.execute(_RECENT, {"since": since, "most": limit, "project": project})
    return [SessionSummary._make(row) for row in cursor]


def agents(connection: sqlite3.Connection, *, project: str, session: str) -> list[AgentPart]:
    """What each agent and model had of a session, in the order in which they began."""
    columns = ", ".join(AgentPart._fields)
    cursor = connection.execute(
        f"SELECT {columns} FROM session_agents WHERE (session, project) = (?, ?) ORDER BY first_at, agent, model",
        (session, project),
    )
    return [AgentPart._make(row) for row in cursor]


def days(connection: sqlite3.Connection, *, project: str, session: str) -> list[SessionDay]:
    """What a session used on each day (UTC), the newest first."""
    cursor = connection.execute(
        """
        SELECT created_at / :day * :day, count(*), sum(input_tokens), sum(output_tokens), sum(cost_nanodollars)
        FROM usage WHERE session = :session AND project = :project
            AND id >= (SELECT first_usage_id FROM sessions WHERE (session, project) = (:session, :project))
            AND id <= (SELECT last_usage_id FROM sessions WHERE (session, project) = (:session, :project))
        GROUP BY 1 ORDER BY 1 DESC
        """,
        {"day": DAY_MS, "session": session, "project": project},
    )
    return [SessionDay._make(row) for row in cursor]


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
