"""Imports and safety copies through the control plane, alone and through the gateway's socket."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from transfer_scenes import project, provider, rows_of, rule, usage_row, version_2

from conduit_tui.control.local import LocalControl
from conduit_tui.control.messages import FRAME_LIMIT
from conduit_tui.control.plane import ControlError, ControlPlane, ProviderTest
from conduit_tui.domain.providers import Provider
from conduit_tui.paths import StateDir
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from tests.controls import reached

pytestmark = pytest.mark.anyio


async def probe(provider: Provider) -> ProviderTest:
    return ProviderTest(True, "", 1.0)


class Told:
    def __init__(self) -> None:
        self.count = 0

    async def happened(self) -> None:
        self.count += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "s")
    made.prepare()
    return made


@pytest.fixture
async def store(state_dir: StateDir) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(state_dir.database)
    yield opened
    await opened.close()


@pytest.fixture(params=["local", "remote"])
async def control(
    request: pytest.FixtureRequest, state_dir: StateDir, store: SqliteStore, told: Told
) -> AsyncIterator[ControlPlane]:
    async with reached(
        request.param, LocalControl(store, state_dir, probe=probe, on_change=told.happened), state_dir
    ) as control:
        yield control


def file_of(folder: Path, **sections: Any) -> str:
    path = folder / "given.json"
    path.write_text(json.dumps(version_2(**sections)))
    return str(path)


async def test_an_import_is_shown_then_made_after_a_safety_copy(
    control: ControlPlane, state_dir: StateDir, told: Told, tmp_path: Path
) -> None:
    rows = [{**usage_row(n)._asdict(), "metadata": {}, "id": n + 1} for n in range(3)]
    path = file_of(tmp_path, projects=[project("docs", routingRules=[rule("r")])], usage=rows)
    plan = await control.plan_import(path)
    assert [line.text for line in plan.lines if "requests" in line.text] == ["3 requests for $0.021"]
    assert [one.name for one in await control.projects()] == ["default"]
    done = await control.import_file(path, plan.digest)
    assert done.requests == 3
    assert [one.name for one in await control.projects()] == ["default", "docs"]
    assert told.count == 1
    (copy,) = state_dir.backups.iterdir()
    assert "before-import" in copy.name
    assert rows_of(copy, "SELECT count(*) FROM usage") == [(0,)]
    assert rows_of(state_dir.database, "SELECT action, subject FROM audit_log") == [("import", "given.json")]
    assert not (await control.plan_import(path)).changes


async def test_questions_go_as_they_say_unless_they_are_approved(control: ControlPlane, tmp_path: Path) -> None:
    body = {**provider("own", "https://p.example/v1"), "created_at": 1, "updated_at": 1}
    path = file_of(tmp_path, providers=[body])
    plan = await control.plan_import(path)
    assert [question.id for question in plan.questions] == ["providers:own"]
    await control.import_file(path, plan.digest)
    assert (await control.providers())[0].key.kind == "none"
    await control.import_file(path, plan.digest, approved=["providers:own"])
    assert (await control.providers())[0].key.reference == "EXAMPLE_KEY"


async def test_a_copy_brings_everything_back_and_everybody_sees_it(
    control: ControlPlane, store: SqliteStore, state_dir: StateDir, told: Told
) -> None:
    await store.record(usage_row(1))
    made = await control.create_backup(export=True)
    assert (state_dir.backups / made.name).with_suffix(".json").exists()
    assert made.contents["requests"] == 1
    await control.add_project("later")
    await store.record(usage_row(2))
    reader = await SqliteReader.open(state_dir.database)
    try:
        plan = await control.plan_restore("newest")
        assert [line.text.partition(";")[0] for line in plan.lines] == [
            "project later",
            "1 requests that were recorded since",
        ]
        told.count = 0
        before = await control.restore_backup(made.name)
        assert told.count == 1
        assert [one.name for one in await reader.projects()] == ["default"]
        assert list(await reader.usage_ids_after(0, usage_filter())) == [1]
    finally:
        await reader.close()
    assert store.last_usage_id == 1
    await store.record(usage_row(3))
    await control.restore_backup(before.name)
    assert [one.name for one in await control.projects()] == ["default", "later"]


def usage_filter() -> Any:
    from conduit_tui.store.interface import UsageFilter

    return UsageFilter()


async def test_the_copy_that_is_brought_back_is_not_rotated_away(
    control: ControlPlane, state_dir: StateDir, tmp_path: Path
) -> None:
    state_dir.config.write_text("[backup]\nkeep = 1\n")
    path = file_of(tmp_path, projects=[project("docs")])
    await control.import_file(path, "")
    (before,) = state_dir.backups.iterdir()
    await control.restore_backup(before.name)
    assert [one.name for one in await control.projects()] == ["default"]
    assert before.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "conduit.db", "nothing", "/etc/passwd", "backup-x.db"])
async def test_only_copies_of_the_folder_are_brought_back(control: ControlPlane, name: str) -> None:
    await control.create_backup()
    with pytest.raises(ControlError) as caught:
        await control.restore_backup(name)
    assert caught.value.code == "bad-input"


async def test_what_is_wrong_with_a_path_is_told(control: ControlPlane, tmp_path: Path) -> None:
    for path, said in (("given.json", "absolute"), (str(tmp_path / "none"), "No such file"), ("/dev/zero", "neither")):
        with pytest.raises(ControlError) as caught:
            await control.plan_import(path)
        assert caught.value.code == "bad-input"
        assert said in caught.value.message


async def test_a_difference_of_any_length_fits_into_an_answer(control: ControlPlane, tmp_path: Path) -> None:
    many = [project(f"p-{n}", routingRules=[rule("r", description="long " * 100)]) for n in range(2_000)]
    plan = await control.plan_import(file_of(tmp_path, projects=many))
    assert len(plan.lines) == 1_000
    assert plan.lines[-1].text.startswith("and ")
    assert len(json.dumps(plan)) < FRAME_LIMIT


async def test_rules_of_a_repository_are_applied(control: ControlPlane, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "docs.toml").write_text(
        'project = "docs"\n[costLimits]\ndaily = 5.0\n[[rules]]\nname = "small"\n'
        'when = "tokenCount < 1000"\nuse = "haiku"\n'
    )
    (folder / "more.json").write_text('{"project": "more", "defaultModel": "claude-opus-5"}')
    plan = await control.plan_import(str(folder))
    await control.import_file(str(folder), plan.digest)
    docs = await control.project("docs")
    (first,) = docs.config.routing_rules
    assert first["conditions"]["rules"] == [{"field": "tokenCount", "operator": "<", "value": 1000}]
    assert docs.config.cost_limits.daily == 5
    text = (folder / "docs.toml").read_text()
    (folder / "docs.toml").write_text(text.replace("1000", "2000"))
    plan = await control.plan_import(str(folder))
    assert [line.text for line in plan.lines] == [
        "project docs: rule 'small': when tokenCount < 1000 -> when tokenCount < 2000"
    ]
    await control.import_file(str(folder), plan.digest)
    changed = (await control.project("docs")).config.routing_rules[0]
    assert changed["id"] == first["id"]
    assert changed["created_at"] == first["created_at"]
    (folder / "docs.toml").write_text(text.replace("tokenCount < 1000", "tokenCount <"))
    with pytest.raises(ControlError, match="character") as caught:
        await control.plan_import(str(folder))
    assert caught.value.field == "docs.toml.rules.0.when"
