"""What holding and settling cost beside a file full of usage, and how fast a month is summed up.

pytest -m benchmark -s tests/benchmarks/test_ledger_speed.py            a million rows
pytest -m "benchmark and slow" -s tests/benchmarks/test_ledger_speed.py ten million, 2 GB and five minutes

BENCH_DATABASE names a file for the ten million rows that is kept for the next run.
"""

import asyncio
import os
import sys
import time
from itertools import count
from pathlib import Path

import pytest
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from ledgers import DAY, NOON, HandClock, admitted, over, request, set_budget, usage_row

from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore, write_usage

pytestmark = pytest.mark.benchmark

BATCH = 20_000
MODELS = ("claude-opus-5", "claude-haiku-5", "gpt-6", "gpt-6-mini")
PROJECTS = ("default", "alpha", "beta")
PROVIDER_SECONDS = 0.3
_numbers = count(time.time_ns())  # ids that a file from an earlier run does not have


async def fill(store: SqliteStore, rows: int) -> None:
    """Rows of a month, as a few projects leave them."""
    template = usage_row(cost_nanodollars=1_000_000, latency_ms=900, first_byte_ms=300, status=200)
    span = 30 * DAY
    for start in range(0, rows, BATCH):
        batch = [
            template._replace(
                exchange_id=f"x{number:012}",
                created_at=NOON - span + span * number // rows,
                project=PROJECTS[number % 3],
                routed_model=MODELS[number % 4],
                session=f"s-{number // 200}",
            )
            for number in range(start, min(start + BATCH, rows))
        ]
        await store.run(lambda db, batch=batch: write_usage(db, batch) and None)


class Times:
    """How long holds and settlements took, in milliseconds."""

    def __init__(self) -> None:
        self.holds: list[float] = []
        self.settles: list[float] = []
        self.seconds = 0.0

    async def pair(self, ledger: Ledger, pause: float) -> None:
        asked = request(usage_row(f"b{next(_numbers)}"))
        began = time.perf_counter()
        held = admitted(await ledger.hold(asked))
        self.holds.append((time.perf_counter() - began) * 1000)
        if pause:
            await asyncio.sleep(pause)
        began = time.perf_counter()
        await ledger.settle(held, over(held, 0.0001))
        self.settles.append((time.perf_counter() - began) * 1000)

    def __str__(self) -> str:
        both = [hold + settle for hold, settle in zip(self.holds, self.settles, strict=True)]
        parts = (("hold", self.holds), ("settle", self.settles), ("both", both))
        return f"{len(both) / self.seconds:6,.0f} pairs/s; " + "; ".join(f"{name} {said(each)}" for name, each in parts)


async def callers(ledger: Ledger, number: int, seconds: float, pause: float) -> Times:
    """As many pairs as callers manage who wait for each step, and `pause` between a hold and its settlement."""
    times = Times()
    began = time.perf_counter()

    async def call() -> None:
        while time.perf_counter() < began + seconds:
            await times.pair(ledger, pause)

    await asyncio.gather(*(call() for _ in range(number)))
    times.seconds = time.perf_counter() - began
    return times


async def offered(ledger: Ledger, rate: int, seconds: float) -> Times:
    """Pairs that come at a rate, whoever is done by then; providers take a third of a second."""
    times = Times()
    under_way: set[asyncio.Task[None]] = set()
    began = time.perf_counter()
    started = 0
    while (passed := time.perf_counter() - began) < seconds:
        while started < passed * rate:
            started += 1
            task = asyncio.create_task(times.pair(ledger, PROVIDER_SECONDS))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.sleep(0.001)
    times.seconds = seconds
    await asyncio.gather(*under_way)
    return times


def said(times: list[float]) -> str:
    ordered = sorted(times)
    return f"p50 {ordered[len(ordered) // 2]:.2f} p99 {ordered[int(len(ordered) * 0.99)]:.2f} ms"


async def fill_once(store: SqliteStore, rows: int) -> None:
    """Fill an empty database; one from an earlier run is taken as it is."""
    began, found = time.perf_counter(), await counted(store)
    if not found:
        await fill(store, rows)
    (pages,) = await store.run(lambda db: db.execute("PRAGMA page_count").fetchone())
    took = f"written in {time.perf_counter() - began:.0f} s" if not found else "found"
    print(f"\n{await counted(store):,} rows {took}, {pages * 4096 / 1e6:,.0f} MB")


async def counted(store: SqliteStore) -> int:
    (rows,) = await store.run(lambda db: db.execute("SELECT count(*) FROM usage").fetchone())
    return int(rows)


async def measure(database: Path, rows: int) -> None:
    store = await SqliteStore.open(database)
    ledger = Ledger(store, 1, clock=HandClock())
    await fill_once(store, rows)
    await store.sum_days(NOON)
    before = await counted(store)
    began = time.perf_counter()
    await set_budget(store, ledger, daily=1_000_000, monthly=5_000_000)
    await set_budget(store, ledger, project="", daily=1_000_000, monthly=5_000_000)
    admitted(await ledger.hold(request(usage_row(f"b{next(_numbers)}"))))
    print(f"first hold of a new budget, the month's spending summed up: {(time.perf_counter() - began) * 1000:.1f} ms")
    made = len((await callers(ledger, 4, 1.0, 0.01)).settles)  # warm
    for rate in (200, 1000, 2000):
        times = await offered(ledger, rate, 4.0)
        made += len(times.settles)
        print(f"{rate:>5,} pairs/s offered    {times}")
    for number, pause in ((1, 0.0), (8, 0.0), (16, 0.0), (64, 0.0), (1, 0.02), (8, 0.02), (16, 0.02), (64, 0.02)):
        times = await callers(ledger, number, 4.0, pause)
        made += len(times.settles)
        print(f"{number:>3} callers, pause {pause * 1000:>2.0f} ms  {times}")
    assert await counted(store) == before + made, "speed is not bought with lost rows"
    reader = await SqliteReader.open(database)
    for by in ("model", "day", "project"):
        began = time.perf_counter()
        await reader.usage_totals(since=NOON - 30 * DAY, until=NOON, by=by)
        print(f"month by {by}: {(time.perf_counter() - began) * 1000:.0f} ms")
    await reader.close()
    await store.close()


def test_a_million_rows(tmp_path: Path) -> None:
    uvloop.run(measure(tmp_path / "conduit.db", 1_000_000))


@pytest.mark.slow
def test_ten_million_rows(tmp_path: Path) -> None:
    uvloop.run(measure(Path(os.environ.get("BENCH_DATABASE", tmp_path / "conduit.db")), 10_000_000))
