"""Migrations: old or new and never between; what is newer, foreign or broken is left alone."""

# ruff: noqa: ASYNC240 - nothing else runs on these tests' loops

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.interface import StoreError
from conduit_tui.store.migrate import MIGRATIONS, SCHEMA, migrate, statements
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

TABLES = {
    "agents", "audit_log", "budget_windows", "budgets", "captures", "ledger_entries", "price_overrides",
    "process_events", "projects", "providers", "revisions", "routing_rules", "rule_hits", "runs", "session_agents",
    "session_stops", "sessions", "settings", "unknown_fields", "usage", "usage_daily", "usage_rerouted", "usage_rollup",
}  # fmt: skip


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    try:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {name for (name,) in names}
    finally:
        connection.close()


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


async def test_a_new_database_has_the_whole_schema(sqlite_store: SqliteStore, database: Path) -> None:
    assert tables(database) == TABLES
    assert version(database) == SCHEMA == len(MIGRATIONS)
    columns = [
        name for _, name, *_ in await sqlite_store.run(lambda db: db.execute("PRAGMA table_info(usage)").fetchall())
    ]
    assert columns == ["id", *UsageRow._fields]
    generated = await sqlite_store.run(lambda db: db.execute("PRAGMA table_xinfo(usage)").fetchall())
    assert [name for _, name, _, _, _, _, hidden in generated if hidden] == ["total_tokens"]


async def test_the_default_project_is_the_model_s_default(sqlite_store: SqliteStore) -> None:
    (config,) = await sqlite_store.run(lambda db: db.execute("SELECT config FROM projects").fetchone())
    assert ProjectConfig.model_validate_json(config) == Project(name="default").config


async def test_opening_again_changes_nothing(database: Path) -> None:
    await (await SqliteStore.open(database)).close()
    before = database.read_bytes()
    await (await SqliteStore.open(database)).close()
    assert database.read_bytes() == before


SCRIPT = Path(__file__).with_name("run_migration.py")


def state(path: Path) -> tuple[object, ...]:
    """The version of a database, how many tables and indexes it has, and whether it is whole."""
    connection = sqlite3.connect(path)
    questions = ("PRAGMA user_version", "SELECT count(*) FROM sqlite_master", "PRAGMA integrity_check")
    answers = tuple(connection.execute(question).fetchone()[0] for question in questions)
    connection.close()
    return answers


@pytest.mark.fault
def test_a_crash_before_any_statement_leaves_the_old_database_or_the_new(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, tmp_path / "not there", tmp_path]
    crashes = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) - 1
    assert crashes > sum(len(list(statements(migration.sql))) for migration in MIGRATIONS)
    new = state(tmp_path / f"{crashes + 1}.db")
    assert (new[0], new[2]) == (SCHEMA, "ok")
    assert {state(tmp_path / f"{number}.db") for number in range(1, crashes + 1)} <= {(0, 0, "ok"), new}
    path = tmp_path / "2.db"  # one that was killed: the next start finishes the work
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path)
    connection.close()
    assert tables(path) == TABLES


async def test_a_newer_schema_is_refused_and_untouched(database: Path) -> None:
    await (await SqliteStore.open(database)).close()
    connection = sqlite3.connect(database)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 6}")
    connection.close()
    before = database.read_bytes()
    expected = (
        f"database {database} was written by a newer conduit-tui (schema {SCHEMA + 6}, this one knows {SCHEMA}); "
        "upgrade conduit-tui or use another --state-dir"
    )
    for side in (SqliteStore, SqliteReader):
        with pytest.raises(StoreError) as refusal:
            await side.open(database)
        assert str(refusal.value) == expected
    assert database.read_bytes() == before


async def test_our_tables_without_a_version_are_not_trusted(database: Path) -> None:
    await (await SqliteStore.open(database)).close()
    connection = sqlite3.connect(database)
    connection.execute("DROP TABLE audit_log")
    connection.execute("PRAGMA user_version = 0")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        await SqliteReader.open(database)


async def test_another_program_s_database_is_refused_and_untouched(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = database.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        await SqliteStore.open(database)
    assert database.read_bytes() == before
    assert [entry.name for entry in database.parent.iterdir()] == [database.name]


@pytest.mark.parametrize("content", [b"not a database at all, " * 100, b"\0" * 4096])
async def test_what_is_no_database_is_refused_and_untouched(database: Path, content: bytes) -> None:
    database.write_bytes(content)
    for side in (SqliteStore, SqliteReader):
        with pytest.raises(StoreError) as refusal:
            await side.open(database)
        assert str(database) in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert database.read_bytes() == content


async def test_a_damaged_database_is_refused_in_words(database: Path) -> None:
    await (await SqliteStore.open(database)).close()
    content = bytearray(database.read_bytes())
    content[100:4096] = os.urandom(3996)  # the schema's page, behind a good header
    database.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged; restore a backup"):
        await SqliteStore.open(database)


async def test_an_empty_file_becomes_a_database(database: Path) -> None:
    database.touch()
    await (await SqliteStore.open(database)).close()
    assert tables(database) == TABLES


def test_the_ledger_s_checks_hold() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path(":memory:"))
    entry = (
        "INSERT INTO ledger_entries (exchange_id, attempt, generation, state, hold_nanodollars, cost_nanodollars,"
        " windows, closes_at, created_at, expires_at, ended_at) VALUES (?, 1, 1, ?, ?, ?, '[1]', 0, 0, 0, ?)"
    )
    connection.execute(entry, ("a", "held", 5, None, None))
    connection.execute(entry, ("b", "settled", 5, 9, 1))
    connection.execute(entry, ("c", "void", 5, 0, 1))
    for wrong in (
        ("d", "lost", 5, 0, 1), ("d", "held", 5, 1, None), ("d", "held", 5, None, 1), ("d", "settled", 5, None, 1),
        ("d", "void", 5, 1, 1), ("d", "held", -1, None, None), ("a", "settled", 5, 5, 1),
    ):  # fmt: skip
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(entry, wrong)
    connection.close()
