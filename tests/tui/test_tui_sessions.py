"""The Sessions view in use: what moves, what stays, what a key does."""

import json
import sqlite3
import time
from pathlib import Path

import pytest
import session_scenes
from scenes import MINUTE, NOW, World, live, row, shows, status
from session_scenes import API, CODEX, DOCS, INFRA
from textual.pilot import Pilot

from conduit_tui.domain.sessions import SessionFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.tui.activity import of_flight, words
from conduit_tui.tui.screens.sessions import SessionsScreen
from conduit_tui.tui.session_pages import SessionPages, View
from conduit_tui.tui.widgets.session_list import SessionList
from tests.waiting import until

pytestmark = pytest.mark.anyio


def chosen(pilot: Pilot[int]) -> str:
    """The session under the cursor."""
    found = pilot.app.screen.query_one(SessionList).row
    return found.session if found else ""


async def open_sessions(pilot: Pilot[int], key: str = "s") -> None:
    await shows(pilot, "READY", "SESSIONS")
    await pilot.press(key)
    await shows(pilot, "18 sessions", "thinking 12 s")


def audit(world: World) -> list[tuple[str, str]]:
    with sqlite3.connect(world.state_dir.database) as connection:
        found = connection.execute("SELECT action, subject FROM audit_log ORDER BY id").fetchall()
    connection.close()
    return found


async def test_it_opens_from_both_screens_and_escape_goes_back(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s")
    async with world.app().run_test(size=(100, 30)) as pilot:
        await open_sessions(pilot)
        await pilot.press("escape")
        await shows(pilot, "follow")
        await pilot.press("s")
        await shows(pilot, "18 sessions")
        await pilot.press("1")
        await shows(pilot, "MODELS TODAY", "thinking 12 s")  # the same words there
        await pilot.press("2")
        await shows(pilot, "18 sessions")  # the mode is as it was left


async def test_enter_opens_the_session_s_requests(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s")
    async with world.app().run_test(size=(100, 30)) as pilot:
        await open_sessions(pilot)
        await pilot.press("j")
        await shows(pilot, DOCS)
        await pilot.press("enter")
        await shows(pilot, f"session:{DOCS}", "9 of ")


async def test_the_cursor_stays_on_its_session_when_others_move_up(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s")
    store = await SqliteStore.open(world.state_dir.database)
    try:
        async with world.app().run_test(size=(100, 30)) as pilot:
            await open_sessions(pilot)
            await pilot.press("j", "j", "j")
            await shows(pilot, CODEX)
            told = json.dumps({"stop": "end_turn"})
            last = await store.record(
                row(9_999, ago=1, session=INFRA, project="infra", agent="", agent_type="main", metadata=told)
            )
            world.say(seen=live(last, session_scenes.flights()))
            await shows(pilot, "idle 0 s")
            assert chosen(pilot) == CODEX
            assert pilot.app.screen.query_one(SessionList).cursor == 4
            await pilot.press("g")
            last = await store.record(row(9_998, ago=0, session="newest-one", project="docs", agent=""))
            world.say(seen=live(last, ()))
            await shows(pilot, "newest-o", without="fresh-se")
            assert pilot.app.screen.query_one(SessionList).cursor == 0
    finally:
        await store.close()


async def test_a_session_is_stopped_with_a_reason_and_goes_on_again(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s")
    async with world.app().run_test(size=(100, 30)) as pilot:
        await open_sessions(pilot)
        await pilot.press("j", "j")
        await shows(pilot, API)
        await pilot.press("x")
        await shows(pilot, "stop session 5f1c9a70 of api-server")
        await pilot.press("enter")
        await shows(pilot, "say why")
        await pilot.press(*"it loops", "enter")
        await shows(pilot, "1 stopped", "it loops", "x lets it go on")
        assert chosen(pilot) == API
        await pilot.press("1")
        await shows(pilot, "MODELS TODAY")
        await pilot.press("2")
        await shows(pilot, "1 stopped")
        await pilot.press("x")
        await shows(pilot, "Let session 5f1c9a70 go on?", "It was stopped: it loops")
        await pilot.press("n")
        await shows(pilot, "1 stopped", without="go on?")
        await pilot.press("x", "x")
        await shows(pilot, "18 sessions", without="1 stopped")
    assert audit(world) == [("session.stop", API), ("session.resume", API)]


async def test_a_stopped_session_is_said_to_be_on_the_overview(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s", stopped=True)
    async with world.app().run_test(size=(120, 40)) as pilot:
        text = await shows(pilot, "READY", "SESSIONS", "thinking 12 s", "tool use")
        (line,) = [line for line in text.splitlines() if "infra d94c11e5" in line]
        assert "stopped" in line


async def test_what_cannot_be_stopped_is_said(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s")
    async with world.app().run_test(size=(100, 30)) as pilot:
        await open_sessions(pilot)
        await pilot.press("j", "x")
        await shows(pilot, "stop session 0b7e33d2")
        await pilot.press(*("x" * 5), "enter")
        said = "there is no project 'docs'"  # its rows are of a project that is gone
        await until(lambda: any(said in each.message for each in pilot.app._notifications))
        await shows(pilot, "stop session 0b7e33d2", "xxxxx")


async def test_the_filter(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s")
    async with world.app().run_test(size=(100, 30)) as pilot:
        await open_sessions(pilot)
        await pilot.press("slash", *"gpt")
        await shows(pilot, "1 session", "codex_exec", without="18 session")
        await pilot.press("enter")
        assert chosen(pilot) == CODEX
        await pilot.press("escape")
        await shows(pilot, "18 sessions")
        await pilot.press("slash", *"status:4xx")
        await shows(pilot, "sessions are filtered by")
        await pilot.press("escape", "slash", *"project:infra haiku")
        await shows(pilot, "Nothing matches")
        await pilot.press("escape", "escape")
        await shows(pilot, "follow")


async def test_an_idle_list_sends_nothing(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s")
    world.say(seen=live(1))
    async with world.app().run_test(size=(100, 30)) as pilot:
        await shows(pilot, "READY", "SESSIONS")
        await pilot.press("s")
        await shows(pilot, "17 sessions")
        rows = pilot.app.screen.query_one(SessionList)
        painted: list[object] = []
        before = rows.refresh_row
        rows.refresh_row = lambda y: painted.append(y) or before(y)  # type: ignore[method-assign,func-returns-value]
        for _ in range(3):
            assert isinstance(pilot.app.screen, SessionsScreen)
            pilot.app.screen.show_state(pilot.app.state)  # type: ignore[attr-defined]
        assert painted == []


async def test_reconcile_from_the_keyboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await session_scenes.reconciled(tmp_path / "s")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
    async with world.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "READY", "SESSIONS")
        await pilot.press("s")
        await shows(pilot, "sessions")
        await pilot.press("c")
        await shows(pilot, "last 7 d", "equal", "cut or left", "not seen", "Some answers did not come through")
        await pilot.press("left_square_bracket")
        await shows(pilot, "last 24 h", "equal")
        await pilot.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        await shows(pilot, "everything", "equal")
        await pilot.press("G", "enter")
        await shows(pilot, "session:", "of 10")
        await pilot.press("s", "escape")
        await shows(pilot, "follow")


@pytest.mark.parametrize(
    ("stop", "ago", "stopped", "said"),
    [
        ("end_turn", 4 * MINUTE, False, "idle 4 m"),
        ("tool_use", 4_000, False, "tool use"),
        ("tool_use", 11 * MINUTE, False, "idle 11 m"),
        ("tool_calls", 4_000, True, "stopped"),
    ],
)
def test_words_of_what_is_not_under_way(stop: str, ago: int, stopped: bool, said: str) -> None:
    assert words((), last_at=NOW - ago, now=NOW, stop=stop, stopped=stopped)[0] == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"first_byte_at": None}, "waiting 14 s"),
        ({}, "streaming 14 s"),
        ({"activity": "thinking", "activity_since": NOW - 12_000}, "thinking 12 s"),
        ({"activity": "tool use", "activity_since": NOW - 2_000}, "tool use 2 s"),
        ({"activity": "writing"}, "writing 13 s"),
    ],
)
def test_words_of_what_is_under_way(changes: dict[str, object], said: str) -> None:
    assert of_flight(session_scenes.flight(API, "api-server", "", "main", **changes), NOW) == said


async def test_an_old_session_that_works_again_comes_first(tmp_path: Path) -> None:
    world = await session_scenes.busy(tmp_path / "s")
    reader = await SqliteReader.open(world.state_dir.database)
    monkey = pytest.MonkeyPatch()
    monkey.setattr("conduit_tui.tui.session_pages.PAGE", 5)
    try:
        pages = SessionPages()
        old = "05aa55f0-1f0b-4b7e-a2a9-5c6b7a8f9e05"
        again = session_scenes.flight(old, "infra", "", "main")
        await pages.refresh(reader, SessionFilter(), [again], View(height=5))
        first = pages.row(0)
        assert first is not None
        assert (first.session, first.requests) == (old, 6)
        assert len(pages) == 17
    finally:
        monkey.undo()
        await reader.close()


@pytest.mark.slow
async def test_a_million_sessions_scroll_without_a_pause(tmp_path: Path) -> None:
    world = World(tmp_path / "s")
    world.state_dir.prepare()
    store = await SqliteStore.open(world.state_dir.database)

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO sessions (project, session, client, requests, errors, prompts, input_tokens, output_tokens, "
            "cache_read_tokens, cost_nanodollars, first_at, last_at, first_usage_id, last_usage_id, prompt_id, stop) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) "
            "SELECT 'p' || (i % 7), printf('%032x', i), 'claude-cli', 3, 0, 1, 9, 9, 9, 9, i * 1000, i * 2000, i, "
            "i, '', '' FROM n"
        )

    await store.run(fill)
    await store.close()
    world.say(told=status(), seen=live(1))
    async with world.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "READY")
        await pilot.press("s")
        began = time.perf_counter()
        await shows(pilot, "1,000,000 sessions")
        print(f"opened in {time.perf_counter() - began:.2f} s")
        slowest = 0.0
        for key in ("G", "g", "ctrl+d", "pagedown", "G", *["k"] * 20):
            began = time.perf_counter()
            await pilot.press(key)
            slowest = max(slowest, time.perf_counter() - began)
        print(f"slowest key {slowest * 1000:.0f} ms")
        await shows(pilot, f"{1:032x}"[:8])
        assert slowest < 1
