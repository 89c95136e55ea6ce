"""The providers that the user added."""

import sqlite3

from conduit_tui.domain.providers import Provider
from conduit_tui.store import revisions
from conduit_tui.store.clock import now_ms


def all_of(connection: sqlite3.Connection) -> list[Provider]:
    """Every stored provider, by name."""
    cursor = connection.execute("SELECT body FROM providers ORDER BY name")
    return [Provider.model_validate_json(body) for (body,) in cursor]


def put(connection: sqlite3.Connection, provider: Provider, *, replace: bool) -> None:
    """Raises KeyError: without `replace` if the name is taken, with it if there is none."""
    body = provider.model_dump_json()
    if replace:
        sql = "UPDATE providers SET body = ?2, updated_at = ?3 WHERE name = ?1"
    else:
        sql = (
            "INSERT INTO providers (name, body, created_at, updated_at) VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO NOTHING"
        )
    if not connection.execute(sql, (provider.name, body, now_ms())).rowcount:
        raise KeyError(provider.name)
    revisions.add(connection, "provider", provider.name, body)


def remove(connection: sqlite3.Connection, name: str) -> None:
    """Raises KeyError if there is none."""
    if not connection.execute("DELETE FROM providers WHERE name = ?", (name,)).rowcount:
        raise KeyError(name)
    revisions.add(connection, "provider", name, revisions.REMOVED)
