"""Switches of the whole gateway, by name."""

import json
import sqlite3
from typing import Any

BYPASS = "bypass"


def bypass(connection: sqlite3.Connection) -> bool:
    """Whether routing and project limits are switched off for everything."""
    return bool(get(connection, BYPASS, default=False))


def get(connection: sqlite3.Connection, name: str, default: Any = None) -> Any:
    """A setting's value, `default` where it was never set."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return default if row is None else json.loads(row[0])


def put(connection: sqlite3.Connection, name: str, value: Any) -> bool:
    """Set it; whether that changed anything."""
    text = json.dumps(value)
    return bool(
        connection.execute(
            "INSERT INTO settings (name, value) VALUES (?1, ?2) "
            "ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
            (name, text),
        ).rowcount
    )
