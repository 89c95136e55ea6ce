"""Migrations of databases that earlier versions have filled, killed before every statement. Fault S6."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conduit_tui.store.migrate import MIGRATIONS, SCHEMA, migrate, statements
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.fault

Rows = dict[str, list[tuple[object, ...]]]

SCRIPT = Path(__file__).with_name("run_migration.py")
ROWS = 40  # of each table
OLDER = range(1, SCHEMA)
QUICK = {1, SCHEMA - 2, SCHEMA - 1}
AT = 1_750_000_000_000  # 2025-06-15
QUARTER_OF_AN_HOUR = 900_000

# What a column may have where a made-up text or number is refused, or means something to a migration.
VALUES = {
    "behind": 0, "body": '{"enabled": true}', "changes": "[]", "cut": 0, "enabled": 1, "ends_at": 1_000_000, "free": 0,
    "config": '{"costLimits": {"daily": null, "monthly": null}}', "held_nanodollars": 0, "kind": "message",
    "metadata": "{}", "mode": "strict", "period": "day", "scope_kind": "project", "state": "settled",
    "unpriced": "charge", "usage": "", "value": "1", "windows": "[1]", "zone": "UTC",
}  # fmt: skip
# Made anew by a later migration, which says what becomes of their rows: what they keep is checked apart.
MADE_ANEW = {"budget_windows": 3, "ledger_entries": 3, "sessions": 8}


def value(column: str, kind: str, number: int) -> object:
    if column in VALUES:
        return VALUES[column]
    if kind == "TEXT":
        return f"{column} {number}"
    if kind == "BLOB":
        return b"%d" % number
    if column in ("bucket", "created_at"):
        return AT + number * QUARTER_OF_AN_HOUR
    return number


def tables(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return sorted(name for (name,) in names)


def columns(connection: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    return [(name, kind) for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")]


def fill(path: Path, version: int) -> None:
    """A database as the version with so many migrations left it, with rows in every table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for migration in MIGRATIONS[:version]:
            for statement in statements(migration.sql):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version}")
        for table in tables(connection):
            named = columns(connection, table)
            places = ", ".join("?" * len(named))
            connection.executemany(
                f"INSERT INTO {table} ({', '.join(name for name, _ in named)}) VALUES ({places})",
                [[value(*column, number) for column in named] for number in range(100, 100 + ROWS)],
            )
        connection.execute("COMMIT")


def contents(path: Path, named: dict[str, list[str]] | None = None) -> Rows:
    """All rows of all tables, or of these columns."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        wanted = named or {table: [name for name, _ in columns(connection, table)] for table in tables(connection)}
        return {
            table: sorted(connection.execute(f"SELECT {', '.join(names)} FROM {table}"), key=repr)
            for table, names in wanted.items()
        }


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def schema(path: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return {table: [name for name, _ in columns(connection, table)] for table in tables(connection)}


def migrated(path: Path) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path)
    return path


def copies(folder: Path, before: Path) -> Iterator[Path]:
    """Databases whose migration was killed, before its first, second, ... statement."""
    done = subprocess.run([sys.executable, SCRIPT, before, folder], capture_output=True, text=True, check=True)
    for number in range(1, int(done.stdout)):
        yield folder / f"{number}.db"


async def opened(path: Path) -> None:
    await (await SqliteStore.open(path)).close()


@pytest.mark.parametrize("version", OLDER)
def test_rows_of_every_table_survive(tmp_path: Path, version: int) -> None:
    before, after = tmp_path / "before.db", tmp_path / "after.db"
    fill(before, version)
    shutil.copyfile(before, after)
    migrated(after)
    kept = {table: names for table, names in schema(before).items() if version >= MADE_ANEW.get(table, 0)}
    had, has = contents(before, kept), contents(after, kept)
    assert set(had["revisions"]) <= set(has["revisions"])  # the second version adds one of every project
    assert has | {"revisions": []} == had | {"revisions": []}
    if version < MADE_ANEW["sessions"]:
        sums = {"sessions": ["count(*)", "sum(requests)", "sum(cost_nanodollars)", "min(first_at)", "max(last_at)"]}
        assert contents(after, sums) == contents(before, sums)


@pytest.mark.parametrize(
    "version", [pytest.param(one, marks=() if one in QUICK else pytest.mark.slow) for one in OLDER]
)
def test_a_killed_migration_is_not_begun_or_finished_and_the_next_start_ends_it(tmp_path: Path, version: int) -> None:
    before, after = tmp_path / "before.db", tmp_path / "after.db"
    fill(before, version)
    shutil.copyfile(before, after)
    old, new = contents(before), contents(migrated(after))
    killed = 0
    for path in copies(tmp_path, before):
        killed += 1
        found = version_of(path)
        assert found in (version, SCHEMA)
        assert contents(path) == (old if found == version else new), f"killed before statement {killed}"
        asyncio.run(opened(path))
        assert (version_of(path), contents(path)) == (SCHEMA, new), f"killed before statement {killed}"
    assert killed > sum(len(list(statements(migration.sql))) for migration in MIGRATIONS[version:])
