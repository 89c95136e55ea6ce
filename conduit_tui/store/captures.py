"""Captured texts: written with their usage rows, deleted long before them."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.store.insert import Insert
from conduit_tui.store.interface import StoreError

_INSERT = Insert("captures", Capture._fields, on_conflict="DO NOTHING")
_COLUMNS = ", ".join(Capture._fields)
BATCH = 500  # rows of one transaction of deleting


class Sweep(NamedTuple):
    """How far deleting has come: up to which id, how many are gone, whether there is more to look at."""

    after_id: int = 0
    deleted: int = 0
    more: bool = True


def add(connection: sqlite3.Connection, captures: Sequence[Capture]) -> None:
    """Write texts down; of one kind an exchange keeps the first. Raises StoreError for text that is no text."""
    try:
        _INSERT.write(connection, captures)
    except UnicodeEncodeError as error:
        raise StoreError(f"a captured text holds what the database cannot: {error}") from None


def of_exchange(connection: sqlite3.Connection, exchange_id: str) -> list[Capture]:
    """The texts of an exchange, in the order in which they were written."""
    cursor = connection.execute(f"SELECT {_COLUMNS} FROM captures WHERE exchange_id = ? ORDER BY id", (exchange_id,))  # noqa: S608
    return [
        Capture(exchange, project, CaptureKind(kind), bool(cut), at, text)
        for exchange, project, kind, cut, at, text in cursor
    ]


def sweep(
    connection: sqlite3.Connection,
    progress: Sweep,
    goes: Callable[[str, int], bool],
    stays_after: int,
) -> Sweep:
    """Delete the next few texts of which `goes` (project, created_at) is true, overwriting them in the file.

    Looking ends at the first text that was created after `stays_after`.
    """
    looked_at = connection.execute(
        "SELECT id, project, created_at FROM captures WHERE id > ? ORDER BY id LIMIT ?", (progress.after_id, BATCH)
    ).fetchall()
    if not looked_at:
        return progress._replace(more=False)
    doomed = [(id_,) for id_, project, at in looked_at if goes(project, at)]
    if doomed:
        connection.execute("PRAGMA secure_delete = ON").close()
        try:
            connection.executemany("DELETE FROM captures WHERE id = ?", doomed)
        finally:
            connection.execute("PRAGMA secure_delete = OFF").close()
    last_id, _, last_at = looked_at[-1]
    return Sweep(last_id, progress.deleted + len(doomed), len(looked_at) == BATCH and last_at <= stays_after)
