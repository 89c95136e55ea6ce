"""Giving a project another name: its configuration, its rules and its history go with it."""

# ruff: noqa: S608 - tables are constants; values are parameters

import sqlite3

from conduit_tui.store import projects, revisions
from conduit_tui.store.clock import now_ms

BATCH = 2_000  # usage rows of one transaction

_SMALL = (
    "routing_rules", "budgets", "agents", "sessions", "session_agents", "session_stops", "usage_rollup", "usage_daily",
    "usage_rerouted", "rule_hits", "captures", "unknown_fields",
)  # fmt: skip


def check(connection: sqlite3.Connection, name: str, new_name: str) -> None:
    """Raises KeyError (its argument is the name at fault) if there is no such project or the new name has a history."""
    projects.find(connection, name)
    taken = (
        projects.exists(connection, new_name)
        or connection.execute("SELECT 1 FROM usage_rollup WHERE project = ? LIMIT 1", (new_name,)).fetchone()
    )
    if taken:
        raise KeyError(new_name)


def usage_batch(connection: sqlite3.Connection, name: str, new_name: str, after_id: int) -> int | None:
    """Rename some usage rows; after which id to go on, None at the end.

    These are most of the work and come first, in transactions of their own. If it ends halfway, renaming again goes on.
    """
    (last,) = connection.execute(
        "SELECT max(id) FROM (SELECT id FROM usage WHERE id > ? ORDER BY id LIMIT ?)", (after_id, BATCH)
    ).fetchone()
    if last is None:
        return None
    connection.execute(
        "UPDATE usage SET project = ? WHERE id > ? AND id <= ? AND project = ?", (new_name, after_id, last, name)
    )
    return int(last)


def finish(connection: sqlite3.Connection, name: str, new_name: str, after_id: int) -> None:
    """Rename everything else, and the usage rows that have come meanwhile. Raises KeyError as `check` does."""
    check(connection, name, new_name)
    connection.execute("UPDATE usage SET project = ? WHERE id > ? AND project = ?", (new_name, after_id, name))
    for table in _SMALL:
        connection.execute(f"UPDATE {table} SET project = ? WHERE project = ?", (new_name, name))
    revisions.rename(connection, projects.KIND, name, new_name)
    connection.execute("UPDATE projects SET name = ?, updated_at = ? WHERE name = ?", (new_name, now_ms(), name))
