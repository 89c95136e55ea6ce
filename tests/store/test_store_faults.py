"""What goes wrong around the store: a full disk, a second writer, an exit in the middle of it all."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_rows import usage_row

from conduit_tui.store.interface import StoreError, UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.store.writer import GROUP_LIMIT
from tests.waiting import PATIENCE_SECONDS, SOON_SECONDS

pytestmark = [pytest.mark.anyio, pytest.mark.fault]
ALL = UsageFilter()


async def set_max_pages(store: SqliteStore, pages: int) -> None:
    await store.run(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone())


async def pages_in_use(store: SqliteStore) -> int:
    (pages,) = await store.run(lambda connection: connection.execute("PRAGMA page_count").fetchone())
    return int(pages)


@pytest.mark.parametrize("together", [1, 50])
async def test_a_full_disk(sqlite_store: SqliteStore, sqlite_reader: SqliteReader, together: int) -> None:
    await set_max_pages(sqlite_store, await pages_in_use(sqlite_store) + 8)
    written = 0
    errors: list[BaseException] = []
    while not errors:
        outcomes = await asyncio.gather(
            *(sqlite_store.record(usage_row(metadata="x" * 500)) for _ in range(together)), return_exceptions=True
        )
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        written += len(outcomes) - len(errors)
    assert all(isinstance(error, StoreError) for error in errors)
    assert "no space left" in str(errors[0])
    assert await sqlite_reader.usage_count(ALL) == written
    with pytest.raises(StoreError, match="no space left"):
        await sqlite_store.record(usage_row(metadata="x" * 100_000))

    await set_max_pages(sqlite_store, 1_000_000)
    await sqlite_store.record(usage_row())
    assert await sqlite_reader.usage_count(ALL) == written + 1
    (total,) = await sqlite_reader.usage_totals(since=0, until=1 << 60, by="all")
    assert total.requests == written + 1
    assert await sqlite_store.run(lambda db: db.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]


FILE_SIZE_LIMIT = """
import asyncio, resource, sys
from pathlib import Path
from store_rows import usage_row
from conduit_tui.store.interface import StoreError
from conduit_tui.store.sqlite import SqliteStore
async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    written = 0
    try:
        while True:
            await store.record(usage_row())
            written += 1
    except StoreError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await store.record(usage_row())
    print(written + 1, *await store.run(lambda db: db.execute("SELECT count(*) FROM usage").fetchone()))
    await store.close()
asyncio.run(main())
"""


def run_child(script: str, *arguments: object, timeout: float = 30) -> str:
    environment = {"PYTHONPATH": str(Path(__file__).parent), "PATH": ""}
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout, env=environment, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    assert child.stderr == ""
    return child.stdout


def test_a_file_size_limit(database: Path) -> None:
    error, counts = run_child(FILE_SIZE_LIMIT, database).splitlines()
    assert error.startswith(("input/output error on database", "no space left for database"))
    written, found = counts.split()
    assert int(found) >= int(written)  # a commit whose answer was an error may have been kept, never the reverse
    assert int(found) <= int(written) + 1


@contextmanager
def other_process_holding_the_write_lock(database: Path) -> Iterator["subprocess.Popen[str]"]:
    script = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        try:
            yield other
        finally:
            if other.poll() is None:
                other.kill()


async def test_a_second_writer_is_waited_for_and_not_for_ever(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader, database: Path
) -> None:
    with other_process_holding_the_write_lock(database):
        begun = time.monotonic()
        outcomes = await asyncio.gather(*(sqlite_store.record(usage_row()) for _ in range(20)), return_exceptions=True)
        assert 1.5 < time.monotonic() - begun < SOON_SECONDS
        assert all(isinstance(outcome, StoreError) for outcome in outcomes)
        assert "locked by another process" in str(outcomes[0])
        assert await sqlite_reader.usage_count(ALL) == 0  # readers are not held up
    await sqlite_store.record(usage_row())
    assert await sqlite_reader.usage_count(ALL) == 1


async def test_closing_while_another_process_writes(database: Path) -> None:
    store = await SqliteStore.open(database)
    with other_process_holding_the_write_lock(database):
        callers = [asyncio.create_task(store.record(usage_row())) for _ in range(5 * GROUP_LIMIT)]
        await asyncio.sleep(0)  # all of them have asked
        begun = time.monotonic()
        await store.close()
        assert time.monotonic() - begun < SOON_SECONDS
        async with asyncio.timeout(SOON_SECONDS):
            outcomes = await asyncio.gather(*callers, return_exceptions=True)
        assert all(isinstance(outcome, StoreError) for outcome in outcomes)
        assert "was closed before this was written" in str(outcomes[-1]), "it does not wait anew for each group"


async def test_closing_with_a_full_queue_writes_it(database: Path) -> None:
    store = await SqliteStore.open(database)
    callers = [asyncio.create_task(store.record(usage_row())) for _ in range(5000)]
    await asyncio.sleep(0)  # all of them have asked
    begun = time.monotonic()
    await store.close()
    took = time.monotonic() - begun
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    written = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert took < SOON_SECONDS
    assert all(isinstance(outcome, int | StoreError) for outcome in outcomes)
    reader = await SqliteReader.open(database)
    assert await reader.usage_count(ALL) == len(written)
    await reader.close()
    assert len(written) == 5000 or took > 1.9


async def test_closing_stops_a_transaction_that_takes_too_long(database: Path) -> None:
    store = await SqliteStore.open(database)
    endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    caller = asyncio.create_task(store.run(lambda connection: connection.execute(endless).fetchone()))
    await asyncio.sleep(0)
    begun = time.monotonic()
    await store.close()
    assert time.monotonic() - begun < SOON_SECONDS
    with pytest.raises(StoreError, match="interrupted"):
        await caller


async def test_a_cancelled_close_still_closes(database: Path) -> None:
    store = await SqliteStore.open(database)
    callers = [asyncio.create_task(store.record(usage_row())) for _ in range(100)]
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    closing.cancel()
    outcomes = await asyncio.gather(*callers)
    assert sorted(outcomes) == list(range(1, 101))
    await store.close()


NEVER_CLOSED = """
import asyncio, sys
from pathlib import Path
from store_rows import usage_row
from conduit_tui.store.sqlite import SqliteStore
async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    for _ in range(1100):
        task = asyncio.create_task(store.record(usage_row()))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
    await asyncio.sleep(0)
asyncio.run(main())
"""


def test_a_store_that_nobody_closes_does_not_keep_the_process(database: Path) -> None:
    assert run_child(NEVER_CLOSED, database, timeout=PATIENCE_SECONDS) == ""
    connection = sqlite3.connect(database)
    assert connection.execute("SELECT count(*) FROM usage").fetchone() == (1100,)  # more than one group
    connection.close()
