"""Which agents were seen, from when to when; their totals are with their sessions."""

import sqlite3
from collections.abc import Iterable

from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.insert import Insert

_ADD = Insert(
    "agents",
    ("project", "agent", "agent_type", "client", "first_at", "last_at"),
    on_conflict="DO UPDATE SET agent_type = excluded.agent_type, client = excluded.client, "
    "first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)",
)


def add(connection: sqlite3.Connection, rows: Iterable[UsageRow]) -> None:
    """Note the agents of rows; rows that name none are passed over."""
    seen: dict[tuple[str, str], tuple[str, str, int, int]] = {}
    for row in rows:
        if row.agent:
            _, _, first_at, last_at = seen.get((row.project, row.agent), ("", "", row.created_at, row.created_at))
            times = min(first_at, row.created_at), max(last_at, row.created_at)
            seen[row.project, row.agent] = (row.agent_type, row.client, *times)
    _ADD.write(connection, [(*key, *facts) for key, facts in seen.items()])
