"""Every screen with an empty database says what to do next, and answers to ? or, where text is typed, to F1."""

from pathlib import Path

import pytest
from scenes import World, live, screen_text, shows, status

from conduit_tui.tui.app import ConduitApp

pytestmark = pytest.mark.anyio

# How a screen is reached, key by key, what it says to somebody who has nothing yet, and a line of its help.
SCREENS = {
    "overview": ("1", 'eval "$(conduit-tui env)"', "Open what the cursor is on"),
    "requests": ("2", "The Overview (1) says how to point a client here", "Open the request under the cursor"),
    "filter": ("2 slash", "The Overview (1) says how to point a client here", "Keep the filter"),
    "sessions": ("2 s", "The Overview (1) says how to begin", "Stop the session"),
    "reconcile": ("2 s c", "] looks further back", "Read the transcripts again"),
    "rules": ("3", "n  writes a new one", "Write a new rule"),
    "rule editor": ("3 n", "no condition yet; a adds one", "Save the rule"),
    "condition": ("3 x e tab a", "what of the request?", "Take it, and go on"),
    "try": ("3 t", "no rule is on", "Take the facts of an older request"),
    "backtest": ("3 b", "→  looks further back", "A longer time"),
    "rule history": ("3 h", "this is how it is now", "Make the configuration what it was then"),
    "usage": ("4", "] looks further back, Overview (1) helps to begin", "Chart cost"),
    "budgets": ("5", "Press e to cap tonight's run at $10", "Set the limits"),
    "budget": ("5 e", "no limit; 0 blocks everything", "Save"),
    "entries to check": ("5 w", "Nothing to check", "Lower what the entry was charged"),
    "prices": ("5 dollar_sign", "n new", "Set the price of another model"),
    "price": ("5 dollar_sign n", "a name, or a pattern with * and ?", "Save"),
    "settings": ("6", "where no rule matches", "Test the configuration"),
    "settings, rules": ("6 pagedown", "3  opens the Rules screen", "To the next page"),
    "settings, providers": ("6 pagedown pagedown pagedown pagedown", "n  adds a provider", "Add a provider"),
    "settings, test": ("6 ctrl+t", "r again", "Test again"),
    "process": ("7", "s start", "Start the gateway"),
    "backups": ("8", "n  copies the whole database", "Make a safety copy"),
    "export": ("8 x", "everything: configuration, history", "Save"),
    "import": ("8 i", "the path of a file or folder", "Save"),
    "leave": ("q", "leave everything running", "Give the answer under the cursor"),
    "bypass": ("B", "switch it on", "Nothing happens before an answer is chosen"),
    "restart": ("7 r", "no connection is refused", "Nothing happens before an answer is chosen"),
}


@pytest.mark.parametrize("screen", SCREENS)
async def test_an_empty_screen_says_what_to_do_next(
    screen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "claude" / "projects").mkdir(parents=True)  # Claude Code is here, and was not used
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
    keys, next_step, helped = SCREENS[screen]
    world = World(tmp_path / "state")
    await world.fill([])
    world.say(told=status(ready_since=None, generation=1, starts=1), seen=live(0))
    async with world.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "No request has come", "READY")
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause(0.05)
        await shows(pilot, next_step)
        await pilot.press("f1")
        await shows(pilot, "esc closes")
        for _ in range(8):
            if helped in screen_text(pilot.app):
                break
            await pilot.press("pagedown")
            await pilot.pause(0.05)
        await shows(pilot, helped)
        await pilot.press("escape")
        await shows(pilot, next_step, without="esc closes")
    await world.close()


async def test_a_question_mark_helps_where_nothing_is_typed(tmp_path: Path) -> None:
    world = World(tmp_path / "state")
    await world.fill([])
    world.say(told=status(ready_since=None, generation=1, starts=1), seen=live(0))
    async with world.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "No request has come", "READY")
        for opens, title in (("1", "Overview"), ("q", "Leave"), ("B", "Bypass on?")):
            await pilot.press(opens, "question_mark")
            await shows(pilot, title, "esc closes")
            await pilot.press("escape")
            await shows(pilot, title, without="esc closes")
            if opens != "1":
                await pilot.press("escape")
                await shows(pilot, "No request has come", without=title)
    await world.close()


def test_every_tab_is_in_the_table() -> None:
    tabs = {keys.split()[0] for keys, _, _ in SCREENS.values()}
    assert {str(number) for number in range(1, len(ConduitApp.MODES) + 1)} <= tabs
