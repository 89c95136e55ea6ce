"""An attempt's money from its hold to its settlement."""

import asyncio

import pytest
from ledgers import (
    DAY,
    DOLLAR,
    NOON,
    HandClock,
    admitted,
    over,
    price,
    refused,
    request,
    set_budget,
    usage_row,
    windows,
)

from conduit_tui.domain.budgets import RefusalKind
from conduit_tui.domain.usage import Usage
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio


async def usage_ids(store: SqliteStore) -> list[tuple[str, int]]:
    return await store.run(
        lambda c: c.execute("SELECT exchange_id, cost_nanodollars FROM usage ORDER BY id").fetchall()
    )


async def test_a_hold_is_committed_in_both_windows_and_becomes_the_true_cost(
    store: SqliteStore, ledger: Ledger
) -> None:
    await set_budget(store, ledger, daily=10, monthly=100)
    held = admitted(await ledger.hold(request(dollars=1.5)))
    assert await windows(store) == [("day", 0, 3 * DOLLAR // 2), ("month", 0, 3 * DOLLAR // 2)]
    row_id = await ledger.settle(held, over(held, 0.25))
    assert store.last_usage_id == row_id
    assert await windows(store) == [("day", DOLLAR // 4, 0), ("month", DOLLAR // 4, 0)]
    assert await usage_ids(store) == [(held.row.exchange_id, DOLLAR // 4)]


async def test_without_a_budget_nothing_is_written_until_the_end(store: SqliteStore, ledger: Ledger) -> None:
    await ledger.reload()
    changes = await store.run(lambda c: c.total_changes)
    held = admitted(await ledger.hold(request(dollars=1000)))
    assert not held.limited
    assert not held.needs_top_up(100_000)
    assert await store.run(lambda c: c.total_changes) == changes
    await ledger.settle(held, over(held, 2))
    assert await windows(store) == []
    assert await usage_ids(store) == [(held.row.exchange_id, 2 * DOLLAR)]
    assert await store.run(lambda c: c.execute("SELECT count(*) FROM ledger_entries").fetchone()) == (0,)


async def test_a_refusal_says_which_limit_how_much_and_until_when(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=10, monthly=100)
    spent = admitted(await ledger.hold(request(dollars=7)))
    await ledger.settle(spent, over(spent, 8.02))
    admitted(await ledger.hold(request(dollars=0.31)))
    refusal = refused(await ledger.hold(request(dollars=1.90)))
    assert refusal.message == (
        "Daily cost limit exceeded: $8.02 spent, $0.31 held, this request may cost $1.90, cap $10.00; resets 00:00 UTC"
    )
    assert (await windows(store))[0] == ("day", round(8.02 * DOLLAR), round(0.31 * DOLLAR))
    admitted(await ledger.hold(request(dollars=1.67)))  # to the cent
