"""Grouped commits: members fail alone, are whole, and outlive their callers."""

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from store_rows import usage_row

from conduit_tui.domain.projects import Project
from conduit_tui.store.interface import StoreError, UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.store.writer import Bulk
from tests.cancelling import CancelledAt

pytestmark = pytest.mark.anyio
ALL = UsageFilter()


async def test_one_failing_transaction_of_a_group_fails_alone(sqlite_store: SqliteStore) -> None:
    def failing(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM projects")
        raise LookupError("changed my mind")

    def wrong(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM projects")
        connection.execute("SELECT name FROM nowhere")

    first, refused, broken, bad, last = await asyncio.gather(
        sqlite_store.add_project(Project(name="first")),
        sqlite_store.run(failing),
        sqlite_store.run(wrong),
        sqlite_store.record(usage_row(input_tokens="many")),
        sqlite_store.add_project(Project(name="last")),
        return_exceptions=True,
    )
    assert isinstance(first, Project)
    assert isinstance(last, Project)
    assert isinstance(refused, LookupError)
    assert isinstance(broken, StoreError)
    assert "nowhere" in str(broken)
    assert isinstance(bad, StoreError)
    assert [project.name for project in await sqlite_store.projects()] == ["default", "first", "last"]


@pytest.mark.parametrize("changes", [{"cost_nanodollars": 1 << 64}, {"client": "\ud800"}, {"provider": None}])
async def test_a_row_that_cannot_be_stored_spoils_no_other(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader, changes: dict[str, object]
) -> None:
    rows = [usage_row(), usage_row(**changes), usage_row()]
    good, bad, also_good = await asyncio.gather(*map(sqlite_store.record, rows), return_exceptions=True)
    assert isinstance(bad, StoreError)
    assert list(await sqlite_reader.usage_ids(ALL)) == [good, also_good]
    (total,) = await sqlite_reader.usage_totals(since=0, until=1 << 60, by="all")
    assert total.requests == 2


async def test_a_sum_that_overflows_fails_its_row_only(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    await sqlite_store.record(usage_row(cost_nanodollars=(1 << 63) - 1))
    with pytest.raises(StoreError):
        await sqlite_store.record(usage_row(cost_nanodollars=1))
    await sqlite_store.record(usage_row(cost_nanodollars=0))
    (total,) = await sqlite_reader.usage_totals(since=0, until=1 << 60, by="all")
    assert (total.requests, total.cost_nanodollars) == (2, (1 << 63) - 1)


async def test_last_usage_id_is_set_before_the_caller_goes_on(database: Path) -> None:
    store = await SqliteStore.open(database)
    assert store.last_usage_id == 0

    async def record() -> None:
        row_id = await store.record(usage_row())
        assert store.last_usage_id >= row_id

    await asyncio.gather(*(record() for _ in range(50)))
    assert store.last_usage_id == 50
    await store.close()
    store = await SqliteStore.open(database)
    assert store.last_usage_id == 50
    await store.close()


@pytest.mark.fault
async def test_cancelled_callers_lose_the_answer_and_not_the_row(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    chance = random.Random(1)
    begun: list[str] = []

    async def caller() -> None:
        for _ in range(5):
            row = usage_row()
            begun.append(row.exchange_id)
            await sqlite_store.record(row)

    def whole(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO audit_log (at, action, subject, detail) VALUES (0, 'first half', '', '')")
        connection.execute("INSERT INTO audit_log (at, action, subject, detail) VALUES (0, 'second half', '', '')")

    async def transaction_caller() -> None:
        for _ in range(5):
            await sqlite_store.run(whole)

    callers = [
        CancelledAt(caller() if number % 2 else transaction_caller(), chance.randint(1, 5)) for number in range(200)
    ]
    outcomes = await asyncio.gather(*(one.outcome() for one in callers))
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)

    def state(connection: sqlite3.Connection) -> tuple[list[str], list[tuple[str, int]]]:
        rows = [exchange for (exchange,) in connection.execute("SELECT exchange_id FROM usage")]
        halves = connection.execute("SELECT action, count(*) FROM audit_log GROUP BY action").fetchall()
        return rows, halves

    written, halves = await sqlite_store.run(state)
    assert sorted(written) == sorted(begun)
    assert not halves or halves[0][1] == halves[1][1]
    assert sqlite_store.last_usage_id == len(begun)
    await sqlite_store.record(usage_row())
    (total,) = await sqlite_reader.usage_totals(since=0, until=1 << 60, by="all")
    assert total.requests == len(begun) + 1


async def test_what_waits_is_committed_in_few_groups(sqlite_store: SqliteStore) -> None:
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    await sqlite_store.run(lambda connection: connection.set_trace_callback(count))
    await asyncio.gather(*(sqlite_store.record(usage_row()) for _ in range(1000)))
    await sqlite_store.run(lambda connection: connection.set_trace_callback(None))
    assert commits <= 4


async def test_a_fault_in_what_hears_of_a_commit_leaves_nobody_waiting(database: Path) -> None:
    def write(connection: sqlite3.Connection, items: Sequence[int]) -> Sequence[int]:
        return items

    def fails(results: Sequence[int]) -> None:
        raise LookupError("a fault of ours")

    store = await SqliteStore.open(database)
    async with asyncio.timeout(10):
        assert await store.submit(Bulk(write, fails), 7) == 7
        with pytest.raises(StoreError, match="is closed"):
            await store.record(usage_row())
        with pytest.raises(LookupError):
            await store.close()


async def test_a_closed_store_refuses(database: Path) -> None:
    store = await SqliteStore.open(database)
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.record(usage_row())


async def test_changes_leave_revisions_and_an_audit_trail(sqlite_store: SqliteStore) -> None:
    await sqlite_store.add_project(Project(name="alpha"))
    await sqlite_store.audit("add project", "alpha", "by the test")

    def trail(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
        return [
            *connection.execute("SELECT subject_kind, subject, action FROM revisions WHERE subject = 'alpha'"),
            *connection.execute("SELECT action, subject, detail FROM audit_log"),
        ]

    assert await sqlite_store.run(trail) == [
        ("project", "alpha", "created"),
        ("add project", "alpha", "by the test"),
    ]


@pytest.mark.parametrize(("durability", "synchronous"), [("process-crash", 1), ("power-loss", 2)])
async def test_durability(database: Path, durability: str, synchronous: int) -> None:
    store = await SqliteStore.open(database, durability=durability)  # type: ignore[arg-type]
    for pragma, expected in (("synchronous", synchronous), ("journal_mode", "wal"), ("busy_timeout", 2000)):
        found = await store.run(lambda connection, name=pragma: connection.execute(f"PRAGMA {name}").fetchone())
        assert found == (expected,)
    await store.close()


async def test_cancelling_while_it_opens_leaves_nothing_behind(database: Path) -> None:
    threads = threading.active_count()
    for rounds in range(12):
        opening = asyncio.create_task(SqliteStore.open(database))
        for _ in range(rounds):
            await asyncio.sleep(0.002)
        opening.cancel()
        (outcome,) = await asyncio.gather(opening, return_exceptions=True)
        if isinstance(outcome, SqliteStore):
            await outcome.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:  # noqa: ASYNC110 - a thread's end has no event
        await asyncio.sleep(0.01)
    assert threading.active_count() <= threads
