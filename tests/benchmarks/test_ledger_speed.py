"""What holding and settling cost beside a file full of usage, and how fast a month is summed up.

pytest -m benchmark -s tests/benchmarks/test_ledger_speed.py            a million rows
pytest -m "benchmark and slow" -s tests/benchmarks/test_ledger_speed.py ten million, about 3 GB and ten minutes
"""

import asyncio
import sys
import time
from pathlib import Path

import pytest
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))

from ledgers import DAY, NOON, HandClock, admitted, over, request, set_budget, usage_row

from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.interface import UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore, write_usage

pytestmark = pytest.mark.benchmark

BATCH = 20_000
MODELS = ("claude-opus-5", "claude-haiku-5", "gpt-6", "gpt-6-mini")
PROJECTS = ("default", "alpha", "beta")


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


async def pairs(ledger: Ledger, callers: int, seconds: float, pause: float) -> tuple[list[float], list[float]]:
    """How long holds and settlements took, in milliseconds, for callers that pause after each."""
    holds: list[float] = []
    settles: list[float] = []
    until = time.perf_counter() + seconds

    async def call() -> None:
        while time.perf_counter() < until:
            asked = request(usage_row())
            began = time.perf_counter()
            held = admitted(await ledger.hold(asked))
            holds.append((time.perf_counter() - began) * 1000)
            if pause:
                await asyncio.sleep(pause)
            began = time.perf_counter()
            await ledger.settle(held, over(held, 0.0001))
            settles.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*(call() for _ in range(callers)))
    return sorted(holds), sorted(settles)


def said(times: list[float]) -> str:
    return f"p50 {times[len(times) // 2]:.2f} ms, p99 {times[int(len(times) * 0.99)]:.2f} ms"


async def measure(database: Path, rows: int) -> None:
    store = await SqliteStore.open(database)
    ledger = Ledger(store, 1, clock=HandClock())
    began = time.perf_counter()
    await fill(store, rows)
    (pages,) = await store.run(lambda db: db.execute("PRAGMA page_count").fetchone())
    print(f"\n{rows:,} rows in {time.perf_counter() - began:.0f} s, {pages * 4096 / 1e6:,.0f} MB")
    began = time.perf_counter()
    await set_budget(store, ledger, daily=1_000_000, monthly=5_000_000)
    await set_budget(store, ledger, project="", daily=1_000_000, monthly=5_000_000)
    admitted(await ledger.hold(request()))
    print(f"first hold of a new budget, the month's spending summed up: {(time.perf_counter() - began) * 1000:.1f} ms")
    made = 0
    for callers, pause in ((1, 0.01), (8, 0.02), (16, 0.0), (64, 0.0)):
        holds, settles = await pairs(ledger, callers, 4.0, pause)
        made += len(settles)
        print(
            f"{callers:>3} callers, pause {pause * 1000:.0f} ms: {len(settles) / 4:,.0f} pairs/s; "
            f"hold {said(holds)}; settle {said(settles)}"
        )
    reader = await SqliteReader.open(database)
    for by in ("model", "day", "project"):
        began = time.perf_counter()
        await reader.usage_totals(since=NOON - 30 * DAY, until=NOON, by=by)
        print(f"month by {by}: {(time.perf_counter() - began) * 1000:.0f} ms")
    # Speed is not bought with lost rows.
    assert await reader.usage_count(UsageFilter()) == rows + made
    await reader.close()
    await store.close()


def test_a_million_rows(tmp_path: Path) -> None:
    uvloop.run(measure(tmp_path / "conduit.db", 1_000_000))


@pytest.mark.slow
def test_ten_million_rows(tmp_path: Path) -> None:
    uvloop.run(measure(tmp_path / "conduit.db", 10_000_000))
