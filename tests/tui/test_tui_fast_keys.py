"""Keys that come faster than screens come and go: none of them ends the control centre."""

import pytest
from scenes import World, served
from terminal import Terminal, control_centre

ESCAPE_SECONDS = 0.11  # before that, what follows an escape would be read as one key with it
KEYS = (
    "n",
    "\x1b",
    "t",
    "\x1b",
    "b",
    "\x1b",
    "n",
    "x",
    "\x1b",
    "\x1b",
    "\r",
    "y",
    "p",
    "\x1b",
    "q",
    "\x1b",
    "?",
    "\x1b",
)


def press(terminal: Terminal, key: str, gap: float) -> None:
    terminal.press(key)
    terminal.read(max(gap, ESCAPE_SECONDS) if key == "\x1b" else gap)


@pytest.mark.parametrize("gap", [0.004, 0.012, 0.03, 0.06])
def test_keys_in_a_hurry(busy: World, gap: float) -> None:
    with served(busy), control_centre(busy.folder, size=(120, 40)) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("3")
        terminal.wait_quiet()
        for _ in range(5):
            for key in KEYS:
                press(terminal, key, gap)
            assert not terminal.ended(), (busy.folder / "tui.log").read_text()[-3000:]
        terminal.wait_quiet()
        assert not terminal.ended(), (busy.folder / "tui.log").read_text()[-3000:]
