"""How an entry leaves `held`: settled, void, expired, or charged after a crash. Functions of the writing connection.

Each changes an entry and its windows in one transaction, and each entry leaves `held` once.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from conduit_tui.domain.budgets import HIGHEST_CAP
from conduit_tui.domain.limits import Window
from conduit_tui.domain.usage import UsageFlag, UsageRow
from conduit_tui.store import budget_windows, ledger_entries
from conduit_tui.store.budget_windows import Change
from conduit_tui.store.ledger_entries import Entry, EntryFlag, Key, State
from conduit_tui.store.sqlite import Recorded, write_recorded, write_usage

HIGHEST_CHARGE = HIGHEST_CAP  # of one attempt; a usage report that says more is absurd
RECOVERED_AT_ONCE = 1_000
GATEWAY_DIED = "gateway_died"


class Settle(NamedTuple):
    """An attempt that is over: what is written of it, by which gateway, when. `held`: it has an entry."""

    recorded: Recorded
    held: bool
    generation: int
    now: int


class Settled(NamedTuple):
    """What was settled: the attempt, the id of its usage row, and the windows that its cost was entered in, by id."""

    key: Key

    usage_id: int
    windows: tuple[int, ...]


class _Changes(defaultdict[int, Change]):
    """What becomes of windows in a group, by their ids."""

    def __init__(self) -> None:
        super().__init__(Change)

    def add(self, windows: Iterable[int], *, spent: int, held: int) -> None:
        for id_ in windows:
            before = self[id_]
            self[id_] = Change(before.spent + spent, before.held + held)


def settle_many(connection: sqlite3.Connection, group: Sequence[Settle]) -> list[Settled]:
    """Enter what attempts cost, in full, and write their usage rows.

    The windows are those of the hold, and those of budgets that were set since. A request that no budget limited gets
    no entry. Raises KeyError for an attempt that was settled or void before, and changes nothing.
    """
    rows = [_bounded(settle.recorded.row) for settle in group]
    keys = [(row.exchange_id, row.attempt) for row in rows]
    entries = ledger_entries.of_keys(connection, [key for key, settle in zip(keys, group, strict=True) if settle.held])
    if len(set(keys)) < len(keys):
        raise KeyError("an attempt is settled twice in one group")
    counting = budget_windows.counting(connection, {row.project for row in rows})
    changes = _Changes()
    changed: list[Entry] = []
    charged: list[tuple[int, ...]] = []
    for settle, row, key in zip(group, rows, keys, strict=True):
        entry = entries.get(key)
        joined = _joined(counting, row, entry) if counting else ()
        if entry is not None:
            _release(changes, entry, row.cost_nanodollars)
        elif joined:
            entry = _unheld(settle, row)
        if entry is not None:
            changes.add((window.id for window in joined), spent=row.cost_nanodollars, held=0)
            changed.append(_settled(entry, row, joined, settle.now))
        charged.append(changed[-1].windows if entry else ())
    ledger_entries.replace(connection, changed)
    budget_windows.change(connection, changes)
    ids = write_recorded(connection, [_of(settle, row) for settle, row in zip(group, rows, strict=True)])
    return [Settled(*settled) for settled in zip(keys, ids, charged, strict=True)]


def void(connection: sqlite3.Connection, key: Key, now: int) -> None:
    """Give back what is held for an attempt that was not sent on. Without effect if it is not held any more."""
    entry = ledger_entries.of_keys(connection, [key]).get(key)
    if entry is None or entry.state is not State.HELD:
        return
    ledger_entries.replace(connection, [entry._replace(state=State.VOID, cost=0, usage="", ended_at=now)])
    budget_windows.change(connection, {id_: Change(held=-entry.hold) for id_ in entry.windows})


def expire(connection: sqlite3.Connection, keys: Sequence[Key], now: int) -> int:
    """Charge attempts of which nothing was heard in time at their holds; how many were still held.

    Usage that comes after all corrects the charge.
    """
    held = [entry for entry in ledger_entries.of_keys(connection, keys).values() if entry.state is State.HELD]
    _charge_holds(connection, held, EntryFlag.UNCERTAIN, now)
    return len(held)


def recover(connection: sqlite3.Connection, generations: Iterable[int], now: int) -> int:
    """Charge what ended gateways held at its hold, and write the usage rows that they did not come to write.

    Returns how many attempts that were, a thousand at most; call again until there are none.
    """
    unwritten = ledger_entries.unwritten_of(connection, generations, RECOVERED_AT_ONCE)
    held = [entry for entry in unwritten if entry.state is State.HELD]
    expired = [entry for entry in unwritten if entry.state is not State.HELD]
    entries = [*_charge_holds(connection, held, EntryFlag.WORST_CASE, now), *expired]
    rows = [_worst_case(entry) for entry in entries]
    counting = budget_windows.counting(connection, {row.project for row in rows})
    changes = _Changes()
    written = []
    for entry, row in zip(entries, rows, strict=True):
        joined = _joined(counting, row, entry)
        changes.add((window.id for window in joined), spent=row.cost_nanodollars, held=0)
        written.append(_joining(entry, joined)._replace(usage=""))
    ledger_entries.replace(connection, written)
    budget_windows.change(connection, changes)
    write_usage(connection, rows)
    return len(entries)


def _charge_holds(connection: sqlite3.Connection, held: Sequence[Entry], flag: EntryFlag, now: int) -> list[Entry]:
    """Entries as they are after they were charged at their holds."""
    changes = _Changes()
    for entry in held:
        changes.add(entry.windows, spent=entry.hold, held=-entry.hold)
    budget_windows.change(connection, changes)
    charged = [
        entry._replace(state=State.EXPIRED, cost=entry.hold, flags=entry.flagged(flag), ended_at=now) for entry in held
    ]
    ledger_entries.replace(connection, charged)
    return charged


def _release(changes: _Changes, entry: Entry, cost: int) -> None:
    if entry.state is State.HELD:
        changes.add(entry.windows, spent=cost, held=-entry.hold)
    elif entry.state is State.EXPIRED and entry.usage:  # it was charged at its hold; now the truth is known
        assert entry.cost is not None
        changes.add(entry.windows, spent=cost - entry.cost, held=0)
    else:
        raise KeyError(f"attempt {entry.attempt} of exchange {entry.exchange_id} is {entry.state} already")


def _settled(entry: Entry, row: UsageRow, joined: Sequence[Window], now: int) -> Entry:
    flags = [EntryFlag.ESTIMATED] if UsageFlag.ESTIMATED in row.flags.split(",") else []
    if row.cost_nanodollars > entry.hold:
        flags.append(EntryFlag.OVERRUN)
    return _joining(entry, joined)._replace(
        state=State.SETTLED, cost=row.cost_nanodollars, flags=",".join(flags), usage="", ended_at=now
    )


def _unheld(settle: Settle, row: UsageRow) -> Entry:
    """The entry of an attempt that went on its way before a budget that counts it was set."""
    return Entry(
        exchange_id=row.exchange_id, attempt=row.attempt, generation=settle.generation, state=State.SETTLED,
        hold=row.cost_nanodollars, cost=row.cost_nanodollars, windows=(), closes_at=0, flags="", usage="",
        created_at=row.created_at, expires_at=settle.now, ended_at=settle.now,
    )  # fmt: skip


def _joined(counting: Sequence[Window], row: UsageRow, entry: Entry | None) -> list[Window]:
    """The windows that count a row and that its hold did not know of."""
    held_in = entry.windows if entry else ()
    return [
        window
        for window in counting
        if window.id not in held_in
        and window.starts_at <= row.created_at < window.ends_at
        and window.scope.counts(row.project, row.routed_model, row.agent_type)
    ]


def _joining(entry: Entry, joined: Sequence[Window]) -> Entry:
    if not joined:
        return entry
    return entry._replace(
        windows=(*entry.windows, *(window.id for window in joined)),
        closes_at=max(entry.closes_at, *(window.ends_at for window in joined)),
    )


def _worst_case(entry: Entry) -> UsageRow:
    """The row of an attempt whose gateway died."""
    row = entry.usage_row()
    return row._replace(
        cost_nanodollars=entry.hold if entry.cost is None else entry.cost,
        price_source=str(UsageFlag.WORST_CASE),
        error_type=GATEWAY_DIED,
        flags=",".join(filter(None, (row.flags, UsageFlag.WORST_CASE))),
    )


def _bounded(row: UsageRow) -> UsageRow:
    """A row with a cost that can be entered: never negative, so that nobody is credited, and never absurd."""
    if 0 <= row.cost_nanodollars <= HIGHEST_CHARGE:
        return row
    return row._replace(cost_nanodollars=min(max(0, row.cost_nanodollars), HIGHEST_CHARGE))


def _of(settle: Settle, row: UsageRow) -> Recorded:
    return settle.recorded if row is settle.recorded.row else settle.recorded._replace(row=row)
