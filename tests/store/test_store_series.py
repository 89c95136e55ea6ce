"""Usage along time: charts from rollups and from rows, and by the model that was asked for."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from store_rows import START, group_by, usage_row

from conduit_tui.domain.usage import Usage, UsageRow
from conduit_tui.store import rerouted
from conduit_tui.store.interface import UsageFilter, UsagePoint
from conduit_tui.store.migrate import MIGRATIONS, statements
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
KEYS: dict[str, Callable[[UsageRow], str]] = {
    "model": lambda row: row.routed_model,
    "project": lambda row: row.project,
    "agent-type": lambda row: row.agent_type,
    "provider": lambda row: row.provider,
    "all": lambda _: "all",
}


def some_rows(count: int, span: int) -> list[UsageRow]:
    dice = random.Random(7)
    return [
        usage_row(
            project=dice.choice(("a", "b")),
            requested_model=dice.choice(("opus", "sonnet")),
            routed_model=dice.choice(("opus", "haiku")),
            agent_type=dice.choice(("main", "Explore")),
            provider=dice.choice(("anthropic", "mine")),
            input_tokens=dice.randrange(2_000),
            cost_nanodollars=dice.randrange(10**9),
            latency_ms=dice.randrange(20_000),
            status=dice.choice((200, 200, 200, 429, 0)),
            created_at=START + dice.randrange(span),
        )
        for _ in range(count)
    ]


async def fill(store: SqliteStore, rows: list[UsageRow]) -> list[UsageRow]:
    await asyncio.gather(*map(store.record, rows))
    return rows


@pytest.mark.parametrize("by", KEYS)
@pytest.mark.parametrize(("bucket_ms", "since"), [(HOUR, START), (DAY, START), (MINUTE, START + 7 * MINUTE)])
async def test_points_are_the_sums_of_the_rows(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader, by: str, bucket_ms: int, since: int
) -> None:
    rows = await fill(sqlite_store, some_rows(200, 3 * HOUR))
    until = START + 2 * HOUR
    found = await sqlite_reader.usage_series(
        since=since, until=until, bucket_ms=bucket_ms, by=by, project="a", latency=True
    )
    wanted = [row for row in rows if row.project == "a" and since <= row.created_at < until]

    def place(row: UsageRow) -> tuple[int, str]:
        return since + (row.created_at - since) // bucket_ms * bucket_ms, KEYS[by](row)

    assert {(point.at, point.key): point[2:8] for point in found} == group_by(wanted, place)
    for point in found:
        durations = sorted(row.latency_ms for row in wanted if place(row) == (point.at, point.key))
        exact = durations[(len(durations) - 1) // 2]
        assert abs(point.latency_p50_ms - exact) <= (0 if bucket_ms == MINUTE else max(16, 0.42 * exact) + 4_000)
        assert point.latency_p50_ms <= point.latency_p95_ms


async def test_durations_are_left_out_unless_asked_for(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    await fill(sqlite_store, [usage_row()])
    (point,) = await sqlite_reader.usage_series(since=START, until=START + HOUR, bucket_ms=HOUR, by="all")
    assert point == UsagePoint(START, "all", 1, 0, 1000, 200, 300, 7_000_000, 0, 0)


async def test_nonsense_is_refused(sqlite_reader: SqliteReader) -> None:
    with pytest.raises(ValueError, match="phase of the moon"):
        await sqlite_reader.usage_series(since=0, until=1, bucket_ms=HOUR, by="phase of the moon")
    with pytest.raises(ValueError, match="longer than nothing"):
        await sqlite_reader.usage_series(since=0, until=1, bucket_ms=0, by="model")


async def test_routes_add_up_to_all_that_was_used(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    rows = await fill(sqlite_store, some_rows(200, 3 * HOUR))
    found = await sqlite_reader.usage_routes(since=START, until=START + DAY)
    assert sum(route.requests for route in found) == len(rows)
    assert sum(route.cost_nanodollars for route in found) == sum(row.cost_nanodollars for row in rows)
    moved = [row for row in rows if (row.requested_model, row.routed_model) == ("sonnet", "haiku")]
    routes = [route for route in found if (route.requested_model, route.routed_model) == ("sonnet", "haiku")]
    assert sum(route.requests for route in routes) == sum(row.input_tokens > 0 for row in moved)
    assert sum(route.tokens.input_tokens for route in routes) == sum(row.input_tokens for row in moved)
    only = await sqlite_reader.usage_routes(since=START, until=START + DAY, project="a")
    assert sum(route.requests for route in only) == sum(row.project == "a" for row in rows)


async def test_what_came_before_the_table_is_counted_too(database: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    connection = sqlite3.connect(old, isolation_level=None)
    for migration in MIGRATIONS[:3]:
        for statement in statements(migration.sql):
            connection.execute(statement)
    row = usage_row(requested_model="opus", routed_model="haiku")
    places = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO usage ({', '.join(row._fields)}) VALUES ({places})", row)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    shutil.move(old, database)
    await (await SqliteStore.open(database)).close()
    reader = await SqliteReader.open(database)
    (route,) = await reader.usage_routes(since=START, until=START + HOUR)
    await reader.close()
    assert route[:4] == ("opus", "haiku", "anthropic", 1)
    assert route.tokens == Usage(1000, 200, 300, 40, 5, 60)


async def test_a_charge_that_is_lowered_counts_less(database: Path, sqlite_store: SqliteStore) -> None:
    row = usage_row(requested_model="opus", routed_model="haiku")
    await sqlite_store.record(row)
    await sqlite_store.run(lambda connection: rerouted.add_cost(connection, row, -2_000_000))
    reader = await SqliteReader.open(database)
    (route,) = await reader.usage_routes(since=START, until=START + HOUR)
    await reader.close()
    assert route.cost_nanodollars == 5_000_000


async def test_a_filter_has_a_beginning_and_an_end(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    rows = await fill(sqlite_store, some_rows(120, 3 * HOUR))
    since, until = START + 20 * MINUTE, START + 70 * MINUTE

    async def exchanges(where: UsageFilter) -> set[str]:
        found = await sqlite_reader.usage_rows(await sqlite_reader.usage_ids(where))
        return {stored.row.exchange_id for stored in found}

    for where in (UsageFilter(since=since), UsageFilter(until=until), UsageFilter(since=since, until=until)):
        expected = {
            row.exchange_id
            for row in rows
            if row.created_at >= where.since and (not where.until or row.created_at < where.until)
        }
        assert await exchanges(where) == expected
    assert await exchanges(UsageFilter(since=START + DAY)) == set()
