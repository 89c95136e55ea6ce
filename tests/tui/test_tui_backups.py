"""The Backups screen: copies made, looked into, brought back and deleted; files out and in."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from backup_scenes import changed_since, hostile_file, with_a_copy, with_old_copies
from money_scenes import with_budgets
from scenes import World, shows
from steps import SIZES, Before, go
from textual.pilot import Pilot

from conduit_tui.tui.profile import PLAIN, SSH, Profile


@pytest.fixture
async def day(busy: World) -> AsyncIterator[World]:
    await busy.fill([])
    yield busy
    await busy.close()


async def names_of(world: World) -> list[str]:
    async with world.open_control() as control:
        return [project.name for project in await control.projects()]


async def open_backups(pilot: Pilot[int], *words: str) -> None:
    await shows(pilot, "SESSIONS")
    await pilot.press("8")
    await shows(pilot, *(words or ("SAFETY COPIES",)))


@pytest.mark.anyio
async def test_a_copy_is_made_and_brought_back(day: World) -> None:
    async with day.app().run_test(size=(100, 30)) as pilot:
        await open_backups(pilot, "No safety copy yet", "n  copies the whole database")
        await pilot.press("n")
        await shows(pilot, "made by hand", "320 requests")
        async with day.open_control() as control:
            await control.add_project("payments")
        await pilot.press("enter")
        await shows(pilot, "what it would change", "- project payments")
        await pilot.press("a")
        await shows(pilot, "Bring this copy back?")
        await pilot.press("n")
        assert "payments" in await names_of(day)
        await pilot.press("a")
        await shows(pilot, "Bring this copy back?")
        await pilot.press("y")
        await shows(pilot, "before restore", "made by hand")
        assert "payments" not in await names_of(day)


@pytest.mark.anyio
async def test_a_file_comes_in_as_far_as_it_is_approved(day: World, tmp_path: Path) -> None:
    path = hostile_file(tmp_path)
    async with day.app().run_test(size=(100, 30)) as pilot:
        await open_backups(pilot)
        await pilot.press("i")
        await shows(pilot, "take a file in", "enter look at it")
        await pilot.press(*"/nowhere", "enter")  # the only field: enter is meant for the form
        await shows(pilot, "there is no /nowhere")
        await pilot.press("end", "ctrl+u", *str(path), "ctrl+s")
        await shows(pilot, "provider fast at https://gateway.example/v1, no key", "ONLY IF YOU APPROVE IT")
        await pilot.press("G", "space")
        await shows(pilot, "approved", "the key in $OPENROUTER_API_KEY, for qwen*")
        await pilot.press("space")
        await shows(pilot, "otherwise: it comes without a key", "/v1, no key")
        await pilot.press("a")
        await shows(pilot, "Take this file in?")
        await pilot.press("y")
        await shows(pilot, "before import")
    async with day.open_control() as control:
        (fast,) = [one for one in await control.providers() if one.name == "fast"]
    assert fast.key.kind == "none"


@pytest.mark.anyio
async def test_what_is_wrong_with_a_file_is_told_and_nothing_happens(day: World, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"version": "7"}')
    async with day.app().run_test(size=(100, 30)) as pilot:
        await open_backups(pilot)
        await pilot.press("i")
        await shows(pilot, "take a file in")
        await pilot.press(*str(path), "ctrl+s")
        await shows(pilot, "✗ Unsupported backup version: 7")
        await pilot.press("a", "escape")
        await shows(pilot, "SAFETY COPIES")
    assert not day.state_dir.backups.exists() or not list(day.state_dir.backups.iterdir())


@pytest.mark.anyio
async def test_an_export_is_written(day: World, tmp_path: Path) -> None:
    async with day.app().run_test(size=(100, 30)) as pilot:
        await open_backups(pilot)
        await pilot.press("x")
        await shows(pilot, "export all projects")
        await pilot.press("end", "ctrl+u", *str(tmp_path / "out.json"), "tab", "space", "ctrl+s")
        await shows(pilot, "No safety copy yet")
    file = json.loads((tmp_path / "out.json").read_text())
    assert (file["version"], len(file["usage"])) == ("1.0", 320)


@pytest.mark.anyio
async def test_a_copy_is_deleted_only_after_a_question(day: World) -> None:
    await asyncio.to_thread(with_old_copies, day)
    async with day.app().run_test(size=(100, 30)) as pilot:
        await open_backups(pilot, "5, 3", "not a database")
        await pilot.press("G", "D")
        await shows(pilot, "Delete this copy for good?")
        await pilot.press("n")
        assert len(list(day.state_dir.backups.iterdir())) == 5
        await pilot.press("D")
        await shows(pilot, "Delete this copy for good?")
        await pilot.press("y")
        await shows(pilot, "4, 3")
    assert len(list(day.state_dir.backups.iterdir())) == 4


# Snapshots


def typed(path: str) -> str:
    names = {"/": "slash", ".": "full_stop", "-": "minus", "_": "underscore"}
    return ",".join(names.get(character, character) for character in path)


def shown(world: World, what: str, tmp_path: Path) -> Before:
    if what == "empty":
        return go("8", "No safety copy yet")
    if what == "list":
        with_old_copies(world)
        return go("8", "41,000 requests")
    if what == "restore":
        changed_since(with_a_copy(world))
        return go("8 enter", "project payments", "12 requests")
    if what == "import":
        with_budgets(world)
        path = hostile_file(tmp_path)
        return go(f"8 i {typed(str(path))} ctrl+s G space", "ONLY IF YOU APPROVE IT", "approved")
    return go("8 x", "export all projects")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("what", ["empty", "list", "restore", "import", "export"])
def test_screens(busy: World, snap_compare: Any, tmp_path: Path, what: str, size: tuple[int, int]) -> None:
    before = shown(busy, what, tmp_path)
    assert snap_compare(busy.app(), terminal_size=size, run_before=before)


@pytest.mark.parametrize("profile", [SSH, PLAIN], ids=lambda profile: profile.name)
def test_profiles(busy: World, snap_compare: Any, tmp_path: Path, profile: Profile) -> None:
    before = shown(busy, "list", tmp_path)
    assert snap_compare(busy.app(profile=profile), run_before=before)


def test_light_theme(busy: World, snap_compare: Any, tmp_path: Path) -> None:
    goes = shown(busy, "import", tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        await goes(pilot)
        pilot.app.theme = "conduit-light"
        await pilot.pause(0.4)

    assert snap_compare(busy.app(), run_before=before)
