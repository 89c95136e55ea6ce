"""What a project or a provider was after each change."""

import sqlite3

from conduit_tui.store.clock import now_ms

REMOVED = "null"


def add(connection: sqlite3.Connection, kind: str, subject: str, body: str) -> None:
    """Keep a version; `body` is JSON, `REMOVED` for a subject that is no more."""
    connection.execute(
        "INSERT INTO revisions (subject_kind, subject, body, created_at) VALUES (?, ?, ?, ?)",
        (kind, subject, body, now_ms()),
    )
