"""Sessions whose further requests are refused."""

import sqlite3

from conduit_tui.domain.sessions import StoppedSession

_COLUMNS = ", ".join(StoppedSession._fields)


def all_of(connection: sqlite3.Connection) -> list[StoppedSession]:
    """Every stopped session, the newest stop first."""
    cursor = connection.execute(f"SELECT {_COLUMNS} FROM session_stops ORDER BY stopped_at DESC, session")  # noqa: S608
    return [StoppedSession._make(row) for row in cursor]


def put(connection: sqlite3.Connection, stop: StoppedSession) -> None:
    """Stop a session; one that is stopped already has the new reason from now on."""
    connection.execute("INSERT OR REPLACE INTO session_stops VALUES (?, ?, ?, ?)", stop)


def remove(connection: sqlite3.Connection, project: str, session: str) -> bool:
    """Let a session go on; whether it was stopped."""
    return bool(
        connection.execute("DELETE FROM session_stops WHERE (project, session) = (?, ?)", (project, session)).rowcount
    )
