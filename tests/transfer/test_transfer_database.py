"""I5: a database file from elsewhere is no more than the rows of our own tables."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from transfer_scenes import exported, filled, import_into, plan_of, project, rows_of, usage_row, version_2

from conduit_tui.store.migrate import MIGRATIONS, SCHEMA, statements
from conduit_tui.transfer.errors import TransferError


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "given.db"
    import_into(path, version_2(projects=[project("docs", futureField={"a": 1.5})]))
    return filled(path, [usage_row(n) for n in range(5)])


def crafted(path: Path, *sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in sql:
            connection.execute(statement)


def test_its_rows_come_in(given: Path, database: Path) -> None:
    assert plan_of(database, given).requests == 5
    import_into(database, given)
    assert exported(database) == exported(given)
    assert import_into(database, given).requests == 0


WITHOUT_USAGE = "DROP TABLE usage"
SCHEMA_SQL = "UPDATE sqlite_master SET sql = replace(sql, 'session TEXT', 'session BLOB') WHERE name = 'usage'"
CRAFTED = {
    "trigger": ["CREATE TRIGGER t AFTER INSERT ON usage BEGIN DELETE FROM projects; END"],
    "view": [
        WITHOUT_USAGE,
        "CREATE VIEW usage AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    ],
    "extra table": ["CREATE TABLE more (a)"],
    "other columns": [WITHOUT_USAGE, "CREATE TABLE usage (id INTEGER PRIMARY KEY, payload TEXT)"],
    "index on an expression": ["CREATE INDEX i ON usage (abs(id))"],
    "fake schema": ["PRAGMA writable_schema = ON", SCHEMA_SQL, "PRAGMA writable_schema = OFF"],
    "another program": ["PRAGMA application_id = 7"],
    "newer": [f"PRAGMA user_version = {SCHEMA + 1}"],
}  # fmt: skip


@pytest.mark.parametrize("what", CRAFTED)
def test_what_is_crafted_is_refused(given: Path, database: Path, what: str) -> None:
    crafted(given, *CRAFTED[what])
    before = exported(filled(database, []))
    with pytest.raises(TransferError) as caught:
        import_into(database, given)
    if what == "newer":
        assert "Unsupported backup version" in str(caught.value)
    assert exported(database) == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE usage SET cost_nanodollars = 9223372036854775807 WHERE id = 3", "usage.2.cost_nanodollars"),
        ("UPDATE usage SET created_at = -1 WHERE id = 3", "usage.2.created_at"),
        ("UPDATE usage SET session = printf('%.2000c', 'x') WHERE id = 3", "usage.2.session"),
        ("UPDATE projects SET config = 'nonsense'", "database holds what cannot be"),
        ("""UPDATE projects SET config = '{"hooks": ["x"]}'""", "may not say what is run"),
        ("UPDATE budget_windows SET spent_nanodollars = 5", ""),
        ("INSERT INTO providers VALUES ('x', '{}', 1, 1)", "database holds what cannot be"),
    ],
)  # fmt: skip
def test_rows_are_checked_as_those_of_a_file_are(given: Path, database: Path, sql: str, said: str) -> None:
    crafted(given, sql)
    if not said:
        plan_of(database, given)
        return
    with pytest.raises(TransferError) as caught:
        import_into(database, given)
    assert said in str(caught.value)


def damaged(path: Path, where: Callable[[int], int]) -> None:
    data = bytearray(path.read_bytes())
    for at in range(where(len(data)), len(data) - 100, 4096):
        data[at : at + 64] = b"\xff" * 64
    path.write_bytes(data)


def test_what_is_damaged_is_refused(given: Path, database: Path) -> None:
    damaged(given, lambda size: 4096 + 8)
    with pytest.raises(TransferError):
        import_into(database, given)
    given.write_bytes(given.read_bytes()[:5000])
    with pytest.raises(TransferError):
        import_into(database, given)
    assert [path.name for path in database.parent.iterdir() if path.name.startswith(".look")] == []


def test_an_older_one_is_brought_up_to_date_in_a_copy(tmp_path: Path, database: Path) -> None:
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        for migration in MIGRATIONS[:4]:
            for statement in statements(migration.sql):
                connection.execute(statement)
        connection.execute("PRAGMA user_version = 4")
        connection.execute("UPDATE projects SET config = json_set(config, '$.defaultModel', 'claude-opus-5')")
    before = old.read_bytes()
    import_into(database, old)
    assert rows_of(database, "SELECT config ->> 'defaultModel' FROM projects") == [("claude-opus-5",)]
    assert old.read_bytes() == before
