"""U1: whatever comes from outside, the terminal gets text. Every screen and every key of the registry is tried."""

import re
import time
from pathlib import Path

import pytest
from scenes import NOW, World, live, served, status
from terminal import ESCAPE, Terminal, control_centre, text_of

from conduit_tui.domain.live import InFlight
from conduit_tui.domain.processes import GatewayState, HealthCheck, Retiree
from conduit_tui.tui import actions
from conduit_tui.tui.actions import Scope
from conduit_tui.tui.widgets.chrome import TABS
from tests import hostile
from tests.hostile import EVERYTHING, PAYLOADS

# What Textual itself writes: modes, colours, cursor, queries of the terminal, kitty keys, the pointer's shape.
OWN = re.compile(rb"\x1b\[(?:\?[0-9;]+[hl]|\?20(?:26|48)\$p|[0-9;]*[mH]|>[0-9]+u|<u)|\x1b\]22;default\x07")

# Escape as the kitty protocol writes it: the bare byte and a key soon after it, read at once, are alt and that key.
ESC, CTRL_S, CTRL_T = "\x1b[27u", "\x13", "\x14"
# The keys that lead to where a scope's actions are, from anywhere: a tab's number first.
ROUTES = {
    Scope.OVERVIEW: ("7", "1"),
    Scope.REQUESTS: ("2",),
    Scope.FILTER: ("2", "/"),
    Scope.DETAIL: ("2", "g", "\r"),
    Scope.SESSIONS: ("2", "s"),
    Scope.RECONCILE: ("2", "s", "c"),
    Scope.RULES: ("3",),
    Scope.EDITOR: ("3", "e"),
    Scope.TRY: ("3", "t"),
    Scope.BACKTEST: ("3", "b"),
    Scope.HISTORY: ("3", "h"),
    Scope.USAGE: ("4",),
    Scope.BUDGETS: ("5",),
    Scope.FORM: ("5", "e"),
    Scope.CHECK: ("5", "w"),
    Scope.PRICES: ("5", "$"),
    Scope.SETTINGS: ("6",),
    Scope.PROVIDERS: ("6", *["\x1b[6~"] * 4),
    Scope.TEST: ("6", CTRL_T),
    Scope.PROCESS: ("7",),
    Scope.BACKUPS: ("8",),
    Scope.DIFFERENCE: ("8", "j", "j", "\r"),
}
ON_THE_WAY = {Scope.EVERYWHERE, Scope.LISTS, Scope.WELCOME, Scope.CONDITIONS}
# Leaving, stopping, other programs and the clipboard have tests of their own.
NOT_PRESSED = {"everywhere.leave", "everywhere.suspend", "everywhere.copy", "everywhere.page", "rule editor.outside"}
BYTES = {
    "enter": "\r", "escape": ESC, "tab": "\t", "space": " ", "shift+tab": "\x1b[Z", "delete": "\x1b[3~",
    "home": "\x1b[H",
    "end": "\x1b[F", "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C",
    "left": "\x1b[D", "f1": "\x1bOP", "slash": "/", "colon": ":", "question_mark": "?", "comma": ",", "full_stop": ".",
    "left_square_bracket": "[", "right_square_bracket": "]", "dollar_sign": "$",
}  # fmt: skip


def bytes_of(key: str) -> str:
    """What a terminal sends for a key."""
    if key.startswith("ctrl+"):
        return chr(ord(key[-1]) & 0x1F)
    return BYTES.get(key, key)


def press(terminal: Terminal, keys: str) -> None:
    """Press, and read until it has done what the key says."""
    terminal.press(keys)
    terminal.wait_idle()


def go(terminal: Terminal, scope: Scope, seconds: float = 6) -> bool:
    """From anywhere to where a scope's actions are; whether the footer names them within that time."""
    for keys in (ESC, "d", ESC, "d", ESC, "d", ESC):  # what was begun is dropped
        press(terminal, keys)
    before = len(terminal.written)
    for keys in ROUTES[scope]:
        press(terminal, keys)
    labels = [action.label for action in actions.of(scope) if action.label]
    deadline = time.perf_counter() + seconds
    while not any(label in text_of(bytes(terminal.written[before:])) for label in labels):
        if time.perf_counter() > deadline:
            return False
        terminal.read(0.02)
    return True


def check(terminal: Terminal) -> str:
    """That nothing but Textual's own sequences and text has been written; the text."""
    assert not terminal.ended(), text_of(bytes(terminal.written))[-2000:]
    written = bytes(terminal.written)
    assert not {sequence for sequence in ESCAPE.findall(written) if not OWN.fullmatch(sequence)}
    rest = ESCAPE.sub(b"", written).decode()
    assert not {hex(ord(c)) for c in rest if not c.isprintable() and c not in "\r\n"}
    return rest


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which everything that can hold a text holds a hostile one."""
    world = World(tmp_path / "s")
    last = hostile.furnish(world.state_dir)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(hostile.transcripts(tmp_path / "claude")))
    flying = tuple(
        InFlight(
            exchange_id=text, project=text, agent_type=text, session=text, request_class=text, requested_model=text,
            routed_model=f"y{text}", provider=text, dialect=text, stream=True, started_at=NOW, activity=text,
        )
        for text in PAYLOADS
    )  # fmt: skip
    told = status(
        GatewayState.DEGRADED, reason=EVERYTHING, url=f"http://{EVERYTHING}", version=EVERYTHING,
        renewal_failure=EVERYTHING, health=(HealthCheck(at=NOW, ok=False, took_ms=1, detail=EVERYTHING),),
        retiring=(Retiree(generation=2, pid=7, streams=1, until=NOW),),
    )  # fmt: skip
    world.say(told=told, seen=live(last, flying))
    return world


def test_every_scope_has_a_route() -> None:
    assert set(ROUTES) | ON_THE_WAY == set(Scope)
    assert {keys[0] for keys in ROUTES.values()} | {"1"} == {str(number + 1) for number in range(len(TABS))}


@pytest.mark.parametrize("half", [0, 1])
def test_nothing_from_outside_reaches_the_terminal_as_more_than_text(house: World, half: int) -> None:
    scopes = list(ROUTES)[half::2]
    with served(house, control=True), control_centre(house.folder, size=(120, 40)) as terminal:
        terminal.read_until(lambda written: b"DEGRADED" in written)
        terminal.wait_quiet()
        reached = set()
        for scope in scopes:
            if go(terminal, scope):
                reached.add(scope)
            for action in actions.of(scope):
                if action.id not in NOT_PRESSED and action.keys and bytes_of(action.keys[0]) != ESC:
                    press(terminal, bytes_of(action.keys[0]))
            assert not terminal.ended(), (scope, text_of(bytes(terminal.written))[-2000:])
        go(terminal, Scope.OVERVIEW)
        for action in actions.of(Scope.EVERYWHERE, Scope.LISTS):
            if action.id not in NOT_PRESSED and action.keys:
                press(terminal, bytes_of(action.keys[0]))
                press(terminal, ESC)
        text = check(terminal)
    # What was pressed before may have taken away what a route needs, such as the last rule.
    assert len(reached) >= len(scopes) - 2, set(scopes) - reached
    assert "␛]52;c;ZXZpbA==" in text
    assert "[@click=app.exit]" in text


def test_what_is_typed_or_pasted_is_text_too(house: World) -> None:
    with served(house, control=True), control_centre(house.folder, size=(120, 40), PAGER="true") as terminal:
        terminal.read_until(lambda written: b"DEGRADED" in written)
        for scope in (Scope.FILTER, Scope.SESSIONS, Scope.PROCESS, Scope.FORM, Scope.EDITOR, Scope.BACKUPS):
            go(terminal, scope)
            if scope in (Scope.SESSIONS, Scope.PROCESS):
                press(terminal, "/")
            elif scope is Scope.BACKUPS:
                press(terminal, "i")
            press(terminal, "/[bold]" + "x")
            press(terminal, f"\x1b[200~{''.join(PAYLOADS)}\x1b[201~")
            press(terminal, "\r")
            press(terminal, CTRL_S)
        check(terminal)


def test_names_that_steer_a_terminal_are_refused_or_shown(house: World) -> None:
    """The state directory itself may have such a name."""
    folder = house.folder.parent / "steering\x1b]0;owned\x07\u202e"
    house.folder.rename(folder)
    world = World(folder, told=house.told, seen=house.seen)
    with served(world), control_centre(folder, size=(120, 40)) as terminal:
        terminal.read_until(lambda written: b"DEGRADED" in written)
        for keys in ("6", *["\x1b[6~"] * 5, "7", "8", "x", ESC):
            press(terminal, keys)
        check(terminal)
