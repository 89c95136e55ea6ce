"""The keys and words of the screen or the small window below."""

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from conduit_tui.tui.actions import Scope, of
from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.key_names import key_name
from conduit_tui.tui.leaving import LeavesOnce
from conduit_tui.tui.widgets.lines import Lines

WIDTH = 72
KEYS = 18  # columns that the keys take
ASKS = "asks first"


def _entry(keys: str, says: str, *, asks: bool = False) -> list[Line]:
    """What a key does, on as many lines as it takes."""
    rows = textwrap.wrap(f"{says}  ({ASKS})" if asks else says, WIDTH - KEYS - 2)
    return [((f"  {'' if at else keys:<{KEYS}}", Ink.ACCENT), (row, Ink.TEXT)) for at, row in enumerate(rows)]


class HelpScreen(ModalScreen[None], LeavesOnce[None]):
    """Help for what is on the screen, out of the action registry."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1,enter", "close", "Close"),
        Binding("j,down", "move(1)", "Down"),
        Binding("k,up", "move(-1)", "Up"),
        Binding("ctrl+d,pagedown,space", "move(10)", "Down"),
        Binding("ctrl+u,pageup", "move(-10)", "Up"),
        Binding("g,home", "move(-999)", "Top"),
        Binding("G,end", "move(999)", "Bottom"),
    ]

    def __init__(
        self, title: str, words: str, scopes: Sequence[Scope] = (), *, keys: Sequence[tuple[str, str]] = ()
    ) -> None:
        """`scopes` are those of a whole screen; `keys` are what a small window has instead, with what each does."""
        super().__init__()
        self._title = title
        self._words = words
        self._scopes = scopes
        self._keys = keys

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Lines(self._lines(), widget_id="help")

    def _lines(self) -> list[Line]:
        lines: list[Line] = [((self._title.capitalize(), Ink.STRONG), ("   j k scroll, esc closes", Ink.MUTED)), BLANK]
        lines += [((row, Ink.TEXT),) for row in textwrap.wrap(self._words, WIDTH)]
        if self._keys:
            return [*lines, BLANK, *(line for key, does in self._keys for line in _entry(key, does))]
        for scope in (*self._scopes, Scope.EVERYWHERE):
            actions = [action for action in of(scope) if action.keys]
            if not actions:
                continue
            lines += [BLANK, ((str(scope), Ink.TITLE),)]
            for action in actions:
                keys = " ".join(key_name(key) for key in action.keys)
                lines += _entry(keys, action.says, asks=action.dangerous)
        return lines

    def action_move(self, by: int) -> None:
        lines = self.query_one("#help", Lines)
        lines.top += by
        lines.refresh()

    def action_close(self) -> None:
        self.dismiss()
