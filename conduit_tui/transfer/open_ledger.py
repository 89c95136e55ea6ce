"""The ledger of windows that are not over: carried to wherever a budget goes on, so that nothing is spent twice."""

# ruff: noqa: S608 - the SQL that is put together here is constant; values are parameters

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from conduit_tui.domain.limits import Period
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store import budget_windows, ledger_entries
from conduit_tui.store.budget_windows import Change
from conduit_tui.store.ledger_entries import Entry, EntryFlag, State
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.sections import LEDGER, OPEN_WINDOWS, WINDOWS
from conduit_tui.transfer.source import Source

LONGEST_MS = {Period.DAY: 26 * 3_600_000, Period.MONTH: 32 * 86_400_000}
NO_GENERATION = 0  # of no gateway: the next one that starts writes the rows that are still to be written

_ENTRIES = (
    "SELECT exchange_id, attempt, generation, state, hold_nanodollars, cost_nanodollars, windows, closes_at, flags, "
    "usage, created_at, expires_at, ended_at FROM ledger_entries "
    f"WHERE EXISTS (SELECT 1 FROM json_each(windows) WHERE value IN ({OPEN_WINDOWS}))"
)
_usage_row = msgspec.json.Decoder(UsageRow)


class OpenWindow(NamedTuple):
    """A window that was not over where it comes from; `id` is the one that it had there."""

    id: int
    project: str
    model: str
    agent_type: str
    period: str
    zone: str
    starts_at: int
    ends_at: int
    behind: int
    created_at: int


class OpenLedger(NamedTuple):
    """Windows that were not over, and the entries that are counted in them."""

    windows: Sequence[OpenWindow]
    entries: Sequence[Entry]


def of_database(connection: sqlite3.Connection) -> OpenLedger:
    """As it stands, what is held included."""
    everything = {"project": ""}
    width = len(OpenWindow._fields)
    windows = [OpenWindow._make(row[:width]) for row in connection.execute(WINDOWS.select, everything)]
    entries = [
        Entry._make((*row[:3], State(row[3]), *row[4:6], tuple(json.loads(row[6])), *row[7:]))
        for row in connection.execute(_ENTRIES, everything)
    ]
    return OpenLedger(windows, entries)


def of_file(source: Source) -> OpenLedger:
    """As a file has it: nothing is held any more. Raises TransferError."""
    windows = []
    for number, row in enumerate(source.rows(WINDOWS.name)):
        window = OpenWindow(**row.values)
        if not 0 < window.ends_at - window.starts_at <= LONGEST_MS[Period(window.period)]:
            raise TransferError(f"is no {window.period}", f"{WINDOWS.name}.{number}")
        windows.append(window)
    entries: dict[ledger_entries.Key, Entry] = {}
    for number, row in enumerate(source.rows(LEDGER.name)):
        entry = _entry(row.values, number)
        if entry.key in entries:
            raise TransferError("stands twice", f"{LEDGER.name}.{number}")
        entries[entry.key] = entry
    return OpenLedger(windows, list(entries.values()))


def _entry(values: dict[str, Any], number: int) -> Entry:
    usage = values["usage"]
    if usage:
        try:
            row = _usage_row.decode(usage)
        except msgspec.MsgspecError:
            raise TransferError("is not a usage row", f"{LEDGER.name}.{number}.usage") from None
        if (row.exchange_id, row.attempt) != (values["exchange_id"], values["attempt"]):
            raise TransferError("is of another attempt", f"{LEDGER.name}.{number}.usage")
    if values["state"] == State.VOID and values["cost_nanodollars"]:
        raise TransferError("a void entry costs nothing", f"{LEDGER.name}.{number}.cost_nanodollars")
    return Entry(
        exchange_id=values["exchange_id"], attempt=values["attempt"], generation=NO_GENERATION,
        state=State(values["state"]), hold=values["hold_nanodollars"], cost=values["cost_nanodollars"],
        windows=tuple(json.loads(values["windows"])), closes_at=values["closes_at"], flags=values["flags"], usage=usage,
        created_at=values["created_at"], expires_at=values["expires_at"], ended_at=values["ended_at"],
    )  # fmt: skip


def enter(connection: sqlite3.Connection, ledger: OpenLedger, now: int, *, newer: bool) -> int:
    """Open the windows where they are not open and enter what is counted in them; how many entries that were.

    Of an attempt that has an entry here, this one stays, unless the other ledger is `newer`. What comes only ever adds
    to what was spent, but for what the newer one knows better.
    """
    here = {
        window.id: _window_here(connection, window, now)
        for window in ledger.windows
        if newer or window.starts_at <= now + LONGEST_MS[Period.DAY]  # no file opens a window of next year
    }
    entries = [_renamed(entry, here) for entry in ledger.entries]
    known: dict[ledger_entries.Key, Entry] = {}
    for start in range(0, len(entries), 400):
        keys = [entry.key for entry in entries[start : start + 400]]
        known |= ledger_entries.of_keys(connection, keys)
    changes: dict[int, Change] = {}
    written = []
    for entry in entries:
        places = tuple(dict.fromkeys(id_ for old in entry.windows if (id_ := here.get(old)) is not None))
        before = known.get(entry.key)
        if not places or (before is not None and not newer):
            continue
        if before is not None:
            _add(changes, before.windows, before, -1)
            places = tuple(dict.fromkeys((*places, *before.windows)))
        entry = entry._replace(windows=places)
        _add(changes, places, entry, 1)
        written.append(entry)
    ledger_entries.replace(connection, written)
    for window, change in changes.items():  # one by one: there are few, and they are no hot path
        budget_windows.change(connection, {window: change})
    return len(written)


def _add(changes: dict[int, Change], windows: Iterable[int], entry: Entry, sign: int) -> None:
    held = entry.hold if entry.state is State.HELD else 0
    for id_ in windows:
        before = changes.get(id_, Change())
        changes[id_] = Change(before.spent + sign * (entry.cost or 0), before.held + sign * held)


def _window_here(connection: sqlite3.Connection, window: OpenWindow, now: int) -> int | None:
    """The id of this window here; None where no budget counts it, or a later one is open already."""
    found = connection.execute(
        "SELECT id FROM budgets WHERE (project, model, agent_type) = (?, ?, ?)",
        (window.project, window.model, window.agent_type),
    ).fetchone()
    if found is None:
        return None
    (budget,) = found
    same = connection.execute(
        "SELECT id FROM budget_windows WHERE (budget_id, period, starts_at) = (?, ?, ?)",
        (budget, window.period, window.starts_at),
    ).fetchone()
    if same is not None:
        return int(same[0])
    other = connection.execute(
        "SELECT id, starts_at, ends_at FROM budget_windows WHERE (budget_id, period) = (?, ?) AND closed_at IS NULL",
        (budget, window.period),
    ).fetchone()
    if other is not None and other[1] < window.ends_at and window.starts_at < other[2] and now < other[2]:
        return int(other[0])  # the same time cut otherwise, as after a change of zone
    if other is not None and other[1] > window.starts_at:
        return None
    opened = budget_windows.create(
        connection, budget, Period(window.period), window.zone, window.starts_at, window.ends_at, now
    )
    taken = connection.execute("SELECT 1 FROM budget_windows WHERE id = ?", (window.id,)).fetchone()
    id_ = opened if taken else window.id
    connection.execute(
        "UPDATE budget_windows SET id = ?, behind = ?, created_at = ? WHERE id = ?",
        (id_, window.behind, window.created_at, opened),
    )
    return id_


def _renamed(entry: Entry, here: dict[int, int | None]) -> Entry:
    """What was spent before a budget is entered under its window's id, which may be another one here."""
    if EntryFlag.OPENING not in entry.flags.split(",") or all(here.get(id_) == id_ for id_ in entry.windows):
        return entry
    mark = hashlib.sha256(repr((entry.key, entry.created_at, entry.cost)).encode()).hexdigest()[:12]
    return entry._replace(exchange_id=f"{entry.exchange_id}-{mark}")
