"""Usage rows: one per attempt."""

# ruff: noqa: S608 - the SQL that is put together here is constant; values are parameters

import sqlite3
from array import array
from collections.abc import Sequence
from itertools import chain

from conduit_tui.domain.usage import StoredUsage, UsageRow
from conduit_tui.store.filters import Condition
from conduit_tui.store.insert import Insert
from conduit_tui.store.interface import StoreError

_COLUMNS = ", ".join(UsageRow._fields)
_INSERT = Insert("usage", UsageRow._fields)
_SELECT = f"SELECT id, total_tokens, {_COLUMNS} FROM usage"


def insert(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> range:
    """Write rows and return their ids. Raises KeyError if an attempt is there already, StoreError for bad values."""
    try:
        last = _INSERT.write(connection, rows)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_UNIQUE and len(rows) == 1:
            raise KeyError(f"attempt {rows[0].attempt} of exchange {rows[0].exchange_id} is recorded already") from None
        raise
    except (OverflowError, UnicodeEncodeError) as error:
        raise StoreError(f"a usage row holds what the database cannot: {error}") from None
    return range(last - len(rows) + 1, last + 1)


def id_of(connection: sqlite3.Connection, exchange_id: str, attempt: int) -> int | None:
    """The id of the row of an attempt; None if there is none."""
    row = connection.execute(
        "SELECT id FROM usage WHERE exchange_id = ? AND attempt = ?", (exchange_id, attempt)
    ).fetchone()
    return row[0] if row else None


def set_cost(connection: sqlite3.Connection, row: StoredUsage, nanodollars: int) -> None:
    """Give a row another cost."""
    connection.execute("UPDATE usage SET cost_nanodollars = ? WHERE id = ?", (nanodollars, row.id))


def delete_oldest(connection: sqlite3.Connection, before: int, batch: int) -> int:
    """Delete those of the oldest few rows that were created before an instant; how many."""
    return connection.execute(
        "DELETE FROM usage WHERE id IN (SELECT id FROM usage ORDER BY id LIMIT ?) AND created_at < ?", (batch, before)
    ).rowcount


def last_id(connection: sqlite3.Connection) -> int:
    """The id of the row that was written last, even if it has been deleted since; 0 if none was."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'usage'").fetchone()
    return row[0] if row else 0


def count(connection: sqlite3.Connection, where: Condition) -> int:
    """How many rows meet a condition."""
    (number,) = connection.execute(f"SELECT count(*) FROM usage{where.sql}", where.values).fetchone()
    return int(number)


def ids(connection: sqlite3.Connection, where: Condition) -> Sequence[int]:
    """The ids of the rows that meet a condition, oldest first."""
    if where == Condition():
        first, last, number = connection.execute(
            "SELECT (SELECT min(id) FROM usage), (SELECT max(id) FROM usage), (SELECT count(*) FROM usage)"
        ).fetchone()
        if not number:
            return range(0)
        if number == last - first + 1:
            return range(first, last + 1)
    return array(
        "q", chain.from_iterable(connection.execute(f"SELECT id FROM usage{where.sql} ORDER BY id", where.values))
    )


def rows(connection: sqlite3.Connection, wanted: Sequence[int]) -> list[StoredUsage]:
    """The rows with these ids, oldest first; ids without a row are passed over."""
    numbers = f"[{','.join(map(str, wanted))}]"
    sql = f"{_SELECT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
    return [_stored(row) for row in connection.execute(sql, (numbers,))]


def of_exchange(connection: sqlite3.Connection, exchange_id: str) -> list[StoredUsage]:
    """All attempts of an exchange, in order."""
    cursor = connection.execute(f"{_SELECT} WHERE exchange_id = ? ORDER BY attempt", (exchange_id,))
    return [_stored(row) for row in cursor]


def _stored(row: Sequence[object]) -> StoredUsage:
    return StoredUsage(row[0], row[1], UsageRow._make(row[2:]))  # type: ignore[arg-type]
