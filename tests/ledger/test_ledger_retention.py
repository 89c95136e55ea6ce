"""What is kept and what goes: entries until their windows have closed, rows for 400 days, totals for ever."""

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from ledgers import DAY, DOLLAR, NOON, HandClock, admitted, over, request, set_budget, usage_row

from conduit_tui.ledger.gauges import read_gauges
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

LARGEST_STEP = 500  # rows changed in one transaction: some milliseconds


async def count(store: SqliteStore, table: str) -> int:
    (number,) = await store.run(lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone())
    return int(number)


async def test_entries_stay_until_all_their_windows_have_closed(store: SqliteStore, clock: HandClock) -> None:
    ledger = Ledger(store, 1, clock=clock)
    await set_budget(store, ledger, daily=10)
    for project in ("alpha", "default"):
        await set_budget(store, ledger, project=project, daily=10, monthly=10 if project == "alpha" else None)
        held = admitted(await ledger.hold(request(usage_row(project=project), dollars=1)))
        await ledger.settle(held, over(held, 1))
    open_still = admitted(await ledger.hold(request(dollars=1)))
    assert await store.expire(NOON) == 0
    await store.expire(NOON + DAY)
    assert await count(store, "ledger_entries") == 2  # the month's, and what is held
    await store.run(check_held_only)
    await store.expire(NOON + 31 * DAY)
    assert await count(store, "ledger_entries") == 1
    await ledger.settle(open_still, over(open_still, 0.5))
    await store.expire(NOON + 31 * DAY)
    assert await count(store, "ledger_entries") == 0
    assert await count(store, "usage") == 3


def check_held_only(connection: object) -> None:
    """What is held can still be told from the entries that are left."""
    execute = connection.execute  # type: ignore[attr-defined]
    (held,) = execute("SELECT sum(held_nanodollars) FROM budget_windows").fetchone()
    (entries,) = execute(
        "SELECT sum(hold_nanodollars * json_array_length(windows)) FROM ledger_entries WHERE state = 'held'"
    ).fetchone()
    assert held == entries


async def test_usage_rows_go_after_400_days_and_totals_stay(store: SqliteStore, database: Path) -> None:
    for age in range(0, 800, 100):
        await store.record(usage_row(at=NOON - (800 - age) * DAY, cost_nanodollars=DOLLAR))
    await store.record(usage_row(at=NOON, cost_nanodollars=DOLLAR))
    assert await store.expire(NOON) == 4
    assert await count(store, "usage") == 5
    reader = await SqliteReader.open(database)
    (total,) = await reader.usage_totals(since=0, until=1 << 60, by="all")
    await reader.close()
    assert (total.requests, total.cost_nanodollars) == (9, 9 * DOLLAR)


@pytest.mark.fault
async def test_ninety_days_fit_in_a_bounded_file(store: SqliteStore, clock: HandClock) -> None:
    """A day's rows and entries are as many as in the day before, and the file stops growing."""
    ledger = Ledger(store, 1, clock=clock)
    await set_budget(store, ledger, daily=1000)
    sizes = []
    for _ in range(90):
        rows = [usage_row(at=clock.now() - 399 * DAY) for _ in range(20)]  # will be too old tomorrow
        for row in rows:
            held = admitted(await ledger.hold(request(row, dollars=0.01)))
            await ledger.settle(held, over(held, 0.01))
        clock.go(DAY)
        await store.expire(clock.now())
        sizes.append(await store.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0]))
    assert await count(store, "usage") <= 40
    assert await count(store, "ledger_entries") == 0
    grown_by_totals = sizes[-1] - sizes[20]
    assert grown_by_totals < 60
    assert sizes[-1] < 700  # pages of 4 KiB


@pytest.mark.fault
async def test_deleting_lets_others_in_between(store: SqliteStore, clock: HandClock) -> None:
    """A backlog goes in many short transactions, and a hold that is asked for meanwhile waits for one of them."""
    ledger = Ledger(store, 1, clock=clock)
    await set_budget(store, ledger, daily=1000)
    rows, expired = 5_000, asyncio.Event()
    old = [usage_row(at=NOON - 500 * DAY) for _ in range(rows)]
    await asyncio.gather(*map(store.record, old))
    for _ in range(600):
        held = admitted(await ledger.hold(request(dollars=0.01)))
        await ledger.settle(held, over(held, 0.01))
    clock.go(DAY)
    sizes: list[int] = []
    seen = 0

    def note(connection: sqlite3.Connection, statement: str) -> None:
        nonlocal seen
        if statement == "COMMIT":
            sizes.append(connection.total_changes - seen)
            seen = connection.total_changes

    async def others() -> int:
        number = 0
        while not expired.is_set():
            await ledger.hold(request(usage_row(at=clock.now()), dollars=0.01))
            number += 1
        return number

    await store.run(lambda db: db.set_trace_callback(partial(note, db)))
    meanwhile = asyncio.create_task(others())
    assert await store.expire(clock.now()) == rows + 600
    expired.set()
    await store.run(lambda db: db.set_trace_callback(None))
    assert max(sizes[1:]) <= LARGEST_STEP
    assert await meanwhile >= rows // LARGEST_STEP


async def test_gauges_are_true_before_and_after_the_first_request(
    store: SqliteStore, ledger: Ledger, database: Path, clock: HandClock
) -> None:
    await store.record(usage_row(at=NOON - DAY // 4, cost_nanodollars=3 * DOLLAR))
    await set_budget(store, ledger, daily=10, monthly=100)
    await set_budget(store, ledger, project="alpha")
    reader = await SqliteReader.open(database)

    async def look() -> list[tuple[str, int, int, int]]:
        gauges = await read_gauges(reader, clock.now())
        return [(one.window.period, one.window.spent, one.window.held, one.recent) for one in gauges]

    assert await look() == [("day", 3 * DOLLAR, 0, 0), ("month", 3 * DOLLAR, 0, 0)]
    held = admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=1)))
    assert await look() == [("day", 3 * DOLLAR, DOLLAR, 0), ("month", 3 * DOLLAR, DOLLAR, 0)]
    await ledger.settle(held, over(held, 2))
    clock.go(30 * 60 * 1000)
    (day, month) = await read_gauges(reader, clock.now())
    assert (day.recent, day.per_hour) == (2 * DOLLAR, 2 * DOLLAR * 3_600_000 // day.recent_ms)
    assert day.window.left == 5 * DOLLAR
    assert day.exhausted_at(clock.now()) == clock.now() + 5 * DOLLAR * 3_600_000 // day.per_hour
    assert month.exhausted_at(clock.now()) is not None
    clock.go(DAY)
    assert await look() == [("day", 0, 0, 0), ("month", 5 * DOLLAR, 0, 0)]
    await reader.close()
