"""Ledger entries: what was held for an attempt and what it cost."""

# ruff: noqa: S608 - only numbers of placeholders and constant text are put together; values are parameters

import sqlite3
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from conduit_tui.domain.budgets import FlaggedEntry
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.insert import Insert

Key = tuple[str, int]  # exchange id and attempt

_numbers = msgspec.json.Decoder(tuple[int, ...])
_row = msgspec.json.Decoder(UsageRow)
_encode = msgspec.json.Encoder().encode


class State(StrEnum):
    """Where an entry stands. It leaves HELD once."""

    HELD = "held"
    SETTLED = "settled"  # at its true cost
    VOID = "void"  # never sent on
    EXPIRED = "expired"  # charged at its hold: nothing was heard of it in time, or its gateway died


class EntryFlag(StrEnum):
    """What a person may want to look at."""

    ESTIMATED = "estimated"  # the provider gave no usage
    WORST_CASE = "worst-case"  # charged at its hold after a crash
    UNCERTAIN = "uncertain"  # charged at its hold, for nothing was heard of it in time
    OVERRUN = "overrun"  # cost more than was held
    OPENING = "opening"  # what was spent before its budget was set
    WRITTEN_DOWN = "written-down"  # a person lowered the charge


_REVIEWED = frozenset({EntryFlag.ESTIMATED, EntryFlag.WORST_CASE, EntryFlag.UNCERTAIN})


class Entry(NamedTuple):
    """One attempt in the ledger; amounts in nano-dollars, instants in milliseconds since the epoch.

    `usage` is JSON of its usage row as far as it is known, until that is written; then it is empty.
    """

    exchange_id: str
    attempt: int
    generation: int
    state: State
    hold: int
    cost: int | None
    windows: tuple[int, ...]
    closes_at: int
    flags: str
    usage: str
    created_at: int
    expires_at: int
    ended_at: int | None

    @property
    def key(self) -> Key:
        return self.exchange_id, self.attempt

    @property
    def reviewable(self) -> bool:
        """Whether its cost is not the provider's own figure, so that a person may correct it."""
        return not _REVIEWED.isdisjoint(self.flags.split(","))

    def usage_row(self) -> UsageRow:
        """The usage row that is not yet written. Raises msgspec.DecodeError if there is none."""
        return _row.decode(self.usage)

    def flagged(self, *flags: str) -> str:
        """Its flags and these."""
        return ",".join(dict.fromkeys(flag for flag in (*self.flags.split(","), *flags) if flag))


_COLUMNS = (
    "exchange_id", "attempt", "generation", "state", "hold_nanodollars", "cost_nanodollars", "windows", "closes_at",
    "flags", "usage", "created_at", "expires_at", "ended_at",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM ledger_entries"
_INSERT = Insert("ledger_entries", _COLUMNS)
_CHANGING = (
    "state", "hold_nanodollars", "cost_nanodollars", "windows", "closes_at", "flags", "usage", "expires_at", "ended_at",
)  # fmt: skip
_REPLACE = Insert(
    "ledger_entries",
    _COLUMNS,
    on_conflict=f"DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in _CHANGING)}",
)


_REVIEWABLE = " OR ".join(f"entry.flags LIKE '%{flag}%'" for flag in sorted(_REVIEWED))


def encode_usage(row: UsageRow) -> str:
    """A usage row as an entry keeps it."""
    return _encode(row).decode()


def insert(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Add entries. Raises sqlite3.IntegrityError if an attempt has one already."""
    _INSERT.write(connection, [_values(entry) for entry in entries])


def replace(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Add entries, or put them in the place of the ones that their attempts have."""
    _REPLACE.write(connection, [_values(entry) for entry in entries])


def of_keys(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, Entry]:
    """The entries of these attempts; those without one are left out."""
    if not keys:
        return {}
    # a row value IN a list of rows would scan the whole table
    wanted = ", ".join(["(?, ?)"] * len(keys))
    cursor = connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM (VALUES {wanted}) AS wanted CROSS JOIN ledger_entries "
        "ON exchange_id = wanted.column1 AND attempt = wanted.column2",
        tuple(value for key in keys for value in key),
    )
    return {entry.key: entry for entry in map(_entry, cursor)}


def unwritten_of(connection: sqlite3.Connection, generations: Iterable[int], limit: int) -> list[Entry]:
    """Entries of some generations whose usage row was never written, held ones among them."""
    wanted = tuple(generations)
    places = ", ".join("?" * len(wanted))
    cursor = connection.execute(
        f"{_SELECT} WHERE usage <> '' AND generation IN ({places}) ORDER BY created_at LIMIT ?", (*wanted, limit)
    )
    return list(map(_entry, cursor))


def charged_unwritten(connection: sqlite3.Connection, window_id: int) -> int:
    """What is charged in a window for attempts whose usage rows are not written, in nano-dollars."""
    (total,) = connection.execute(
        "SELECT coalesce(sum(cost_nanodollars), 0) FROM ledger_entries "
        "WHERE usage <> '' AND EXISTS (SELECT 1 FROM json_each(windows) WHERE value = ?)",
        (window_id,),
    ).fetchone()
    return int(total)


def next_attempt(connection: sqlite3.Connection, exchange_id: str) -> int:
    """One more than the highest attempt of an exchange that has an entry."""
    (number,) = connection.execute(
        "SELECT coalesce(max(attempt), 0) + 1 FROM ledger_entries WHERE exchange_id = ?", (exchange_id,)
    ).fetchone()
    return int(number)


def flagged(connection: sqlite3.Connection, limit: int) -> list[FlaggedEntry]:
    """The newest attempts whose cost is not the provider's own figure; those still under way are left out."""
    cursor = connection.execute(
        f"""
        SELECT exchange_id, attempt, coalesce(project, ''), coalesce(routed_model, ''), hold_nanodollars,
            entry.cost_nanodollars, entry.flags, entry.created_at
        FROM ledger_entries AS entry LEFT JOIN usage USING (exchange_id, attempt)
        WHERE entry.flags <> '' AND entry.usage = '' AND ({_REVIEWABLE}) ORDER BY entry.created_at DESC LIMIT ?
        """,
        (limit,),
    )
    return [FlaggedEntry(*row) for row in cursor]


def prune(connection: sqlite3.Connection, now: int, after: Key, batch: int) -> tuple[Key | None, int]:
    """Look at the next entries after a key and delete those whose windows have all closed.

    Returns the key to go on after, None at the end, and how many were deleted. What is still held or not yet written
    stays.
    """
    looked_at = connection.execute(
        "SELECT exchange_id, attempt FROM ledger_entries WHERE (exchange_id, attempt) > (?, ?) "
        "ORDER BY exchange_id, attempt LIMIT ?",
        (*after, batch),
    ).fetchall()
    if not looked_at:
        return None, 0
    last: Key = looked_at[-1]
    deleted = connection.execute(
        "DELETE FROM ledger_entries WHERE (exchange_id, attempt) > (?, ?) AND (exchange_id, attempt) <= (?, ?) "
        "AND closes_at <= ? AND state <> 'held' AND usage = ''",
        (*after, *last, now),
    ).rowcount
    return (last if len(looked_at) == batch else None), deleted


def _values(entry: Entry) -> tuple[object, ...]:
    return (*entry[:6], _encode(entry.windows).decode(), *entry[7:])


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry._make((*row[:3], State(row[3]), *row[4:6], _numbers.decode(row[6]), *row[7:]))
