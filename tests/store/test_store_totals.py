"""Totals are the sums of the rows: at every edge of time, after renames, without the rows, whatever days are summed."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from store_rows import group_by, usage_row

from conduit_tui.config.model import Retention
from conduit_tui.domain.limits import Scope
from conduit_tui.domain.projects import Project
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

BUCKET, DAY = 15 * 60_000, 86_400_000
MIDNIGHT = 1_800_057_600_000  # 2027-01-16 00:00 UTC
DAYS = 5

edges = st.builds(
    lambda day, bucket, off: MIDNIGHT + day * DAY + bucket * BUCKET + off,
    st.integers(0, DAYS),
    st.sampled_from([0, 0, 0, 1, 47, 95]),
    st.sampled_from([-1, 0, 1, BUCKET - 1]),
)
instants = edges | st.integers(MIDNIGHT, MIDNIGHT + DAYS * DAY)
usage_rows = st.builds(
    usage_row,
    project=st.sampled_from(["default", "alpha", "beta"]),
    requested_model=st.sampled_from(["opus", "haiku"]),
    routed_model=st.sampled_from(["opus", "haiku", "sonnet"]),
    agent_type=st.sampled_from(["", "main", "Explore"]),
    provider=st.sampled_from(["anthropic", "mine"]),
    input_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**5),
    cost_nanodollars=st.sampled_from([0, 1, 10**12]) | st.integers(0, 10**11),
    status=st.sampled_from([0, 200, 429]),
    latency_ms=st.integers(0, 600_000),
    created_at=instants,
)
KEYS = {
    "model": lambda row: row.routed_model,
    "project": lambda row: row.project,
    "agent-type": lambda row: row.agent_type,
    "provider": lambda row: row.provider,
    "day": lambda row: datetime.fromtimestamp(row.created_at / 1000, UTC).date().isoformat(),
    "all": lambda _: "all",
}
NOTHING = (0,) * 6


class Life(NamedTuple):
    """Rows, then a project's new name, then more rows, then an age at which rows are deleted.

    After the first rows and after the others, days are summed up to one of them.
    """

    before: list[UsageRow]
    renamed: str | None
    after: list[UsageRow]
    deleted_days: int | None
    summed: tuple[int, int] = (0, 0)


lives = st.builds(
    Life,
    st.lists(usage_rows, max_size=40),
    st.none() | st.sampled_from(["alpha", "beta"]),
    st.lists(usage_rows, max_size=20),
    st.none() | st.integers(0, DAYS),
    st.tuples(st.integers(0, DAYS + 1), st.integers(0, DAYS + 1)),
)
whole_days = st.integers(0, DAYS).map(lambda day: MIDNIGHT + day * DAY)


spans = st.lists(whole_days | whole_days | instants, min_size=2, max_size=2).map(sorted)
SAME_DAY = [usage_row(created_at=MIDNIGHT + bucket * BUCKET, project="alpha") for bucket in (1, 1, 2, 95)]
LATE = [usage_row(created_at=MIDNIGHT + bucket * BUCKET) for bucket in (2, 3)]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(life=lives, span=spans)
@example(Life(SAME_DAY, "alpha", [], None), [MIDNIGHT, MIDNIGHT + DAYS * DAY])
@example(
    Life([usage_row(created_at=MIDNIGHT + DAY - 1), usage_row(created_at=MIDNIGHT + DAY)], None, [], 1),
    [MIDNIGHT, MIDNIGHT + DAY],
)
@example(Life(SAME_DAY, "alpha", LATE, None, (1, 1)), [MIDNIGHT, MIDNIGHT + DAYS * DAY])
def test_totals_are_the_sums_of_the_rows(life: Life, span: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder) / "conduit.db", life, *span))


async def check(path: Path, life: Life, since: int, until: int) -> None:
    store = await SqliteStore.open(path)
    reader = await SqliteReader.open(path)
    try:
        await live(path, store, reader, life, since, until)
    finally:
        await reader.close()
        await store.close()


async def live(path: Path, store: SqliteStore, reader: SqliteReader, life: Life, since: int, until: int) -> None:
    for name in ("alpha", "beta"):
        await store.add_project(Project(name=name))
    await asyncio.gather(*map(store.record, life.before))
    rows = life.before
    await store.sum_days(MIDNIGHT + life.summed[0] * DAY)
    await agree(reader, rows, since, until)
    if life.renamed:
        await store.rename_project(life.renamed, "gamma")
        rows = [row._replace(project="gamma") if row.project == life.renamed else row for row in rows]
    await asyncio.gather(*map(store.record, life.after))
    rows = [*rows, *life.after]
    assert sorted(stored(path)) == sorted((row.project, row.routed_model, row.cost_nanodollars) for row in rows)
    await agree(reader, rows, since, until)
    await store.sum_days(MIDNIGHT + life.summed[1] * DAY)
    await agree(reader, rows, since, until)
    if life.deleted_days is not None:
        await store.expire(MIDNIGHT + DAYS * DAY, Retention(usage_days=max(1, life.deleted_days)))
        await agree(reader, rows, since, until)  # the rows are gone, their sums are not


def stored(path: Path) -> list[tuple[str, str, int]]:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return database.execute("SELECT project, routed_model, cost_nanodollars FROM usage").fetchall()
    finally:
        database.close()


async def agree(reader: SqliteReader, rows: list[UsageRow], since: int, until: int) -> None:
    """Every way to ask for sums gives those of the rows whose bucket begins in the time."""
    within = [row for row in rows if since // BUCKET <= row.created_at // BUCKET and bucket_of(row) < until]
    for by, key in KEYS.items():
        totals = await reader.usage_totals(since=since, until=until, by=by)
        found = {total.key: total[1:7] for total in totals if total[1:7] != NOTHING}
        assert found == group_by(within, key), by
        for project in ("default", "gamma"):
            totals = await reader.usage_totals(since=since, until=until, by=by, project=project)
            found = {total.key: total[1:7] for total in totals if total[1:7] != NOTHING}
            assert found == group_by([row for row in within if row.project == project], key), by
    assert await reader.spent(Scope(""), since, until) == sum(row.cost_nanodollars for row in within)
    routes = await reader.usage_routes(since=since, until=until)
    assert sum(route.cost_nanodollars for route in routes) == sum(row.cost_nanodollars for row in within)
    assert sum(route.requests for route in routes) == len(within)
    start = since // DAY * DAY
    end = max(start + DAY, -(-until // DAY) * DAY)
    for stretch in (DAY, BUCKET, end - start):
        points = await reader.usage_series(since=start, until=end, bucket_ms=stretch, by="model", latency=True)
        wanted = [row for row in rows if start <= row.created_at < end]

        def place(row: UsageRow, stretch: int = stretch) -> tuple[int, str]:
            return start + (row.created_at - start) // stretch * stretch, row.routed_model

        assert {(point.at, point.key): point[2:8] for point in points} == group_by(wanted, place)


def bucket_of(row: UsageRow) -> int:
    return row.created_at // BUCKET * BUCKET


@pytest.mark.fault
@pytest.mark.anyio
async def test_a_kill_while_days_are_summed_changes_no_total(tmp_path: Path) -> None:
    path = tmp_path / "conduit.db"
    rows = [usage_row(created_at=MIDNIGHT + day * DAY + bucket * BUCKET) for day in (0, 1, 3) for bucket in (0, 50, 95)]
    store = await SqliteStore.open(path)
    await asyncio.gather(*map(store.record, rows))
    await store.close()
    reader = await SqliteReader.open(path)
    statement = 1
    while killed_while_summing(path, before_statement=statement):
        statement += 1
        await agree(reader, rows, MIDNIGHT, MIDNIGHT + DAYS * DAY)
    await reader.close()
    assert statement > 5  # one of them between two days
    database = sqlite3.connect(path)
    assert database.execute("SELECT sum(requests) FROM usage_daily").fetchone() == (len(rows),)
    database.close()


# Sums the days that are over in a child that kills itself before its n-th statement.
SUMMING = """
import os, signal, sqlite3, sys
from conduit_tui.store.rollups import sum_next_day
path, now, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
statements = 0
def trace(_statement):
    global statements
    statements += 1
    if statements == number:
        os.kill(os.getpid(), signal.SIGKILL)
connection = sqlite3.connect(path, isolation_level=None)
connection.set_trace_callback(trace)
more = True
while more:
    connection.execute("BEGIN IMMEDIATE")
    more = sum_next_day(connection, now)
    connection.execute("COMMIT")
"""


def killed_while_summing(path: Path, before_statement: int) -> bool:
    arguments = [sys.executable, "-c", SUMMING, str(path), str(MIDNIGHT + DAYS * DAY), str(before_statement)]
    return subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
