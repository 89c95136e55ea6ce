"""What every screen sends to a terminal of sixteen colours, and to one of ASCII alone."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from scenes import live, served
from terminal import ESCAPE, Terminal, control_centre, text_of

from conduit_tui.tui.widgets.chrome import TABS

MORE_COLORS = re.compile(rb"\x1b\[[0-9;:]*[34]8[;:][25][0-9;:]*m[^\x1b]{0,20}")
ESC = "\x1b[27u"  # as the kitty protocol writes it: the bare byte and a key read with it are alt and that key
STOPS = {
    "overview": (),
    "requests": ("\r", ESC, "/", "\r"),
    "rules": ("n", ESC, "t", ESC, "b", ESC),
    "usage": ("v", "m", ","),
    "budgets": ("w", ESC, "e", ESC),
    "settings": ("\x1b[C",) * 5 + ("\t", "\x1b[C", "\x1b[C"),
    "process": (),
    "backups": (),
}
EVERYWHERE = {"?": "esc closes", "p": "all projects", ":": "Search for commands", "q": "leave everything running"}


def press(terminal: Terminal, keys: str) -> None:
    """Press, and read until it has done what the key says."""
    terminal.press(keys)
    terminal.wait_idle(0.1)


def look_at_everything(terminal: Terminal) -> bytes:
    """Go to every screen, and into what opens from it."""
    terminal.read_until(lambda written: b"SESSIONS" in written)
    terminal.wait_quiet()
    for number, (name, _) in enumerate(TABS, start=1):
        terminal.press(str(number))
        if number > 1:
            terminal.read_until(lambda written: len(written) > 500)
        for keys in STOPS[name]:
            press(terminal, keys)
        assert not terminal.ended(), text_of(bytes(terminal.written))[-3000:]
    terminal.press("1")
    terminal.wait_quiet(0.3)
    for keys, shown in EVERYWHERE.items():
        before = len(terminal.written)
        terminal.press(keys)
        terminal.read_until(lambda _, before=before, shown=shown: shown in text_of(bytes(terminal.written[before:])))
        terminal.wait_quiet(0.06)
        press(terminal, ESC)
    return bytes(terminal.written)


def test_every_screen_is_visited() -> None:
    assert list(STOPS) == [name for name, _ in TABS]


SIXTEEN = {("ssh", "auto"), ("local", "ansi-light"), ("plain", "auto")}  # profiles and themes


def test_sixteen_colors_are_all_that_is_sent(busy: Any) -> None:
    """Three terminals on one daemon, at the same time: what takes long is waiting for what is drawn."""
    with served(busy), ExitStack() as stack, ThreadPoolExecutor() as at_once:
        terminals = {
            (profile, theme): stack.enter_context(control_centre(busy.folder, profile=profile, CONDUIT_THEME=theme))
            for profile, theme in SIXTEEN
        }
        for (profile, _), written in zip(terminals, at_once.map(look_at_everything, terminals.values()), strict=True):
            assert not MORE_COLORS.findall(written), profile
            if profile == "plain":
                rest = ESCAPE.sub(b"", written)
                assert rest.isascii(), {one for one in rest.decode("utf-8", "replace") if not one.isascii()}


def test_the_test_sees_more_colors_where_there_are(busy: Any) -> None:
    with served(busy), control_centre(busy.folder, profile="local") as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        assert MORE_COLORS.search(bytes(terminal.written))


def test_keys_of_the_file_hold_and_are_shown(busy: Any) -> None:
    root: Path = busy.folder
    busy.say(seen=live(busy.seen.last_usage_id))  # nothing under way
    (root / "config.toml").write_text('[keys]\n"requests.follow" = "F"\n"requests.open" = "o"\n"nothing.here" = "x"\n')
    with served(busy), control_centre(root, size=(120, 40)) as terminal:
        terminal.read_until(lambda written: b"nothing.here" in written)
        terminal.press("2")
        terminal.read_until(lambda written: "F follow" in text_of(written))
        shown = text_of(bytes(terminal.written))
        assert "F follow" in shown
        assert "o open" in shown
        terminal.wait_quiet()
        terminal.press("o")
        terminal.read_until(lambda written: b"trace" in written)
        terminal.press(ESC)
        terminal.wait_quiet()
        before = len(terminal.written)
        terminal.press("?")
        terminal.read_until(lambda written: b"Go to the newest" in written)
        assert re.search(r"F +Go to the newest request", text_of(bytes(terminal.written[before:])))


@pytest.mark.parametrize(("on_detach", "asks"), [("keep", False), ("ask", True)])
def test_leaving_asks_or_does_not(busy: Any, on_detach: str, asks: bool) -> None:
    with served(busy), control_centre(busy.folder, CONDUIT_ON_DETACH=on_detach) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("q")
        if asks:
            terminal.read_until(lambda written: b"detach" in written)
        else:
            assert terminal.wait() == 0


def test_the_mouse_can_be_switched_off_and_on(busy: Any) -> None:
    for profile, mouse, sent in (("local", "off", False), ("ssh", "on", True)):
        with served(busy), control_centre(busy.folder, profile=profile, CONDUIT_MOUSE=mouse) as terminal:
            terminal.read_until(lambda written: b"SESSIONS" in written)
            assert (b"\x1b[?1000h" in terminal.written) is sent
