"""Holding money: which requests of a group the windows have room for. Functions of the writing connection."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Period, Window
from conduit_tui.ledger.opening import catch_up
from conduit_tui.ledger.windows import span_at
from conduit_tui.store import budget_windows, ledger_entries
from conduit_tui.store.budget_windows import Change, OpenWindow
from conduit_tui.store.budgets import StoredBudget
from conduit_tui.store.ledger_entries import Entry, Key, State


class Wanted(NamedTuple):
    """A hold that is asked for: the entry as it would be, for the windows of these budgets.

    It is refused if it would fill one of them to more than `percent` of its cap.
    """

    entry: Entry
    budgets: tuple[StoredBudget, ...]
    percent: int
    now: int


class Resize(NamedTuple):
    """A wish to hold another amount for an attempt; less is always granted."""

    key: Key
    amount: int
    percent: int
    now: int
    expires_at: int


class Admitted(NamedTuple):
    """Held. `windows` are as they were before it; none if no window of these budgets has a cap."""

    windows: tuple[Window, ...]


class Refused(NamedTuple):
    """Not held. The window that has no room; of several the one that frees itself last."""

    window: Window


class _Room:
    """What the windows have held and spent so far, while a group is gone through."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self.windows = {window.id: window for window in windows}
        self.amounts: dict[int, int] = {}

    def take(self, ids: Sequence[int], amount: int, percent: int) -> Refused | None:
        """Hold an amount in some windows, all or none."""
        full = [window for id_ in ids if not _fits(window := self.windows[id_], amount, percent)]
        if full:
            return Refused(max(full, key=lambda window: (window.ends_at, window.used_percent)))
        for id_ in ids:
            self.give(id_, amount)
        return None

    def give(self, id_: int, amount: int) -> None:
        window = self.windows[id_]
        self.windows[id_] = window._replace(held=window.held + amount)
        self.amounts[id_] = self.amounts.get(id_, 0) + amount


def _fits(window: Window, amount: int, percent: int) -> bool:
    if window.cap is None:
        return True
    return window.cap > 0 and window.spent + window.held + amount <= window.cap * percent // 100


def hold_many(connection: sqlite3.Connection, group: Sequence[Wanted]) -> list[Admitted | Refused]:
    """Admit what has room, one after the other in the group's order, and write its entries.

    Raises KeyError if an attempt has an entry already.
    """
    now = max(wanted.now for wanted in group)
    stored = {one.id: one.budget for wanted in group for one in wanted.budgets}
    opened = windows_in_force(connection, stored, now)
    room = _Room(window for windows in opened.values() for window in windows)
    outcomes: list[Admitted | Refused] = []
    entries = []
    for wanted in group:
        before = tuple(room.windows[window.id] for one in wanted.budgets for window in opened[one.id])
        ids = tuple(window.id for window in before)
        refused = room.take(ids, wanted.entry.hold, wanted.percent)
        outcomes.append(refused or Admitted(before))
        if ids and not refused:
            closes_at = max(window.ends_at for window in before)
            entries.append(wanted.entry._replace(windows=ids, closes_at=closes_at))
    _hold(connection, room.amounts, now)
    try:
        ledger_entries.insert(connection, entries)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
            raise KeyError("an attempt of the group has an entry already") from None
        raise
    return outcomes


def resize_many(connection: sqlite3.Connection, group: Sequence[Resize]) -> list[Admitted | Refused]:
    """Change what is held for attempts. Raises KeyError for one that is not held any more."""
    now = max(wish.now for wish in group)
    entries = ledger_entries.of_keys(connection, [wish.key for wish in group])
    ids = {id_ for entry in entries.values() for id_ in entry.windows}
    room = _Room(budget_windows.of_ids(connection, ids, now))
    outcomes: list[Admitted | Refused] = []
    for wish in group:
        entry = entries.get(wish.key)
        if entry is None or entry.state is not State.HELD:
            raise KeyError(f"nothing is held for attempt {wish.key[1]} of exchange {wish.key[0]}")
        before = tuple(room.windows[id_] for id_ in entry.windows)
        if wish.amount > entry.hold:
            refused = room.take(entry.windows, wish.amount - entry.hold, wish.percent)
            outcomes.append(refused or Admitted(before))
            if refused:
                continue
        else:
            for id_ in entry.windows:
                room.give(id_, wish.amount - entry.hold)
            outcomes.append(Admitted(before))
        entries[wish.key] = entry._replace(hold=wish.amount, expires_at=wish.expires_at)
    raised = {id_: amount for id_, amount in room.amounts.items() if amount > 0}
    budget_windows.change(connection, {id_: Change(held=amount) for id_, amount in room.amounts.items() if amount < 0})
    _hold(connection, raised, now)
    ledger_entries.replace(connection, list(entries.values()))
    return outcomes


def windows_in_force(
    connection: sqlite3.Connection, budgets: dict[int, Budget], now: int
) -> dict[int, tuple[Window, ...]]:
    """The windows with a cap of each budget, opened where it is time.

    A window stays in force until its end has passed, also when the clock is turned back; the next one begins no earlier
    than where it ended.
    """
    opened = {(one.budget_id, one.window.period): one for one in budget_windows.open_of(connection, budgets, now)}
    found: dict[int, tuple[Window, ...]] = {}
    for id_, budget in budgets.items():
        due = (period for period in Period if budget.cap(period, now) is not None)
        windows = (_in_force(connection, id_, budget, period, opened.get((id_, period)), now) for period in due)
        found[id_] = tuple(window for window in windows if window.cap is not None)
    return found


def _in_force(
    connection: sqlite3.Connection, budget_id: int, budget: Budget, period: Period, last: OpenWindow | None, now: int
) -> Window:
    if last is not None and now < last.window.ends_at:
        return catch_up(connection, last.window, now) if last.behind else last.window
    span = span_at(period, budget.zone, now)
    starts_at = max(span.starts_at, last.window.ends_at) if last else span.starts_at
    id_ = budget_windows.create(connection, budget_id, period, budget.zone, starts_at, span.ends_at, now)
    (window,) = budget_windows.of_ids(connection, (id_,), now)
    return catch_up(connection, window, now)


def _hold(connection: sqlite3.Connection, amounts: dict[int, int], now: int) -> None:
    # What was just decided from the same transaction's reads is written by one conditional statement all the same.
    if amounts and not budget_windows.hold(connection, amounts, now):
        raise RuntimeError("a window has less room than was read in the same transaction")
