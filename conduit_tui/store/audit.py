"""The audit log: which changes of configuration were made, and when."""

import sqlite3

from conduit_tui.store.clock import now_ms


def add(connection: sqlite3.Connection, action: str, subject: str, detail: str) -> None:
    """Write down a change."""
    connection.execute(
        "INSERT INTO audit_log (at, action, subject, detail) VALUES (?, ?, ?, ?)", (now_ms(), action, subject, detail)
    )
