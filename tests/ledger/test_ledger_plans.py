"""No step of an attempt looks through what grows: its statements are as quick at ten million rows. Fault B14."""

import sqlite3

import pytest
from ledgers import admitted, over, request, set_budget, usage_row

from conduit_tui.ledger.estimate import Estimate
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore

pytestmark = [pytest.mark.anyio, pytest.mark.fault]

GROWING = ("ledger_entries", "usage", "usage_rollup", "sessions", "session_agents", "agents", "captures", "rule_hits")
READING = ("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")


def scanned(connection: sqlite3.Connection, statement: str) -> list[str]:
    """The steps of a statement's plan that go through a whole table that grows."""
    steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    return [step for step in steps if step.startswith("SCAN") and step.split()[1] in GROWING]


async def test_holds_and_settlements_scan_nothing_that_grows(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=100, monthly=1000)
    first = admitted(await ledger.hold(request(dollars=1)))  # opens the windows, which sums up what was spent before
    statements: list[str] = []
    await store.run(lambda db: db.set_trace_callback(statements.append))
    await ledger.settle(first, over(first, 1))
    topped_up, void, silent = [admitted(await ledger.hold(request(dollars=1))) for _ in range(3)]
    assert await ledger.resize(topped_up, Estimate(1, 1, 2_000_000_000), 100) is None
    await ledger.settle(topped_up, over(topped_up, 2))
    await ledger.void(void)
    assert await ledger.expire_due(float("inf")) == 1
    await ledger.settle(silent, over(silent, 0.5))
    await ledger.settle(None, usage_row(cost_nanodollars=5))
    await ledger.used_percent("default", "claude-opus-5", "main")
    await store.run(lambda db: db.set_trace_callback(None))
    asked = [one for one in statements if one.lstrip().upper().startswith(READING)]
    assert len(asked) > 30
    found = await store.run(lambda db: {one[:200]: steps for one in asked if (steps := scanned(db, one))})
    assert found == {}
