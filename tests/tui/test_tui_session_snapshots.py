"""Sessions and reconcile at 80x24 and 120x40."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import session_scenes
from scenes import FACES, live, shows, status
from steps import SIZES, go
from textual.pilot import Pilot

from conduit_tui.tui.profile import Profile

SCREENS = {
    "sessions": go("s j j", "18 sessions", "thinking 12 s", "Explore a3f09c"),
    "begun": go("s", "18 sessions", "fresh-se", "0 requests"),
    "filter": go("s slash c o d e x", "1 session", "codex_exec"),
    "stop": go("s j j x i t space l o o p s", "stop session 5f1c9a70", "it loops"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_sessions(tmp_path: Path, snap_compare: Any, screen: str, size: tuple[int, int]) -> None:
    world = asyncio.run(session_scenes.busy(tmp_path / "s"))
    assert snap_compare(world.app(), terminal_size=size, run_before=SCREENS[screen])


@pytest.mark.parametrize("size", SIZES)
def test_stopped(tmp_path: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    world = asyncio.run(session_scenes.busy(tmp_path / "s", stopped=True))
    before = go("s j j j j", "1 stopped", "it reads the same file again and again", "x lets it go on")
    assert snap_compare(world.app(), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_no_sessions(tmp_path: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    world = asyncio.run(session_scenes.empty(tmp_path / "s"))
    world.say(told=status(ready_since=None, generation=1, starts=1), seen=live(0))

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "READY", "No request has come")
        await pilot.press("s")
        await shows(pilot, "No session yet")
        await pilot.pause(0.2)

    assert snap_compare(world.app(), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_reconcile(tmp_path: Path, snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    world = asyncio.run(session_scenes.reconciled(tmp_path / "s"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "claude")  # the same on every machine
    before = go("s c j", "last 7 d", "equal", "1 unseen", "not seen")
    assert snap_compare(world.app(), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_no_transcripts(
    tmp_path: Path, snap_compare: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = asyncio.run(session_scenes.busy(tmp_path / "s"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "nowhere")
    before = go("s c", "There are no transcripts at nowhere")
    assert snap_compare(world.app(), terminal_size=size, run_before=before)


@pytest.mark.parametrize("profile", FACES)
def test_profiles(tmp_path: Path, snap_compare: Any, profile: Profile) -> None:
    world = asyncio.run(session_scenes.busy(tmp_path / "s"))
    assert snap_compare(world.app(profile=profile), run_before=SCREENS["sessions"])


@pytest.mark.parametrize("profile", FACES)
def test_reconcile_profiles(
    tmp_path: Path, snap_compare: Any, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = asyncio.run(session_scenes.reconciled(tmp_path / "s"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "claude")
    before = go("s c j", "last 7 d", "equal", "1 unseen", "not seen")
    assert snap_compare(world.app(profile=profile), run_before=before)
