"""The keys of all actions, as a list; the ones under the cursor are edited in the line below."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input

from conduit_tui.tui import keymap
from conduit_tui.tui.actions import ACTIONS, Action
from conduit_tui.tui.clean import clean
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Ink, Line
from conduit_tui.tui.machine_draft import MachineDraft
from conduit_tui.tui.widgets.chrome import Rule
from conduit_tui.tui.widgets.lines import Lines, PickLines
from conduit_tui.tui.widgets.pick_list import PickList

ID_CELLS = max(len(action.id) for action in ACTIONS) + 1
KEY_CELLS = 17


class KeyInput(Input):
    """Keys in words, such as `G end`; enter and esc go back to the list."""

    def __init__(self, back: Callable[[], None]) -> None:
        super().__init__(id="key-text", compact=True, select_on_focus=False)
        self.cursor_blink = False
        self._back = back

    def on_key(self, event: events.Key) -> None:
        if event.key in ("enter", "escape"):
            event.stop()
            event.prevent_default()
            self._back()


class KeysPane(Vertical):
    """All actions that there are, in their places, with their keys."""

    DEFAULT_CSS = """
    KeysPane > Horizontal { height: 1; }
    KeysPane #key-label { width: 38; }
    KeysPane #key-text { width: 24; background: $surface; }
    KeysPane #key-text:ansi { background: transparent; text-style: underline; }
    KeysPane > #key-about { height: 1; }
    """

    class Edited(Message):
        """The draft has other keys."""

    def __init__(self, draft: MachineDraft, glyphs: Glyphs, *, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self._draft = draft
        self._glyphs = glyphs
        self._action: Action = ACTIONS[0]

    def compose(self) -> ComposeResult:
        yield PickList(widget_id="key-list")
        yield Rule(self._glyphs)
        with Horizontal():
            yield Lines([()], widget_id="key-label")
            yield KeyInput(self._back)
        yield Lines([()], widget_id="key-about")

    def on_mount(self) -> None:
        self.draw()
        self.watch(self.query_one(PickList), "cursor", self._moved)

    def draw(self) -> None:
        """Show what the draft says."""
        problems = keymap.problems(self._draft.keys)
        rows: list[tuple[Line, Action | None]] = []
        for scope, actions in groupby(ACTIONS, key=lambda action: action.scope):
            rows.append((((f" {scope}", Ink.TITLE),), None))
            rows += [(self._line(action, problems), action) for action in actions]
        strangers = [name for name in self._draft.keys if name not in keymap.BY_ID]
        rows += [(((f" {self._glyphs.bad} {clean(name)}: {problems[name]}", Ink.BAD),), None) for name in strangers]
        self.query_one(PickList).show_targets(rows)
        self._tell()

    def _line(self, action: Action, problems: dict[str, str]) -> Line:
        mark = self._glyphs.bad if action.id in problems else self._glyphs.on if action.id in self._draft.keys else " "
        ink = Ink.BAD if action.id in problems else Ink.ACCENT
        return (
            (f" {mark} ", ink),
            (f"{action.id:<{ID_CELLS}} ", Ink.TEXT),
            (f"{self._text(action):<{KEY_CELLS}} ", ink),
            (action.help, Ink.MUTED),
        )

    def _text(self, action: Action) -> str:
        return self._draft.keys.get(action.id, keymap.write_keys(action))

    def _moved(self) -> None:
        target = self.query_one(PickList).target
        if isinstance(target, Action):
            self._action = target
            line = self.query_one(KeyInput)
            with self.prevent(Input.Changed):
                line.value = self._text(target)
            line.cursor_position = len(line.value)
            self._tell()

    def _tell(self) -> None:
        name = self._action.id
        self.query_one("#key-label", Lines).show([((f" keys of {name}", Ink.TEXT),)])
        problem = keymap.problems(self._draft.keys).get(name)
        said: Line = (
            ((f" {self._glyphs.bad} {clean(problem)}", Ink.BAD),)
            if problem
            else (
                (
                    f" default {keymap.write_keys(self._action) or 'none'}; enter edits, several with spaces between",
                    Ink.MUTED,
                ),
            )
        )
        self.query_one("#key-about", Lines).show([said])

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        text = " ".join(event.value.split())
        if text == keymap.write_keys(self._action):
            self._draft.keys.pop(self._action.id, None)
        else:
            self._draft.keys[self._action.id] = text
        self.draw()
        self.post_message(self.Edited())

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        event.stop()
        self.query_one(KeyInput).focus()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self.query_one(PickList).refresh()

    def _back(self) -> None:
        self.query_one(PickList).focus()
