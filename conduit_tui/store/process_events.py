"""What happened to the gateway process, copied from the daemon."""

import sqlite3
from collections.abc import Iterable

from conduit_tui.domain.processes import GatewayState, ProcessEvent


def add(connection: sqlite3.Connection, events: Iterable[ProcessEvent]) -> None:
    """Write events down in their order; those already there (by id) are passed over."""
    connection.executemany(
        "INSERT INTO process_events (id, at, kind, state, reason, pid, generation) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [(event.id, event.at, event.kind, event.state, event.reason, event.pid, event.generation) for event in events],
    )


def delete_before(connection: sqlite3.Connection, instant: int, batch: int) -> int:
    """Delete the oldest events from before an instant (milliseconds), so many at most; how many."""
    return connection.execute(
        "DELETE FROM process_events WHERE sequence IN "
        "(SELECT sequence FROM process_events WHERE at < ? ORDER BY sequence LIMIT ?)",
        (instant, batch),
    ).rowcount


def newest(connection: sqlite3.Connection, limit: int) -> list[ProcessEvent]:
    """The newest events, oldest first."""
    cursor = connection.execute(
        "SELECT id, at, kind, state, reason, pid, generation FROM process_events ORDER BY sequence DESC LIMIT ?",
        (limit,),
    )
    return [
        ProcessEvent(
            id=id_, at=at, kind=kind, state=GatewayState(state) if state else None, reason=reason, pid=pid,
            generation=generation,
        )
        for id_, at, kind, state, reason, pid, generation in reversed(cursor.fetchall())
    ]  # fmt: skip
