"""Sessions: running totals, turns of their users, lists of many, stops."""

import sqlite3
import time
from pathlib import Path

import pytest

from conduit_tui.domain.sessions import ModelShare, SessionFilter, StoppedSession
from conduit_tui.store.migrate import SCHEMA
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from tests.store.store_rows import START, usage_row

pytestmark = pytest.mark.anyio

MINUTE, DAY = 60_000, 86_400_000


def told(stop: str = "", prompt_id: str = "") -> str:
    members = [f'"{name}": "{value}"' for name, value in (("stop", stop), ("prompt_id", prompt_id)) if value]
    return f"{{{', '.join(members)}}}"


async def prompts(store: SqliteStore, reader: SqliteReader, *requests: dict[str, object]) -> int:
    """How many turns of the user a session of these requests has had, recorded one by one."""
    for number, changes in enumerate(requests):
        await store.record(usage_row(created_at=START + number, **changes))
    (row,) = await reader.session_rows(await reader.session_ids(SessionFilter()))
    return row.prompts


async def test_a_turn_is_told_from_a_tool_s_result_by_the_answer_before_it(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    found = await prompts(
        sqlite_store,
        sqlite_reader,
        {"request_class": "auxiliary", "metadata": told("end_turn")},  # the title
        {"metadata": told("tool_use")},  # 1
        {"request_class": "subagent", "agent": "a1", "metadata": told("end_turn")},
        {"metadata": told("tool_use")},
        {"status": 529},
        {"metadata": told("end_turn")},
        {"metadata": told("end_turn")},  # 2
        {"metadata": "{}", "error_type": "client_gone"},  # 3, interrupted
        {"request_class": "", "metadata": told("tool_calls")},  # 4
        {"request_class": "", "metadata": told("stop")},
        {"request_class": "compaction", "metadata": told("end_turn")},
    )
    assert found == 4


async def test_the_client_s_own_prompt_id_comes_before_what_is_inferred(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    found = await prompts(
        sqlite_store,
        sqlite_reader,
        {"metadata": told("tool_use", "p1")},
        {"metadata": told("tool_use", "p2")},  # interrupted while its tool ran
        {"metadata": told("end_turn", "p2")},
        {"metadata": told("end_turn", "p2")},  # asked for more within the same turn
    )
    assert found == 2


async def test_a_batch_counts_as_its_rows_do_one_by_one(database: Path, tmp_path: Path) -> None:
    rows = [
        usage_row(
            session=f"s{number % 3}",
            created_at=START + number * 7_000,
            agent="a1" if number % 5 == 4 else "",
            request_class="subagent" if number % 5 == 4 else "main",
            routed_model="opus" if number % 4 else "haiku",
            metadata=told("tool_use" if number % 2 else "end_turn"),
            status=529 if number == 7 else 200,
        )
        for number in range(40)
    ]
    tables = []
    for path, at_once in ((database, True), (tmp_path / "single.db", False)):
        store = await SqliteStore.open(path)
        if at_once:
            from conduit_tui.store.sqlite import Recorded, write_recorded

            await store.run(lambda connection: write_recorded(connection, [Recorded(row) for row in rows]))
        else:
            for row in rows:
                await store.record(row)
        await store.close()
        with sqlite3.connect(path) as connection:
            tables.append(
                [
                    connection.execute(f"SELECT * FROM {table} ORDER BY session, {order}").fetchall()
                    for table, order in (("sessions", "project"), ("session_agents", "agent, model"))
                ]
            )
        connection.close()
    assert tables[0] == tables[1]


async def test_a_row_says_what_a_list_shows(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    await sqlite_store.record(usage_row(routed_model="opus", metadata=told("tool_use")))
    await sqlite_store.record(
        usage_row(routed_model="haiku", agent="a1", agent_type="Explore", request_class="subagent", cost_nanodollars=9)
    )
    await sqlite_store.record(usage_row(routed_model="opus", status=402, metadata=told("end_turn")))
    await sqlite_store.stop_session(StoppedSession("default", "session-1", "it loops", START + 5))
    (row,) = await sqlite_reader.session_rows(await sqlite_reader.session_ids(SessionFilter()))
    assert (row.requests, row.errors, row.agents, row.client, row.stop) == (3, 1, 2, "claude-cli", "end_turn")
    assert row.models == (ModelShare("opus", 2, 14_000_000), ModelShare("haiku", 1, 9))
    assert (row.stopped, row.stopped_at) == ("it loops", START + 5)
    parts = await sqlite_reader.session_agents("default", "session-1")
    assert [(part.agent, part.agent_type, part.model, part.requests) for part in parts] == [
        ("", "main", "opus", 2), ("a1", "Explore", "haiku", 1),
    ]  # fmt: skip


async def test_newest_activity_first_and_those_of_one_minute_keep_their_places(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    for session, at in (("old", 0), ("a", 5 * MINUTE), ("b", 5 * MINUTE + 1), ("a", 5 * MINUTE + 2), ("", 9 * MINUTE)):
        await sqlite_store.record(usage_row(session=session, created_at=START + at))

    async def order() -> list[str]:
        ids = await sqlite_reader.session_ids(SessionFilter())
        return [row.session for row in await sqlite_reader.session_rows(ids)]

    assert await order() == ["b", "a", "old"]
    await sqlite_store.record(usage_row(session="a", created_at=START + 5 * MINUTE + 30_000))
    assert await order() == ["b", "a", "old"]
    await sqlite_store.record(usage_row(session="old", created_at=START + 6 * MINUTE))
    assert await order() == ["old", "b", "a"]


@pytest.mark.parametrize(
    ("where", "sessions"),
    [
        (SessionFilter(project="docs"), {"d-2"}),
        (SessionFilter(session="d-"), {"d-1", "d-2"}),
        (SessionFilter(session="d-1"), {"d-1"}),
        (SessionFilter(text="EXPLORE opus"), {"d-1"}),
        (SessionFilter(text="codex"), {"d-2"}),
        (SessionFilter(text="100%"), set()),
        (SessionFilter(model="haiku"), {"d-2"}),
        (SessionFilter(since=START + 1), {"d-2"}),
        (SessionFilter(), {"d-1", "d-2"}),
    ],
)
async def test_filters_of_sessions(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader, where: SessionFilter, sessions: set[str]
) -> None:
    await sqlite_store.record(usage_row(session="d-1", routed_model="opus"))
    await sqlite_store.record(usage_row(session="d-1", routed_model="opus", agent="a", agent_type="Explore"))
    await sqlite_store.record(
        usage_row(session="d-2", routed_model="haiku", project="docs", client="codex", created_at=START + 1)
    )
    found = await sqlite_reader.session_rows(await sqlite_reader.session_ids(where))
    assert {row.session for row in found} == sessions


async def test_days_of_a_session_are_its_own(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    for at in (0, 1, DAY):
        await sqlite_store.record(usage_row(created_at=START + at))
        await sqlite_store.record(usage_row(created_at=START + at, session="other"))
    midnight = START - START % DAY
    days = await sqlite_reader.session_days("default", "session-1")
    assert [(day.at, day.requests, day.cost_nanodollars) for day in days] == [
        (midnight + DAY, 1, 7_000_000), (midnight, 2, 14_000_000),
    ]  # fmt: skip
    assert await sqlite_reader.session_days("default", "nobody") == []


async def test_a_stop_lasts_until_it_is_taken_back(sqlite_store: SqliteStore, database: Path) -> None:
    stop = StoppedSession("default", "s", "it loops", START)
    await sqlite_store.stop_session(stop)
    await sqlite_store.stop_session(stop._replace(reason="still"))
    await sqlite_store.close()
    store = await SqliteStore.open(database)
    assert await store.stopped_sessions() == [stop._replace(reason="still")]
    await store.resume_session("default", "s")
    assert await store.stopped_sessions() == []
    with pytest.raises(KeyError):
        await store.resume_session("default", "s")
    await store.close()


async def test_a_renamed_project_keeps_its_sessions(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    await sqlite_store.record(usage_row())
    await sqlite_store.stop_session(StoppedSession("default", "session-1", "it loops", START))
    await sqlite_store.rename_project("default", "main")
    (row,) = await sqlite_reader.session_rows(await sqlite_reader.session_ids(SessionFilter()))
    assert (row.project, row.stopped, row.agents) == ("main", "it loops", 1)


async def test_sessions_of_an_older_schema_come_along(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    folder = Path(__file__).parents[2] / "conduit_tui" / "store" / "migrations"
    scripts = sorted(folder.glob("*.sql"))
    place = next(at for at, script in enumerate(scripts) if script.name.endswith("_sessions.sql"))
    with sqlite3.connect(path) as connection:
        for script in scripts[:place]:
            connection.executescript(script.read_text())
        connection.execute(f"PRAGMA user_version = {place}")
        for agent, model, cost, last_at in (("", "opus", 5, 9), ("a1", "haiku", 2, 7)):
            connection.execute(
                "INSERT INTO sessions VALUES ('docs', 's1', ?, ?, ?, 3, 100, 10, 50, ?, 1, ?, 4, 8)",
                (agent, agent or "main", model, cost, last_at),
            )
    connection.close()
    assert place < SCHEMA
    store = await SqliteStore.open(path)
    reader = await SqliteReader.open(path)
    (row,) = await reader.session_rows(await reader.session_ids(SessionFilter()))
    assert (row.requests, row.input_tokens, row.cost_nanodollars, row.last_at, row.agents) == (6, 200, 7, 9, 2)
    await reader.close()
    await store.close()


@pytest.mark.slow
async def test_a_million_sessions_are_listed_without_a_pause(sqlite_store: SqliteStore, database: Path) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO sessions (project, session, client, requests, errors, prompts, input_tokens, output_tokens, "
            "cache_read_tokens, cost_nanodollars, first_at, last_at, first_usage_id, last_usage_id, prompt_id, stop) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) "
            "SELECT 'p' || (i % 7), printf('%032x', i), 'claude-cli', 3, 0, 1, 9, 9, 9, 9, i * 1000, i * 2000, i, "
            "i, '', '' FROM n"
        )
        connection.execute(
            "INSERT INTO session_agents SELECT project, session, '', 'main', 'opus', 3, 9, 9, 9, 9, "
            "first_at, last_at, '' FROM sessions"
        )

    await sqlite_store.run(fill)
    reader = await SqliteReader.open(database)
    for where, seconds in (
        (SessionFilter(), 1.5), (SessionFilter(since=1_999_000_000), 0.1), (SessionFilter(text="opus"), 15.0),
        (SessionFilter(session="0" * 31), 0.1),
    ):  # fmt: skip
        began = time.perf_counter()
        ids = await reader.session_ids(where)
        took = time.perf_counter() - began
        print(f"{where}: {len(ids)} in {took:.3f} s")
        assert took < seconds
    ids = await reader.session_ids(SessionFilter())
    began = time.perf_counter()
    assert len(await reader.session_rows(ids[500_000:500_100])) == 100
    print(f"a page in {time.perf_counter() - began:.4f} s")
    await reader.close()
