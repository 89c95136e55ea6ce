"""What every store must do, through the two interfaces alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_rows import START, usage_row

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.processes import GatewayState, ProcessEvent
from conduit_tui.domain.projects import CostLimits, Project, ProjectConfig
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.store.interface import Reader, Store, UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

BUCKET = 15 * 60 * 1000
DAY = 24 * 60 * 60 * 1000
ALL = UsageFilter()
FOR_EVER = 1 << 60


@pytest.fixture(params=["sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    opened = await SqliteStore.open(tmp_path / "conduit.db")
    yield opened
    await opened.close()


@pytest.fixture
async def reader(store: Store, tmp_path: Path) -> AsyncIterator[Reader]:
    opened = await SqliteReader.open(tmp_path / "conduit.db")
    yield opened
    await opened.close()


async def test_a_recorded_row_is_read_back_whole(store: Store, reader: Reader) -> None:
    row = usage_row(metadata='{"prompt_id": "p"}', flags="estimated,aborted", routing_reason="Übergröße \N{SNOWMAN}")
    row_id = await store.record(row)
    (stored,) = await reader.usage_rows([row_id])
    assert stored.id == row_id
    assert stored.row == row
    assert stored.total_tokens == row.input_tokens + row.output_tokens


async def test_a_recorded_row_is_committed_when_record_returns(store: Store, reader: Reader) -> None:
    for expected in range(1, 20):
        await store.record(usage_row())
        assert await reader.usage_count(ALL) == expected


async def test_ids_grow_in_the_order_of_recording(store: Store, reader: Reader) -> None:
    ids = [await store.record(usage_row()) for _ in range(5)]
    assert ids == sorted(set(ids))
    assert list(await reader.usage_ids(ALL)) == ids
    assert list(await reader.usage_ids_after(ids[1], ALL)) == ids[2:]
    assert list(await reader.usage_ids_after(ids[-1], ALL)) == []
    assert [stored.id for stored in await reader.usage_rows([ids[3], ids[0]])] == [ids[0], ids[3]]
    assert await reader.usage_rows([ids[-1] + 1]) == []


async def test_an_attempt_is_recorded_once(store: Store, reader: Reader) -> None:
    row = usage_row()
    await store.record(row)
    with pytest.raises(KeyError):
        await store.record(row._replace(cost_nanodollars=1))
    await store.record(row._replace(attempt=2))
    (total,) = await reader.usage_totals(since=0, until=FOR_EVER, by="all")
    assert total.requests == 2
    assert total.cost_nanodollars == 2 * row.cost_nanodollars
    (session,) = await reader.sessions(since=0, limit=10)
    assert session.requests == 2


async def test_many_at_once_fail_or_succeed_each_alone(store: Store, reader: Reader) -> None:
    rows = [usage_row() for _ in range(100)]
    duplicates = rows[::10]
    outcomes = await asyncio.gather(*(store.record(row) for row in rows + duplicates), return_exceptions=True)
    assert all(isinstance(outcome, int) for outcome in outcomes[:100])
    assert all(isinstance(outcome, KeyError) for outcome in outcomes[100:])
    assert await reader.usage_count(ALL) == 100
    (total,) = await reader.usage_totals(since=0, until=FOR_EVER, by="all")
    assert total.requests == 100


async def test_attempts_of_an_exchange_come_in_order(store: Store, reader: Reader) -> None:
    row = usage_row()
    for attempt in (3, 1, 2):
        await store.record(row._replace(attempt=attempt))
    await store.record(usage_row())
    assert [stored.row.attempt for stored in await reader.usage_of_exchange(row.exchange_id)] == [1, 2, 3]
    assert await reader.usage_of_exchange("unknown") == []


async def test_filters(store: Store, reader: Reader) -> None:
    ok = await store.record(usage_row())
    refused = await store.record(usage_row(status=429, error_type="rate_limit_error", project="alpha"))
    cut = await store.record(
        usage_row(status=0, error_type="timeout", requested_model="GPT-6", routed_model="gpt-6-mini")
    )
    broken = await store.record(usage_row(status=502, session="session-2", routing_reason="100% sure_"))

    async def found(**fields: str) -> list[int]:
        where = UsageFilter(**fields)
        ids = list(await reader.usage_ids(where))
        assert await reader.usage_count(where) == len(ids)
        assert list(await reader.usage_ids_after(0, where)) == ids
        return ids

    assert await found(status="200") == [ok]
    assert await found(status="4xx") == [refused]
    assert await found(status="error") == [refused, cut, broken]
    assert await found(status="nonsense") == []
    assert await found(model="gpt-6-MINI") == [cut]
    assert await found(model="opus") == [ok, refused, broken]
    assert await found(project="alpha") == [refused]
    assert await found(project="alph") == []
    assert await found(session="session-2") == [broken]
    assert await found(text="RATE_LIMIT") == [refused]
    assert await found(text="%") == [broken]
    assert await found(text="_") == [refused, broken]
    assert await found(text="0% s") == [broken]
    assert await found(text="\\") == []
    assert await found(text="'; DROP TABLE usage; --") == []
    assert await found(text="claude", status="error", session="session-1") == [refused]


async def test_totals_by_every_grouping(store: Store, reader: Reader) -> None:
    await store.record(usage_row(cost_nanodollars=5))
    await store.record(usage_row(cost_nanodollars=3, created_at=START + BUCKET - 1, project="alpha", status=500))
    await store.record(
        usage_row(
            cost_nanodollars=9, created_at=START + DAY, routed_model="gpt-6", provider="openai", agent_type="Explore",
            session="session-2",
        )
    )  # fmt: skip

    async def costs(by: str, **narrower: object) -> list[tuple[str, int]]:
        wanted = {"since": 0, "until": FOR_EVER, **narrower}
        return [(total.key, total.cost_nanodollars) for total in await reader.usage_totals(by=by, **wanted)]

    assert await costs("model") == [("gpt-6", 9), ("claude-haiku-5", 8)]
    assert await costs("project") == [("default", 14), ("alpha", 3)]
    assert await costs("agent-type") == [("Explore", 9), ("main", 8)]
    assert await costs("provider") == [("openai", 9), ("anthropic", 8)]
    assert await costs("session") == [("session-2", 9), ("session-1", 8)]
    assert await costs("day") == [("2027-01-15", 8), ("2027-01-16", 9)]
    assert await costs("bucket") == [(str(START), 8), (str(START + DAY), 9)]
    assert await costs("all") == [("all", 17)]
    assert await costs("all", project="alpha") == [("all", 3)]
    assert await costs("session", project="alpha") == [("session-1", 3)]
    assert await costs("model", since=START + BUCKET) == [("gpt-6", 9)]
    assert await costs("session", since=START + BUCKET) == [("session-2", 9)]
    assert await costs("model", until=START + DAY) == [("claude-haiku-5", 8)]
    assert await costs("session", until=START + DAY) == [("session-1", 8)]
    assert await costs("all", until=START) == [("all", 0)]
    (alpha,) = await reader.usage_totals(since=0, until=FOR_EVER, by="all", project="alpha")
    assert alpha[:6] == ("all", 1, 1, 1000, 200, 300)
    with pytest.raises(ValueError, match="phase of the moon"):
        await reader.usage_totals(since=0, until=FOR_EVER, by="phase of the moon")


async def test_sessions_keep_running_totals(store: Store, reader: Reader) -> None:
    await store.record(usage_row(created_at=START + 5000, routed_model="newest"))
    await store.record(usage_row(created_at=START, routed_model="older", agent_type="older"))
    await store.record(usage_row(created_at=START + 1000, agent="a1", agent_type="Explore"))
    await store.record(usage_row(created_at=START + 9000, session="session-2", project="alpha"))
    found = await reader.sessions(since=0, limit=10)
    assert [(one.project, one.session, one.agent) for one in found] == [
        ("alpha", "session-2", ""), ("default", "session-1", ""), ("default", "session-1", "a1"),
    ]  # fmt: skip
    main = found[1]
    assert main[3:] == ("main", "newest", 2, 2000, 400, 600, 14_000_000, START, START + 5000, "")
    assert len(await reader.sessions(since=0, limit=2)) == 2
    assert [one.session for one in await reader.sessions(since=START + 5001, limit=10)] == ["session-2"]
    assert [one.agent for one in await reader.sessions(since=0, limit=10, project="default")] == ["", "a1"]


async def test_the_default_project_exists(store: Store, reader: Reader) -> None:
    (project,) = await store.projects()
    assert [project] == await reader.projects()
    assert (project.name, project.config) == ("default", ProjectConfig())


async def test_projects(store: Store, reader: Reader) -> None:
    config = ProjectConfig(
        enabled=False, default_model="gpt-6", cost_limits=CostLimits(daily=2.5), routing_rules=({"name": "r"},)
    )
    project = Project(name="alpha", config=config)
    added = await store.add_project(project)
    assert added.config == config
    with pytest.raises(KeyError):
        await store.add_project(Project(name="alpha"))
    assert await store.projects() == await reader.projects()
    assert (await store.projects())[0] == added


async def test_providers(store: Store, reader: Reader) -> None:
    provider = Provider(
        name="local", base_url="http://127.0.0.1:9", dialects=(Dialect.OPENAI_CHAT,), models=("gpt-*",), default=True,
        key=KeySource(kind=KeyKind.ENVIRONMENT, reference="LOCAL_KEY"),
    )  # fmt: skip
    with pytest.raises(KeyError):
        await store.put_provider(provider, replace=True)
    await store.put_provider(provider, replace=False)
    with pytest.raises(KeyError):
        await store.put_provider(provider, replace=False)
    moved = provider.model_copy(update={"base_url": "http://127.0.0.1:10"})
    await store.put_provider(moved, replace=True)
    assert await store.providers() == await reader.providers() == [moved]
    await store.remove_provider("local")
    with pytest.raises(KeyError):
        await store.remove_provider("local")
    assert await store.providers() == []


async def test_process_events_are_copied_once(store: Store, reader: Reader) -> None:
    events = [
        ProcessEvent(id="e1", at=3, kind="state", state=GatewayState.STARTING, pid=7, generation=1),
        ProcessEvent(id="e2", at=2, kind="note", reason="clock went back"),
        ProcessEvent(id="e3", at=5, kind="exit", reason="killed", pid=7),
    ]
    await store.add_process_events(events[:2])
    await store.add_process_events(events)
    assert await reader.process_events(10) == events
    assert await reader.process_events(2) == events[1:]


async def test_closing_twice_is_fine(store: Store, reader: Reader) -> None:
    await store.audit("add provider", "local", "from the test")
    for side in (reader, store, reader, store):
        await side.close()
