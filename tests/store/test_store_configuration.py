"""Projects as a whole: rules and configuration with revisions, undo, renaming, archiving, the bypass switch."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from store_rows import START, usage_row

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.projects import DEFAULT_PROJECT, Project, ProjectConfig
from conduit_tui.store.interface import StaleRevision, UsageFilter
from conduit_tui.store.migrate import MIGRATIONS, statements
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

FOR_EVER = 1 << 60


def rule(name: str, priority: int = 0, **more: Any) -> dict[str, Any]:
    tree = {"type": "AND", "rules": [{"field": "model", "operator": "=", "value": name, "theirs": [1]}]}
    return {"id": f"id-{name}", "name": name, "priority": priority, "conditions": tree, "targetModel": "m", **more}


async def save(store: SqliteStore, config: ProjectConfig, project: str = DEFAULT_PROJECT, **more: Any) -> Project:
    """Save on top of the newest revision."""
    (current,) = [each for each in await store.projects() if each.name == project]
    given = {"action": "saved", "changes": ["a change"], **more}
    return await store.save_config(project, config, base_revision=current.revision, **given)


async def test_rules_are_read_back_whole_in_the_order_in_which_they_fire(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    rules = (rule("b", 1), rule("late", -5, enabled=False), rule("a", 1, unknown={"kept": None}), rule("first", 900))
    saved = await save(sqlite_store, ProjectConfig(routing_rules=rules))
    assert [each["name"] for each in saved.config.routing_rules] == ["first", "a", "b", "late"]
    assert sorted(saved.config.routing_rules, key=json.dumps) == sorted(rules, key=json.dumps)
    assert [saved] == await sqlite_reader.projects() == await sqlite_store.projects()


async def test_each_save_is_one_revision_and_one_line_of_audit(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    first = await save(sqlite_store, ProjectConfig(default_model="one", routing_rules=(rule("a"),)))
    second = await save(sqlite_store, ProjectConfig(default_model="two"), changes=["defaultModel: one, now two"])
    history = await sqlite_reader.revisions(DEFAULT_PROJECT, 10)
    assert history == await sqlite_store.revisions(DEFAULT_PROJECT, 10)
    assert [each.action for each in history] == ["saved", "saved", "created"]
    assert history[0].changes == ("defaultModel: one, now two",)
    assert [history[0].id, history[1].id] == [second.revision, first.revision]
    assert await sqlite_reader.revision_config(DEFAULT_PROJECT, first.revision) == first.config
    audit = await sqlite_store.run(lambda db: db.execute("SELECT action, subject, detail FROM audit_log").fetchall())
    assert [(action, subject) for action, subject, _ in audit] == [("config.saved", "default")] * 2
    assert json.loads(audit[1][2]) == {"revision": second.revision, "changes": ["defaultModel: one, now two"]}


async def test_a_stale_save_changes_nothing(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    saved = await save(sqlite_store, ProjectConfig(default_model="mine"))
    with pytest.raises(StaleRevision) as stale:
        await sqlite_store.save_config(
            "default", ProjectConfig(), base_revision=saved.revision - 1, action="saved", changes=[]
        )
    assert stale.value.current == saved.revision
    assert await sqlite_reader.projects() == [saved]
    assert len(await sqlite_reader.revisions("default", 10)) == 2


async def test_rules_of_one_name_are_refused_and_nothing_is_half_saved(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    saved = await save(sqlite_store, ProjectConfig(routing_rules=(rule("a"),)))
    twice = (rule("x"), {**rule("x"), "id": "another"})
    with pytest.raises(Exception, match="UNIQUE"):
        await save(sqlite_store, ProjectConfig(default_model="other", routing_rules=twice))
    assert await sqlite_reader.projects() == [saved]


async def test_an_undo_goes_back_one_and_the_next_one_further(sqlite_store: SqliteStore) -> None:
    ids = [(await save(sqlite_store, ProjectConfig(default_model=name))).revision for name in ("one", "two", "three")]
    created = (await sqlite_store.revisions("default", 10))[-1].id
    went = []
    while (back := await sqlite_store.revision_before("default")) is not None:
        config = await sqlite_store.revision_config("default", back)
        await save(sqlite_store, config, action="undone", restored=back)
        went.append((back, config.default_model))
    assert went == [(ids[1], "two"), (ids[0], "one"), (created, "as-requested")]
    changed = await save(sqlite_store, ProjectConfig(default_model="four"))
    before = await sqlite_store.revision_before("default")
    assert before == changed.revision - 1  # after a change, undo goes back to what was before it
    with pytest.raises(KeyError):
        await sqlite_store.revision_config("default", 12345)
    with pytest.raises(KeyError):
        await sqlite_store.revision_config("another", ids[0])


async def test_a_renamed_project_takes_its_history_along(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    await sqlite_store.add_project(Project(name="alpha"))
    saved = await save(sqlite_store, ProjectConfig(routing_rules=(rule("a"),)), "alpha")
    row = usage_row(project="alpha", agent="a-1")
    for each in (row, usage_row(project="alpha"), usage_row()):
        text = Capture(each.exchange_id, each.project, CaptureKind.MESSAGE, False, each.created_at, "hello")
        await sqlite_store.record(each, [text])
    await sqlite_store.rename_project("alpha", "beta")
    beta, _ = await sqlite_reader.projects()
    assert (beta.name, beta.config) == ("beta", saved.config)
    assert len(await sqlite_reader.revisions("beta", 10)) == 2
    assert await sqlite_reader.revisions("alpha", 10) == []
    for name, count in (("alpha", 0), ("beta", 2)):
        assert await sqlite_reader.usage_count(UsageFilter(project=name)) == count
        (total,) = await sqlite_reader.usage_totals(since=0, until=FOR_EVER, by="all", project=name)
        assert total.requests == count
        hits = await sqlite_reader.rule_hits(name, 0)
        assert sum(each.requests for each in hits.values()) == count
        assert sum(s.requests for s in await sqlite_reader.sessions(since=0, limit=10, project=name)) == count
    (text,) = await sqlite_reader.captures_of_exchange(row.exchange_id)
    assert text.project == "beta"


async def test_a_name_that_has_a_history_cannot_be_taken(sqlite_store: SqliteStore) -> None:
    await sqlite_store.add_project(Project(name="alpha"))
    await sqlite_store.record(usage_row(project="once"))
    for name, new_name, fault in (
        ("nobody", "x", "nobody"),
        ("alpha", "default", "default"),
        ("alpha", "once", "once"),
    ):
        with pytest.raises(KeyError) as refused:
            await sqlite_store.rename_project(name, new_name)
        assert refused.value.args == (fault,)
    assert [each.name for each in await sqlite_store.projects()] == ["alpha", "default"]


async def test_a_rename_that_was_cut_short_is_finished_by_the_next(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    await sqlite_store.add_project(Project(name="alpha"))
    rows = [usage_row(project="alpha") for _ in range(4)]
    for row in rows:
        await sqlite_store.record(row)
    await sqlite_store.run(lambda db: db.execute("UPDATE usage SET project = 'beta' WHERE id <= 2").rowcount)
    await sqlite_store.rename_project("alpha", "beta")
    assert await sqlite_reader.usage_count(UsageFilter(project="beta")) == 4


async def test_an_archived_project_is_gone_until_it_is_added_again(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    await sqlite_store.add_project(Project(name="alpha"))
    saved = await save(sqlite_store, ProjectConfig(routing_rules=(rule("a"),)), "alpha")
    await sqlite_store.archive_project("alpha")
    assert [each.name for each in await sqlite_reader.projects()] == ["default"]
    with pytest.raises(KeyError):
        await sqlite_store.archive_project("alpha")
    with pytest.raises(KeyError):
        await sqlite_store.save_config("alpha", ProjectConfig(), base_revision=saved.revision, action="", changes=[])
    assert await sqlite_store.add_project(Project(name="alpha")) == saved
    with pytest.raises(KeyError):
        await sqlite_store.add_project(Project(name="alpha"))


async def test_the_bypass_switch(sqlite_store: SqliteStore, sqlite_reader: SqliteReader) -> None:
    assert not await sqlite_reader.bypass()
    for on in (True, True, False):
        await sqlite_store.set_bypass(on)
        assert await sqlite_store.bypass() is on
        assert await sqlite_reader.bypass() is on


async def test_usage_rows_of_a_project_without_analytics_live_a_day(
    sqlite_store: SqliteStore, sqlite_reader: SqliteReader
) -> None:
    day = 24 * 3_600_000
    quiet = ProjectConfig.model_validate({"features": {"usageAnalytics": False}})
    await sqlite_store.add_project(Project(name="quiet", config=quiet))
    for number in range(6):  # interleaved, from two days ago until now
        at = START - 2 * day + number * day * 2 // 5
        await sqlite_store.record(usage_row(project="quiet", created_at=at))
        await sqlite_store.record(usage_row(created_at=at))
    assert await sqlite_store.expire(START) == 3
    assert await sqlite_store.expire(START) == 0
    assert await sqlite_reader.usage_count(UsageFilter(project="quiet")) == 3
    assert await sqlite_reader.usage_count(UsageFilter(project="default")) == 6
    assert await sqlite_store.expire(START + day + 1) == 3
    (total,) = await sqlite_reader.usage_totals(since=0, until=FOR_EVER, by="all", project="quiet")
    assert total.requests == 6


async def test_a_database_of_the_first_schema_comes_along(database: Path) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    for statement in statements(MIGRATIONS[0].sql):
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    store = await SqliteStore.open(database)
    (project,) = await store.projects()
    (created,) = await store.revisions("default", 10)
    assert (project.config, project.revision, created.action) == (ProjectConfig(), created.id, "created")
    assert await store.revision_config("default", created.id) == ProjectConfig()
    saved = await save(store, ProjectConfig(routing_rules=(rule("a"),)))
    assert await store.projects() == [saved]
    await store.close()
