"""The Requests list over a million rows: how fast it opens, what an appended row costs, how much memory it takes."""

import asyncio
import gc
import json
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROWS = 1_000_000
OPENINGS = 5
APPENDS = 40


def fill(database: Path) -> None:
    """A million rows, written past the store: recording them one by one is not what is measured."""
    from conduit_tui.domain.usage import UsageRow
    from conduit_tui.store.sqlite import SqliteStore

    async def create() -> None:
        await (await SqliteStore.open(database)).close()

    asyncio.run(create())
    columns = ", ".join(UsageRow._fields)
    connection = sqlite3.connect(database)
    began = 1_760_000_000_000
    metadata = json.dumps({"trace": [["door", "ok", 12]], "timings": {"done_ms": 900}, "request_headers": [["a", "b"]]})

    def row(n: int) -> tuple[object, ...]:
        return (
            f"ex-{n}", 1, f"project-{n % 5}", "claude-code", "", f"session-{n // 500}", "main", "claude-cli",
            "anthropic", f"claude-model-{n % 7}", f"claude-model-{n % 7}", "anthropic", 1_000 + n % 90_000, n % 4_000,
            n % 900, 0, 0, 0, 1_000_000 + n, "USD", "genai-prices", "client", "as requested", "",
            200 if n % 50 else 529, "", 900 + n % 7_000, 300, 400, "", metadata, began + n * 1_000,
        )  # fmt: skip

    with connection:
        connection.executemany(
            f"INSERT INTO usage ({columns}) VALUES ({', '.join('?' * len(UsageRow._fields))})", map(row, range(ROWS))
        )
    connection.close()


MEASURE = """
import asyncio, gc, json, resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from scenes import World, live, row, shows, status
from conduit_tui.tui.profile import PROFILES

OPENINGS, APPENDS, ROWS = (int(word) for word in sys.argv[3:6])

def resident():
    facts = Path("/proc/self/status").read_text().splitlines()
    return int(next(fact for fact in facts if fact.startswith("VmRSS")).split()[1]) / 1024

async def measure():
    figures = {"open_ms": [], "append_cpu_ms": [], "page_cpu_ms": [], "top_ms": []}
    world = World(Path(sys.argv[1]))
    world.say(told=status(), seen=live(ROWS))
    for number in range(OPENINGS):
        app = world.app(profile=PROFILES["local"])
        async with app.run_test(size=(120, 40)) as pilot:
            await shows(pilot, "READY")
            from conduit_tui.tui.screens.requests import RequestsScreen  # imported once, on the first visit
            began = time.perf_counter()
            await pilot.press("2")
            await shows(pilot, "1,000,000 requests", "● follow", "claude-model")
            figures["open_ms"].append((time.perf_counter() - began) * 1e3)
            if number < OPENINGS - 1:
                continue
            screen, rows = pilot.app.screen, pilot.app.screen.rows
            await pilot.pause(0.3)
            for _ in range(30):
                cpu = time.process_time()
                await pilot.press("pageup")
                await pilot.pause()
                figures["page_cpu_ms"].append((time.process_time() - cpu) * 1e3)
            began = time.perf_counter()
            await pilot.press("g")
            await shows(pilot, "claude-model-0")
            figures["top_ms"].append((time.perf_counter() - began) * 1e3)
            await pilot.press("G")
            await pilot.pause(0.2)
            last = ROWS
            for n in range(APPENDS):
                last = await world.fill([row(9_000_000 + n, ago=0)])
                before = len(rows)
                cpu = time.process_time()
                world.say(seen=live(last))
                while len(rows) == before:
                    await asyncio.sleep(0.002)
                await pilot.pause()
                figures["append_cpu_ms"].append((time.process_time() - cpu) * 1e3)
                await asyncio.sleep(0.12)
            await pilot.press("slash", *"model:model-3")
            began = time.perf_counter()
            await shows(pilot, "of 1,000,0", without="1,000,000 requests", seconds=30)
            figures["filter_ms"] = [(time.perf_counter() - began) * 1e3]
            gc.collect()
            figures["rss_mb"] = [resident()]
    await world.close()
    return figures

print(json.dumps(asyncio.run(measure())))
"""


@pytest.mark.benchmark
def test_requests_list_over_a_million_rows(tmp_path: Path) -> None:
    from conduit_tui.paths import StateDir

    state_dir = StateDir(tmp_path / "s")
    state_dir.prepare()
    began = time.perf_counter()
    fill(state_dir.database)
    size = state_dir.database.stat().st_size / 1e6
    print(f"\n{ROWS:,} rows written in {time.perf_counter() - began:.1f} s, {size:.0f} MB")
    gc.collect()
    scenes = Path(__file__).parents[1] / "tui"
    arguments = [str(state_dir.root), str(scenes), str(OPENINGS), str(APPENDS), str(ROWS)]
    told = subprocess.run([sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-4000:]
    for name, values in json.loads(told.stdout.splitlines()[-1]).items():
        print(f"{name:>14}  median {statistics.median(values):8.1f}  best {min(values):8.1f}  worst {max(values):8.1f}")
