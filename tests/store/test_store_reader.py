"""The reading side: stale queries stop, a million rows stay compact."""

import asyncio
import sqlite3
import time
from array import array
from pathlib import Path

import pytest
from store_rows import usage_row

from conduit_tui.store.interface import StoreError, UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore, write_usage
from tests.waiting import SOON_SECONDS

pytestmark = pytest.mark.anyio

ENDLESS = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def run_endlessly(connection: sqlite3.Connection) -> None:
    connection.execute(ENDLESS).fetchone()


async def test_ids_are_compact(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    assert list(await sqlite_reader.usage_ids(UsageFilter())) == []
    await sqlite_store.run(lambda connection: write_usage(connection, [usage_row() for _ in range(100)]))
    whole = await sqlite_reader.usage_ids(UsageFilter())
    assert whole == range(1, 101)
    await sqlite_store.run(lambda connection: connection.execute("DELETE FROM usage WHERE id = 50"))
    holed = await sqlite_reader.usage_ids(UsageFilter())
    assert holed == array("q", [*range(1, 50), *range(51, 101)])
    assert await sqlite_reader.usage_ids(UsageFilter(text="haiku")) == holed


async def test_a_query_whose_caller_is_cancelled_stops(sqlite_reader: SqliteReader) -> None:
    running = asyncio.create_task(sqlite_reader._read(sqlite_reader._scans, run_endlessly))
    waiting = asyncio.create_task(sqlite_reader._read(sqlite_reader._scans, run_endlessly))
    await asyncio.sleep(0.05)
    begun = time.monotonic()
    waiting.cancel()
    running.cancel()
    assert await sqlite_reader.usage_count(UsageFilter()) == 0  # on the same connection, behind the two
    assert time.monotonic() - begun < SOON_SECONDS
    for query in (running, waiting):
        with pytest.raises(asyncio.CancelledError):
            await query


async def test_cancelling_interrupts_no_other_query(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    await sqlite_store.run(lambda connection: write_usage(connection, [usage_row() for _ in range(500)]))
    where = UsageFilter(text="haiku")
    for pause in range(30):
        stale = asyncio.create_task(sqlite_reader.usage_ids(where))
        wanted = asyncio.create_task(sqlite_reader.usage_ids(where))
        await asyncio.sleep(pause / 20_000)
        stale.cancel()
        assert len(await wanted) == 500
        await asyncio.gather(stale, return_exceptions=True)


async def test_a_page_does_not_wait_for_a_search(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    await sqlite_store.record(usage_row())
    search = asyncio.create_task(sqlite_reader._read(sqlite_reader._scans, run_endlessly))
    await asyncio.sleep(0)
    assert len(await sqlite_reader.usage_rows([1])) == 1
    assert not search.done()
    search.cancel()
    await asyncio.gather(search, return_exceptions=True)


async def test_closing_stops_what_runs(sqlite_store: SqliteStore, database: Path) -> None:
    reader = await SqliteReader.open(database)
    search = asyncio.create_task(reader._read(reader._scans, run_endlessly))
    await asyncio.sleep(0.05)
    await reader.close()
    with pytest.raises(StoreError, match="interrupted"):
        await search
    with pytest.raises(StoreError, match="is closed"):
        await reader.usage_count(UsageFilter())
