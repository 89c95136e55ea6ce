"""Bring a database to this version's schema: numbered SQL files, and `PRAGMA user_version` says which were run."""

import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from conduit_tui.store.interface import StoreError


class Migration(NamedTuple):
    """One numbered file."""

    number: int
    name: str
    sql: str


def _load() -> tuple[Migration, ...]:
    folder = resources.files("conduit_tui.store") / "migrations"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    migrations = tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise RuntimeError("the migrations are not numbered 0001, 0002, ...")
    return migrations


MIGRATIONS = _load()
SCHEMA = len(MIGRATIONS)


def schema_version(connection: sqlite3.Connection) -> int:
    """The schema that the database has; 0 for an empty one. Raises sqlite3.Error if it is no database."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def check_schema(connection: sqlite3.Connection, path: Path) -> int:
    """The database's schema version; writes nothing. Raises StoreError if it is newer than this program or not ours."""
    version = schema_version(connection)
    if version > SCHEMA:
        raise StoreError(
            f"database {path} was written by a newer conduit-tui (schema {version}, this one knows {SCHEMA}); "
            "upgrade conduit-tui or use another --state-dir"
        )
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
        raise StoreError(f"{path} is an SQLite database of another program; use another --state-dir")
    return version


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run what is missing in one transaction. `connection` is in autocommit mode. Raises StoreError, sqlite3.Error."""
    if check_schema(connection, path) == SCHEMA:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for migration in MIGRATIONS[check_schema(connection, path) :]:
            for statement in statements(migration.sql):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {migration.number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> Iterator[str]:
    """The single statements of a script. (`executescript` would commit the transaction that is open.)"""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
