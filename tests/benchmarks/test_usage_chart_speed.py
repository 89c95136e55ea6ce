"""How long a month of ten million requests takes to be read and drawn: its charts, its tables, its totals."""

import random
import sqlite3
import time
from pathlib import Path

import pytest
from rich.style import Style

from conduit_tui.store.migrate import MIGRATIONS, statements
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.tui.glyphs import UNICODE
from conduit_tui.tui.theme import DARK, PALETTES
from conduit_tui.tui.time_range import RANGES, span
from conduit_tui.tui.usage_chart import draw, room
from conduit_tui.tui.usage_data import METRICS, read_chart, read_rows

pytestmark = [pytest.mark.benchmark, pytest.mark.anyio]

NOW = 1_763_116_920_000
BUCKET = 15 * 60_000
DAY = 86_400_000
PROMISE = 0.2  # seconds, on a quiet machine


def fill(path: Path) -> int:
    """Rollups of a month, five projects, five models, two agent types; how many requests they count."""
    dice = random.Random(1)
    connection = sqlite3.connect(path)
    columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(usage_rollup)")]
    rows = []
    for bucket in range(30 * 96):
        for project in range(5):
            for model in range(5):
                for agent_type in ("", "Explore"):
                    if dice.random() < 0.7:
                        at = NOW - NOW % BUCKET - bucket * BUCKET
                        key = (at, f"project-{project}", f"model-{model}", agent_type, "anthropic")
                        sums = (100, 1, 5_000_000, 90_000, 3_000_000, 0, 0, 0, dice.randrange(10**10), 300_000)
                        rows.append((*key, *sums, 1, 2, *[3] * (len(columns) - 17)))
    connection.executemany(f"INSERT INTO usage_rollup VALUES ({', '.join('?' * len(columns))})", rows)
    scripts = (one for each in MIGRATIONS for one in statements(each.sql))
    (by_day,) = (one for one in scripts if one.startswith("INSERT INTO usage_daily"))
    connection.execute(by_day)
    (requests,) = connection.execute("SELECT sum(requests) FROM usage_rollup").fetchone()
    connection.commit()
    connection.close()
    return int(requests)


async def test_a_month_of_ten_million_requests(tmp_path: Path) -> None:
    path = tmp_path / "conduit.db"
    await (await SqliteStore.open(path)).close()
    requests = fill(path)
    assert requests > 10_000_000
    reader = await SqliteReader.open(path)
    best = {}
    for width in (80, 120):
        shown = span(RANGES[3], room(width), NOW)
        for metric in METRICS:
            times = []
            for _ in range(3):
                began = time.perf_counter()
                data = await read_chart(reader, shown, "model", metric, "")
                read = time.perf_counter()
                draw(
                    data, lines=not metric.adds_up, picked=None, width=width, height=17, now=NOW,
                    palette=PALETTES[DARK.name], ground=Style(), glyphs=UNICODE,
                )  # fmt: skip
                times.append((read - began, time.perf_counter() - read))
            best[width, metric.name] = min(times)
    month = span(RANGES[3], room(80), NOW)
    for name, reading in (
        ("table by model", lambda: read_rows(reader, month, "model", "")),
        ("table by day", lambda: read_rows(reader, month, "day", "")),
        ("a project's", lambda: read_rows(reader, month, "agent-type", "project-1")),
        ("saved", lambda: reader.usage_routes(since=month.since, until=month.until)),
        ("since an odd minute", lambda: reader.usage_totals(since=NOW - 29 * DAY, until=NOW + 1, by="model")),
    ):
        began = time.perf_counter()
        assert await reading()  # type: ignore[no-untyped-call]
        best[80, name] = (time.perf_counter() - began, 0.0)
    await reader.close()
    for (width, name), (reading_took, drawing) in best.items():
        print(f"{width:4} {name:20} read {reading_took * 1_000:6.1f} ms  drawn {drawing * 1_000:5.1f} ms")
    assert max(map(sum, best.values())) < PROMISE
