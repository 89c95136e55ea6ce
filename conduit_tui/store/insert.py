"""Inserting many rows with few statements."""

# ruff: noqa: S608 - tables and columns are constants; values are parameters

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from sqlite3 import Connection

_LARGEST = 64  # rows of one statement


class Insert:
    """An INSERT into some columns of a table, with an optional ON CONFLICT clause.

    `executemany` runs a statement per row, and gives Python's global lock away each time: beside a busy event loop that
    made a row ten times slower. Here one statement writes up to 64 rows; only powers of two are used, so that the
    connection's cache holds every statement prepared.
    """

    def __init__(self, table: str, columns: Sequence[str], on_conflict: str = "") -> None:
        self._head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        self._row = f"({', '.join('?' * len(columns))})"
        self._tail = f" ON CONFLICT {on_conflict}" if on_conflict else ""
        self._sql = lru_cache(maxsize=None)(self._statement)

    def _statement(self, rows: int) -> str:
        return self._head + ", ".join([self._row] * rows) + self._tail

    def write(self, connection: Connection, rows: Sequence[Sequence[object]]) -> int:
        """Insert the rows in their order; the id of the last one, where the table has ids."""
        last_id = done = 0
        while done < len(rows):
            size = min(_LARGEST, 1 << ((len(rows) - done).bit_length() - 1))
            values = tuple(chain.from_iterable(rows[done : done + size]))
            last_id = connection.execute(self._sql(size), values).lastrowid or 0
            done += size
        return last_id
