"""Sums equal rows, filters mean what a plain Python reading of them means, whatever the rows are."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_rows import START, group_by, meets, usage_row

from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.histogram import BOUNDS, SLOTS, percentile, slot
from conduit_tui.store.interface import UsageFilter, UsageTotal
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

BUCKET = 15 * 60 * 1000
LIMITED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.sampled_from(["", "default", "alpha", "Alpha", "a_c", "abc", "100%", "back\\slash", "ünï", "'quoted\""])
tokens = st.integers(0, 200_000)
instants = st.integers(START, START + 3 * 24 * 3600 * 1000)
usage_rows = st.builds(
    usage_row,
    project=names,
    agent=st.sampled_from(["", "a1", "a2"]),
    agent_type=names,
    session=names,
    requested_model=names,
    routed_model=names,
    provider=names,
    error_type=names,
    routing_reason=names,
    input_tokens=tokens,
    output_tokens=tokens,
    cache_read_tokens=tokens,
    cost_nanodollars=st.integers(0, 10**12),
    status=st.sampled_from([0, 200, 201, 302, 400, 402, 429, 499, 500, 529]),
    latency_ms=st.integers(0, 900_000),
    first_byte_ms=st.integers(0, 90_000),
    created_at=instants,
)
texts = st.one_of(names, st.sampled_from(["A", "%", "_", "\\", "lph", "ALPHA", "x", "a%c", "'", '"']))
filters = st.builds(
    UsageFilter,
    expression=st.none(),  # has tests of its own
    text=texts,
    model=texts,
    status=st.sampled_from(["", "200", "2xx", "4xx", "5xx", "error", "429", "0", "9xx"]),
    project=names,
    session=names,
    since=st.one_of(st.just(0), instants),
    until=st.one_of(st.just(0), instants),
)


def sums(total: UsageTotal) -> tuple[int, ...]:
    return total[1:7]


@LIMITED
@given(st.lists(usage_rows, max_size=60), instants, instants)
def test_totals_and_sessions_equal_the_rows(rows: list[UsageRow], since: int, until: int) -> None:
    asyncio.run(check_totals(rows, since, until))


async def check_totals(rows: list[UsageRow], since: int, until: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "conduit.db")
        reader = await SqliteReader.open(Path(folder) / "conduit.db")
        await asyncio.gather(*map(store.record, rows))
        keys = {
            "model": lambda row: row.routed_model,
            "project": lambda row: row.project,
            "agent-type": lambda row: row.agent_type,
            "provider": lambda row: row.provider,
            "session": lambda row: row.session,
            "day": lambda row: datetime.fromtimestamp(row.created_at / 1000, UTC).date().isoformat(),
            "bucket": lambda row: str(row.created_at // BUCKET * BUCKET),
        }
        for by, key in keys.items():
            found = await reader.usage_totals(since=START, until=1 << 60, by=by)
            assert {total.key: sums(total) for total in found} == group_by(rows, key)
        (total,) = await reader.usage_totals(since=START, until=1 << 60, by="all")
        assert sums(total) == group_by(rows, lambda _: "all").get("all", (0,) * 6)

        within = [row for row in rows if since <= row.created_at < until]
        found = await reader.usage_totals(since=since, until=until, by="session")
        assert {total.key: sums(total) for total in found} == group_by(within, lambda row: row.session)
        for total in found:
            latencies = sorted(row.latency_ms for row in within if row.session == total.key)
            assert total.latency_p50_ms == latencies[(len(latencies) - 1) // 2]
        touched = [row for row in rows if row.created_at // BUCKET >= since // BUCKET]
        touched = [row for row in touched if row.created_at // BUCKET * BUCKET < until]
        (total,) = await reader.usage_totals(since=since, until=until, by="all")
        assert sums(total) == group_by(touched, lambda _: "all").get("all", (0,) * 6)

        expected = group_by(rows, lambda row: (row.project, row.session, row.agent))
        sessions = await reader.sessions(since=0, limit=1000)
        assert {one[:3]: one[5:10] for one in sessions} == {
            key: (requests, *others) for key, (requests, _, *others) in expected.items()
        }
        for one in sessions:
            times = [row.created_at for row in rows if (row.project, row.session, row.agent) == one[:3]]
            assert (one.first_at, one.last_at) == (min(times), max(times))
        await reader.close()
        await store.close()


@LIMITED
@given(st.lists(usage_rows, min_size=1, max_size=40), st.lists(filters, min_size=1, max_size=20), st.integers(0, 40))
def test_filters_equal_a_plain_reading(rows: list[UsageRow], wheres: list[UsageFilter], after: int) -> None:
    asyncio.run(check_filters(rows, wheres, after))


async def check_filters(rows: list[UsageRow], wheres: list[UsageFilter], after: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "conduit.db")
        reader = await SqliteReader.open(Path(folder) / "conduit.db")
        ids = await asyncio.gather(*map(store.record, rows))
        for where in wheres:
            expected = sorted(row_id for row_id, row in zip(ids, rows, strict=True) if meets(row, where))
            assert list(await reader.usage_ids(where)) == expected
            assert await reader.usage_count(where) == len(expected)
            assert list(await reader.usage_ids_after(after, where)) == [row_id for row_id in expected if row_id > after]
        await reader.close()
        await store.close()


@given(st.lists(st.integers(0, 500_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_a_percentile_is_off_by_less_than_its_slot(durations: list[int], share: float) -> None:
    counts = [0] * SLOTS
    for duration in durations:
        counts[slot(duration)] += 1
    ordered = sorted(durations)
    exact = next(value for place, value in enumerate(ordered, 1) if place >= share * len(ordered))
    found = percentile(counts, share)
    assert found <= max(16, exact * 1.4143 + 1)
    assert found >= min(exact, exact / 1.4143 - 1, exact - 16 if exact < 16 else exact)


def test_the_slots_are_those_that_the_schema_documents() -> None:
    assert slot(0) == slot(15) == 0
    assert slot(16) == 1
    assert slot(524_287) == SLOTS - 2
    assert slot(524_288) == slot(10**9) == SLOTS - 1 == 31
    assert BOUNDS[0] == 16
    assert BOUNDS[-1] == 524_288
    assert percentile([0] * SLOTS, 0.5) == 0
    assert percentile([0] * 31 + [3], 0.95) == 524_288
    assert percentile([4] + [0] * 31, 0.5) == 8
