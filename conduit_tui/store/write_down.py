"""Lowering a charge that was not the provider's own figure."""

import json
import sqlite3

from conduit_tui.store import audit, budget_windows, ledger_entries, rerouted, rollups, sessions, usage
from conduit_tui.store.budget_windows import Change
from conduit_tui.store.ledger_entries import EntryFlag, Key


def write_down(connection: sqlite3.Connection, key: Key, cost: int, reason: str) -> None:
    """Lower the charge of a flagged attempt, in its windows, its usage row and its sums; one line of audit.

    Raises KeyError if there is no such entry, ValueError if it is not flagged, still under way, or costs less already.
    """
    entry = ledger_entries.of_keys(connection, [key]).get(key)
    if entry is None:
        raise KeyError(key)
    if entry.cost is None or entry.usage:
        raise ValueError("the attempt is still under way")
    if not entry.reviewable:
        raise ValueError("the attempt's cost is the provider's own figure")
    if not 0 <= cost <= entry.cost:
        raise ValueError("a charge can only be lowered")
    difference = cost - entry.cost
    flags = entry.flagged(EntryFlag.WRITTEN_DOWN)
    ledger_entries.replace(connection, [entry._replace(cost=cost, flags=flags)])
    budget_windows.change(connection, {id_: Change(spent=difference) for id_ in entry.windows})
    for stored in usage.of_exchange(connection, entry.exchange_id):
        if stored.row.attempt == entry.attempt:
            usage.set_cost(connection, stored, stored.row.cost_nanodollars + difference)
            rollups.add_cost(connection, stored.row, difference)
            rerouted.add_cost(connection, stored.row, difference)
            sessions.add_cost(connection, stored.row, difference)
    detail = {"from_nanodollars": entry.cost, "to_nanodollars": cost, "reason": reason}
    audit.add(connection, "ledger.write-down", f"{entry.exchange_id}/{entry.attempt}", json.dumps(detail))
