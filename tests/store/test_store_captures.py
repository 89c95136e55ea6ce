"""Captured texts, hits of rules, and requests of the past."""

# ruff: noqa: ASYNC240 - nothing else runs on these tests' loops

import asyncio
import json
from pathlib import Path

import pytest
from store_rows import START, usage_row

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.usage import Usage, UsageRow
from conduit_tui.store.interface import ModelPair, StoreError, UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

DAY = 24 * 3_600_000
BUCKET = 15 * 60 * 1000
FOR_EVER = 1 << 60


def text_of(
    row: UsageRow, text: str = "hello", kind: CaptureKind = CaptureKind.MESSAGE, *, cut: bool = False
) -> Capture:
    return Capture(row.exchange_id, row.project, kind, cut, row.created_at, text)


async def test_texts_are_written_with_their_row(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    row = usage_row()
    texts = [text_of(row, "Grüße \N{SNOWMAN}", cut=True), text_of(row, "{}", CaptureKind.REQUEST)]
    await sqlite_store.record(row, texts)
    assert await sqlite_reader.captures_of_exchange(row.exchange_id) == texts
    await sqlite_store.record(row._replace(attempt=2), [text_of(row, "another")])
    assert await sqlite_reader.captures_of_exchange(row.exchange_id) == texts


async def test_a_row_and_its_texts_are_written_together_or_not_at_all(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    good, bad, also_good = usage_row(), usage_row(), usage_row()
    outcomes = await asyncio.gather(
        sqlite_store.record(good, [text_of(good)]),
        sqlite_store.record(bad, [text_of(bad, "\ud800")]),
        sqlite_store.record(also_good, [text_of(also_good)]),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [int, StoreError, int]
    assert await sqlite_reader.usage_count(UsageFilter()) == 2
    assert await sqlite_reader.captures_of_exchange(bad.exchange_id) == []


async def test_purging_deletes_what_was_asked_for_and_nothing_else(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    rows = [usage_row(project=("alpha", "beta")[n % 2], created_at=START + n) for n in range(1_200)]
    await asyncio.gather(*(sqlite_store.record(row, [text_of(row)]) for row in rows))
    assert await sqlite_store.purge_captures("alpha", START + 10) == 5
    assert await sqlite_store.purge_captures("alpha") == 595
    assert await sqlite_store.purge_captures("alpha") == 0
    assert await sqlite_reader.captures_of_exchange(rows[0].exchange_id) == []
    assert len(await sqlite_reader.captures_of_exchange(rows[1].exchange_id)) == 1
    assert await sqlite_store.purge_captures() == 600
    assert await sqlite_reader.usage_count(UsageFilter()) == 1_200


async def test_what_was_purged_is_not_left_in_the_file(database: Path) -> None:
    store = await SqliteStore.open(database)
    row = usage_row()
    await store.record(row, [text_of(row, "xyzzy " * 5_000)])
    await store.purge_captures()
    await store.close()
    assert b"xyzzy" not in database.read_bytes()


async def test_texts_are_kept_as_long_as_their_project_wants(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    await sqlite_store.add_project(Project(name="short", config=ProjectConfig(capture_days=1)))
    await sqlite_store.add_project(Project(name="long", config=ProjectConfig(capture_days=30)))
    kept = []
    for age in (31, 20, 10, 2, 0):
        for project in ("short", "long", "default", "unknown"):
            row = usage_row(project=project, created_at=START - age * DAY)
            await sqlite_store.record(row, [text_of(row)])
            if age < {"short": 1, "long": 30}.get(project, 7):
                kept.append(row.exchange_id)
    assert await sqlite_store.expire(START) == 20 - len(kept)
    for exchange_id in kept:
        assert await sqlite_reader.captures_of_exchange(exchange_id)


async def test_hits_of_rules(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    broken = json.dumps({"decision": {"broken_cache": {"tokens": 9, "nanodollars": 500}}})
    rows = [
        *(
            usage_row(rule_id="r1", requested_model="opus", routed_model="haiku", created_at=START + n)
            for n in range(3)
        ),
        usage_row(rule_id="r1", requested_model="sonnet", routed_model="haiku", created_at=START, metadata=broken),
        usage_row(rule_id="r2", requested_model="opus", routed_model="opus", created_at=START - 2 * BUCKET),
        usage_row(rule_id="r1", project="other"),
        usage_row(rule_id=""),
    ]
    await asyncio.gather(*map(sqlite_store.record, rows))
    await sqlite_store.record(rows[0]._replace(attempt=2, routed_model="sonnet"))
    hits = await sqlite_reader.rule_hits("default", 0)
    assert sorted(hits) == ["r1", "r2"]
    assert hits["r1"].requests == 4
    assert hits["r1"].last_at == START + 2
    assert hits["r1"].models == (ModelPair("opus", "haiku", 3), ModelPair("sonnet", "haiku", 1))
    assert (hits["r1"].broken_caches, hits["r1"].broken_cache_nanodollars) == (1, 500)
    assert list(await sqlite_reader.rule_hits("default", START)) == ["r1"]


async def test_recorded_requests_are_exchanges_with_all_that_was_kept(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    kept = {"facts": {"tokenCount": 7, "flags": ["stream"]}, "request_headers": [["X-A", "1"]], "request_bytes": 99}
    row = usage_row(metadata=json.dumps({**kept, "trace": []}), status=529, cost_nanodollars=1)
    last = row._replace(attempt=2, status=200, routed_model="other", cost_nanodollars=10, price_source="none")
    await sqlite_store.record(row, [text_of(row, "hi", cut=True)])
    await sqlite_store.record(last)
    await sqlite_store.record(usage_row(metadata="broken", created_at=START + 5))
    found = [each async for batch in sqlite_reader.recorded_requests(since=START, until=START + 6) for each in batch]
    assert len(found) == 2
    first, second = found
    assert (first.facts, first.headers, first.body_bytes) == (
        kept["facts"],
        b'[["X-A", "1"]]',
        99,
    )
    assert (first.message, first.message_cut) == ("hi", True)
    assert (first.routed_model, first.status, first.cost_nanodollars, first.priced) == ("other", 200, 11, False)
    assert (first.decided_model, second.decided_model) == (row.routed_model, row.routed_model)
    assert first.usage == Usage(1000, 200, 300, 40, 5, 60)
    assert (first.project, first.session, first.requested_model, first.rule_id) == (
        row.project, row.session, row.requested_model, row.rule_id,
    )  # fmt: skip
    assert (second.facts, second.message) == ({}, None)
    until = [each async for batch in sqlite_reader.recorded_requests(since=0, until=START + 5) for each in batch]
    assert [each.exchange_id for each in until] == [row.exchange_id]
    (bare,) = [batch async for batch in sqlite_reader.recorded_requests(since=0, until=START + 5, messages=False)]
    assert bare[0].message is None


async def test_recorded_requests_come_in_batches_and_the_newest_can_be_had(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    rows = [usage_row(created_at=START + n, project=("a", "b")[n % 2]) for n in range(4_500)]
    await asyncio.gather(*map(sqlite_store.record, rows))
    batches = [batch async for batch in sqlite_reader.recorded_requests(since=0, until=FOR_EVER)]
    assert [len(batch) for batch in batches] == [2_000, 2_000, 500]
    assert [each.exchange_id for batch in batches for each in batch] == [row.exchange_id for row in rows]
    async for batch in sqlite_reader.recorded_requests(since=0, until=FOR_EVER, project="b", newest=10):
        assert [each.created_at - START for each in batch] == list(range(4_481, 4_500, 2))
    parts = [
        {
            each.id
            async for batch in sqlite_reader.recorded_requests(since=0, until=FOR_EVER, part=(n, 3))
            for each in batch
        }
        for n in range(3)
    ]
    assert set.union(*parts) == {each.id for batch in batches for each in batch}
    assert sum(map(len, parts)) == 4_500
    newest = sqlite_reader.recorded_requests(since=START + 4_000, until=FOR_EVER, project="a")
    assert [len(batch) async for batch in newest] == [250]
