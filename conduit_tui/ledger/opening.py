"""What was spent before a budget was set, or while it had no cap. Functions of the writing connection."""

import sqlite3

from conduit_tui.domain.limits import Window
from conduit_tui.store import budget_windows, ledger_entries, rollups
from conduit_tui.store.budget_windows import Change
from conduit_tui.store.ledger_entries import Entry, EntryFlag, State

_GENERATION = 0  # of no gateway


def catch_up(connection: sqlite3.Connection, window: Window, now: int) -> Window:
    """Enter what the rollups say was spent in a window and no entry of it does, as one entry of its own.

    So requests without a budget need no entries, and a budget that is set at noon counts the morning.
    """
    budget_windows.caught_up(connection, window.id)
    entered = window.spent
    if entered:  # some of it may be charges whose usage rows, which the rollups sum up, are still to come
        entered -= ledger_entries.charged_unwritten(connection, window.id)
    missing = rollups.spent(connection, window.scope, window.starts_at, window.ends_at) - entered
    if missing <= 0:
        return window
    opening = Entry(
        exchange_id=f"opening-{window.id}", attempt=ledger_entries.next_attempt(connection, f"opening-{window.id}"),
        generation=_GENERATION, state=State.SETTLED, hold=0, cost=missing, windows=(window.id,),
        closes_at=window.ends_at, flags=EntryFlag.OPENING, usage="", created_at=now, expires_at=now, ended_at=now,
    )  # fmt: skip
    ledger_entries.insert(connection, [opening])
    budget_windows.change(connection, {window.id: Change(spent=missing)})
    return window._replace(spent=window.spent + missing)
