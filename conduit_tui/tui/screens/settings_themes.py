"""The themes that there are, as a list; enter takes one."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from conduit_tui.tui.clean import clean
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.theming import AUTO
from conduit_tui.tui.user_themes import BUILT_IN, UserThemes, hard_to_read
from conduit_tui.tui.widgets.lines import Lines, PickLines
from conduit_tui.tui.widgets.pick_list import PickList

HINT = " enter takes one; yours are themes/NAME.toml in the state directory"

_ABOUT = {
    AUTO: "the one that suits the terminal",
    "dark": "safe for colour-blind eyes, as the next two are",
    "light": "for a light room",
    "high-contrast": "white on black",
    "ansi": "the terminal's own sixteen colours: few bytes",
    "ansi-light": "the same for a light terminal",
    "plain": "no colour",
}


class ThemesPane(Vertical):
    """Built-in themes and the user's own, and what is wrong with these."""

    DEFAULT_CSS = """
    ThemesPane > #theme-list { height: auto; max-height: 12; }
    ThemesPane > #theme-trouble { height: 1fr; }
    """

    class Chosen(Message):
        """A theme was taken."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, own: UserThemes, glyphs: Glyphs, *, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self._own = own
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        yield PickList(widget_id="theme-list")
        yield Lines(self._words(), widget_id="theme-trouble")

    def draw(self, chosen: str) -> None:
        """Show which one is taken."""
        rows = [(self._line(name, chosen), name) for name in (AUTO, *BUILT_IN, *self._own.themes)]
        self.query_one(PickList).show_targets(rows)

    def _line(self, name: str, chosen: str) -> Line:
        mark = self._glyphs.on if name == chosen else self._glyphs.off
        about = _ABOUT.get(name, "your own")
        if name in self._own.themes and (hard := hard_to_read(self._own.themes[name])):
            about = f"your own; hard to read: {hard[0]}"
        return ((f" {mark} ", Ink.ACCENT), (f"{name:<16}", Ink.TEXT), (about, Ink.MUTED))

    def _words(self) -> Sequence[Line]:
        said: list[Line] = [((f" {self._glyphs.bad} {clean(problem)}", Ink.BAD),) for problem in self._own.problems]
        return [BLANK, *said, *([BLANK] if said else []), ((HINT, Ink.MUTED),)]

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        event.stop()
        self.post_message(self.Chosen(event.target))
