"""Changes of projects, rules and the bypass: over a real database, alone and through a server."""

import json
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlError, ControlPlane, ProviderTest
from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.rules import Group, Rule
from conduit_tui.paths import StateDir
from conduit_tui.routing.expression import parse
from conduit_tui.store.sqlite import SqliteStore
from tests.controls import reached

pytestmark = pytest.mark.anyio


async def probe(provider: Provider) -> ProviderTest:
    raise AssertionError("no provider is asked here")


class Told:
    """Hears of changes, and reads what is in force then."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.heard: list[tuple[int, bool]] = []

    async def listen(self) -> None:
        project = next(each for each in await self._store.projects() if each.name == "default")
        self.heard.append((len(project.config.routing_rules), await self._store.bypass()))


@pytest.fixture
async def store(state_dir: StateDir) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(state_dir.database)
    yield opened
    await opened.close()


@pytest.fixture
def told(store: SqliteStore) -> Told:
    return Told(store)


@pytest.fixture(params=["local", "remote"])
async def control(
    request: pytest.FixtureRequest, state_dir: StateDir, store: SqliteStore, told: Told
) -> AsyncIterator[ControlPlane]:
    async with reached(
        request.param, LocalControl(store, state_dir, probe=probe, on_change=told.listen), state_dir
    ) as control:
        yield control


def rule(name: str = "small", **fields: Any) -> Rule:
    given = {"conditions": parse('tokenCount < 1000 and agentType = "research"'), "target_model": "haiku", **fields}
    return Rule(name=name, **given)


def tree(field: str, operator: str, value: str | int) -> Group:
    return Group.model_validate({"rules": [{"field": field, "operator": operator, "value": value}]})


def rules_of(project: Project) -> list[Rule]:
    return [Rule.model_validate(body) for body in project.config.routing_rules]


def audited(state_dir: StateDir) -> list[tuple[str, str, dict[str, Any]]]:
    connection = sqlite3.connect(state_dir.database)
    rows = connection.execute("SELECT action, subject, detail FROM audit_log ORDER BY id").fetchall()
    connection.close()
    return [(action, subject, json.loads(detail)) for action, subject, detail in rows]


async def test_rules_are_saved_as_a_whole(control: ControlPlane, told: Told, state_dir: StateDir) -> None:
    start = await control.project("default")
    foreign = rule("second", priority=5, theirs={"kept": [1]}, sticky="session", rollout=10.0, fallback=("sonnet",))
    saved = await control.save_rules("default", [rule(), foreign], start.revision)
    assert saved.revision > start.revision
    assert saved == await control.project("default")
    second, first = rules_of(saved)
    assert [second.name, first.name] == ["second", "small"]
    assert first.id
    assert first.id != second.id
    assert first.created_at
    assert second.model_dump(exclude={"id", "created_at"}) == foreign.model_dump(exclude={"id", "created_at"})
    assert first.conditions == rule().conditions
    assert told.heard == [(2, False)]
    (entry,) = audited(state_dir)
    assert entry[:2] == ("config.saved", "default")
    assert entry[2]["revision"] == saved.revision
    assert entry[2]["changes"] == [
        "added rule 'second': when tokenCount < 1000 and agentType = \"research\" use haiku",
        "added rule 'small': when tokenCount < 1000 and agentType = \"research\" use haiku",
    ]


async def test_a_changed_rule_keeps_its_id_and_says_when_it_changed(control: ControlPlane) -> None:
    saved = await control.save_rules("default", [rule(), rule("other")], (await control.project("default")).revision)
    other, small = sorted(rules_of(saved), key=lambda each: each.name)
    again = await control.save_rules(
        "default", [small.model_copy(update={"target_model": "opus"}), other], saved.revision
    )
    kept, changed = sorted(rules_of(again), key=lambda each: each.name)
    assert kept == other
    assert (changed.id, changed.target_model) == (small.id, "opus")
    assert changed.updated_at
    assert changed.created_at == small.created_at


async def test_what_changes_nothing_makes_no_revision(control: ControlPlane, told: Told, state_dir: StateDir) -> None:
    saved = await control.save_rules("default", [rule()], (await control.project("default")).revision)
    assert await control.save_rules("default", rules_of(saved), saved.revision) == saved
    assert await control.save_config("default", saved.config, saved.revision) == saved
    assert len(told.heard) == len(audited(state_dir)) == 1


async def test_a_change_on_an_old_base_is_refused(control: ControlPlane, state_dir: StateDir) -> None:
    start = await control.project("default")
    saved = await control.save_rules("default", [rule()], start.revision)
    for change in (
        control.save_rules("default", [], start.revision),
        control.save_config("default", ProjectConfig(enabled=False), start.revision),
    ):
        with pytest.raises(ControlError, match="changed meanwhile") as refused:
            await change
        assert (refused.value.code, refused.value.field) == ("conflict", "base_revision")
    assert await control.project("default") == saved
    assert len(audited(state_dir)) == 1


@pytest.mark.parametrize(
    ("rules", "field", "message"),
    [
        ([rule("")], "rules.0.name", "name"),
        ([rule(target_model="")], "rules.0.targetModel", "model"),
        ([rule(conditions=Group())], "rules.0.conditions", "condition"),
        ([rule("a"), rule("b"), rule("a")], "rules.0.name", '"a"'),
        ([rule(conditions=tree("tokenCont", ">", 1))], "rules.0.conditions.rules.0.field", "tokenCount"),
        ([rule(conditions=tree("tokenCount", "~>", 1))], "rules.0.conditions.rules.0.operator", "operator"),
        ([rule(conditions=tree("tokenCount", ">", "abc"))], "rules.0.conditions.rules.0.value", "number"),
        ([rule(conditions=tree("message", "matches", "(a"))], "rules.0.conditions.rules.0.value", "RE2"),
    ],
)
async def test_a_bad_rule_is_refused_beside_its_field_and_nothing_is_half_saved(
    control: ControlPlane, state_dir: StateDir, rules: list[Rule], field: str, message: str
) -> None:
    start = await control.project("default")
    with pytest.raises(ControlError) as refused:
        await control.save_rules("default", rules, start.revision)
    assert refused.value.code == "bad-input"
    assert refused.value.field == field
    assert message in refused.value.message
    assert await control.project("default") == start
    assert audited(state_dir) == []


async def test_configuration_is_saved_without_touching_the_rules(control: ControlPlane, state_dir: StateDir) -> None:
    saved = await control.save_rules("default", [rule()], (await control.project("default")).revision)
    config = ProjectConfig.model_validate(
        {
            "defaultModel": "sonnet",
            "features": {"autoRouting": False},
            "capture": "none",
            "theirs": 1,
            "routingRules": [],
        }
    )
    changed = await control.save_config("default", config, saved.revision)
    assert changed.config.routing_rules == saved.config.routing_rules
    assert changed.config.model_dump(exclude={"routing_rules"}) == config.model_dump(exclude={"routing_rules"})
    assert audited(state_dir)[-1][2]["changes"] == [
        "defaultModel: as-requested -> sonnet",
        "features.autoRouting: on -> off",
        "capture: preview -> none",
        "theirs: none -> 1",
    ]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"defaultModel": " "}, "defaultModel"),
        ({"costLimits": {"daily": -1}}, "costLimits.daily"),
    ],
)
async def test_a_bad_configuration_is_refused(control: ControlPlane, config: dict[str, Any], field: str) -> None:
    start = await control.project("default")
    with pytest.raises(ControlError) as refused:
        await control.save_config("default", ProjectConfig.model_validate(config), start.revision)
    assert (refused.value.code, refused.value.field) == ("bad-input", field)
    assert await control.project("default") == start


async def test_undo_goes_back_step_by_step_and_history_says_what_happened(control: ControlPlane, told: Told) -> None:
    project = start = await control.project("default")
    for number in range(3):
        rules = [*rules_of(project), rule(f"rule-{number}")]
        project = await control.save_rules("default", rules, project.revision)
    assert [len((await control.undo("default")).config.routing_rules) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(ControlError, match="nothing to undo") as refused:
        await control.undo("default")
    assert refused.value.code == "conflict"
    history = await control.history("default")
    assert [each.action for each in history] == ["undone"] * 3 + ["saved"] * 3 + ["created"]
    assert history[0].restored == start.revision
    assert history[0].changes == ("removed rule 'rule-0'",)
    restored = await control.restore_revision("default", history[3].id)
    assert len(restored.config.routing_rules) == 3
    assert (await control.history("default", 1))[0].action == "restored"
    assert [count for count, _ in told.heard] == [1, 2, 3, 2, 1, 0, 3]
    with pytest.raises(ControlError) as refused:
        await control.restore_revision("default", 999)
    assert (refused.value.code, refused.value.field) == ("not-found", "revision_id")


async def test_projects_are_renamed_and_archived(control: ControlPlane, state_dir: StateDir) -> None:
    await control.add_project("alpha")
    saved = await control.save_rules("alpha", [rule()], (await control.project("alpha")).revision)
    renamed = await control.rename_project("alpha", "beta")
    assert (renamed.name, renamed.config) == ("beta", saved.config)
    with pytest.raises(ControlError, match=r"no project 'alpha'") as refused:
        await control.project("alpha")
    assert refused.value.code == "not-found"
    await control.archive_project("beta")
    assert [each.name for each in await control.projects()] == ["default"]
    assert (await control.add_project("beta")).config == saved.config
    assert [(action, subject) for action, subject, _ in audited(state_dir)] == [
        ("project.add", "alpha"),
        ("config.saved", "alpha"),
        ("project.rename", "alpha"),
        ("project.archive", "beta"),
        ("project.add", "beta"),
    ]


@pytest.mark.parametrize(
    ("name", "new_name", "code", "field"),
    [
        ("default", "other", "conflict", "name"),
        ("nobody", "other", "not-found", "project"),
        ("alpha", "default", "conflict", "new_name"),
        ("alpha", "No Name", "bad-input", "new_name"),
    ],
)
async def test_a_rename_that_cannot_be(control: ControlPlane, name: str, new_name: str, code: str, field: str) -> None:
    await control.add_project("alpha")
    with pytest.raises(ControlError) as refused:
        await control.rename_project(name, new_name)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert [each.name for each in await control.projects()] == ["alpha", "default"]


async def test_the_default_project_cannot_be_archived(control: ControlPlane) -> None:
    for name, code in (("default", "conflict"), ("nobody", "not-found")):
        with pytest.raises(ControlError) as refused:
            await control.archive_project(name)
        assert refused.value.code == code


async def test_the_bypass_is_told_and_audited_once(control: ControlPlane, told: Told, state_dir: StateDir) -> None:
    assert not await control.bypass()
    for on in (True, True, False, False):
        await control.set_bypass(on)
        assert await control.bypass() is on
    assert told.heard == [(0, True), (0, False)]
    assert [action for action, _, _ in audited(state_dir)] == ["bypass.on", "bypass.off"]


async def test_captures_are_purged(control: ControlPlane, store: SqliteStore, state_dir: StateDir) -> None:
    def write(connection: sqlite3.Connection) -> None:
        from conduit_tui.store import captures

        kind = CaptureKind.MESSAGE
        captures.add(connection, [Capture(f"x{n}", f"p{n % 2}", kind, False, n, "text") for n in range(10)])

    await store.run(write)
    assert await control.purge("p0", "captures", 4) == 2
    assert await control.purge("p0", "captures") == 3
    assert await control.purge(None, "captures") == 5
    assert [(action, detail["deleted"]) for action, _, detail in audited(state_dir)] == [
        ("purge.captures", 2),
        ("purge.captures", 3),
        ("purge.captures", 5),
    ]
