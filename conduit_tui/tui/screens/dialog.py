"""Small windows that ask or tell one thing."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.leaving import LeavesOnce
from conduit_tui.tui.widgets.lines import Lines, PickLines

BORDER = 2  # lines
_KEYS = (
    ("j ↓  k ↑", "To the next answer, and the one before"),
    ("enter", "Give the answer under the cursor"),
    ("esc", "Give none: back, nothing changed"),
)


class Choice(NamedTuple):
    """An answer, with the key that gives it at once."""

    answer: str
    key: str
    text: str
    note: str = ""


class Dialog(ModalScreen[str | None], LeavesOnce[str | None]):
    """A question with a few answers; the first is where the cursor begins, esc gives none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back"),
        Binding("j,down", "move(1)", "Down"),
        Binding("k,up", "move(-1)", "Up"),
        Binding("ctrl+d,pagedown", "move(10)", "Down"),
        Binding("ctrl+u,pageup", "move(-10)", "Up"),
        Binding("g,home", "move(-9999)", "Top"),
        Binding("G,end", "move(9999)", "Bottom"),
        Binding("enter", "choose", "Choose"),
        Binding("question_mark,f1", "help", "Help"),
    ]

    def __init__(self, title: str, said: Sequence[str], choices: Sequence[Choice], *, again: str = "") -> None:
        """`again` is a key that gives the first answer too (the one that opened the dialog)."""
        super().__init__()
        self._title = title
        self._said = said
        self._choices = choices
        self._again = again

    def compose(self) -> ComposeResult:
        longest = max(
            *(len(line) for line in self._said),
            *(len(choice.text) + len(choice.note) + 8 for choice in self._choices),
            len(self._title),
            40,
        )
        box = Vertical(Lines(self._words()), PickLines(widget_id="choices"))
        box.styles.width = longest + 6
        yield box

    def on_resize(self, event: events.Resize) -> None:
        # as many answers as there is room for; the list scrolls with its cursor
        room = event.size.height * 94 // 100 - BORDER - len(self._words())  # 94 %: as app.tcss has it
        self.query_one(PickLines).styles.max_height = max(2, room)

    def _words(self) -> list[Line]:
        words: list[Line] = [((self._title, Ink.STRONG),), BLANK]
        words += [((line, Ink.TEXT),) for line in self._said]
        return [*words, BLANK] if self._said else words

    def on_mount(self) -> None:
        self.query_one(PickLines).show_targets(
            [
                (
                    (
                        (f" {choice.key} " if choice.key else " ", Ink.ACCENT),
                        (f"{choice.text}", Ink.TEXT),
                        (f"  {choice.note}", Ink.MUTED),
                    ),
                    choice.answer,
                )
                for choice in self._choices
            ]
        )

    def on_key(self, event: events.Key) -> None:
        keys = {choice.key: choice.answer for choice in self._choices if choice.key}
        if self._again:
            keys[self._again] = self._choices[0].answer
        answer = keys.get(event.character or event.key, keys.get(event.key))
        if answer is not None:
            event.stop()  # or the same key would ask again once this window is gone
            self.dismiss(answer)

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        self.dismiss(event.target)

    def action_move(self, by: int) -> None:
        self.query_one(PickLines).move(by)

    def action_choose(self) -> None:
        self.query_one(PickLines).choose()

    def action_help(self) -> None:
        from conduit_tui.tui.screens.help import HelpScreen

        answers = [(choice.key, " ".join(filter(None, (choice.text, choice.note)))) for choice in self._choices]
        keys = [*answers, *_KEYS]
        self.app.push_screen(HelpScreen(self._title, "Nothing happens before an answer is chosen.", keys=keys))

    def action_close(self) -> None:
        self.dismiss(None)
