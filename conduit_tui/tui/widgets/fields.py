"""Rows of a form: a label, what is entered, and beside it what is wrong with that."""

from typing import cast

from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from conduit_tui.routing.validation import Problem
from conduit_tui.tui.glyphs import UNICODE, Glyphs
from conduit_tui.tui.ink import Ink
from conduit_tui.tui.widgets.lines import Lines

LABEL = 13


class FieldRow(Horizontal):
    """One line: label, field, problem; a `wide` one takes the whole line, or some, and its problem stands elsewhere."""

    DEFAULT_CSS = f"""
    FieldRow {{ height: 1; }}
    FieldRow > .label {{ width: {LABEL + 1}; }}
    FieldRow > Input {{ width: 28; background: $surface; }}
    FieldRow > .problem {{ width: 1fr; }}
    FieldRow.-wide {{ height: auto; max-height: 3; }}
    FieldRow.-wide > Input {{ width: 1fr; }}
    FieldRow.-wide > .problem {{ display: none; }}
    FieldRow Input:ansi {{ background: transparent; text-style: underline; }}
    FieldRow Input:ansi > .input--selection {{ text-style: reverse; }}
    """

    def __init__(self, label: str, *fields: Widget, wide: bool = False) -> None:
        super().__init__(classes="-wide" if wide else None)
        self._label = label
        self._fields = fields

    def compose(self) -> ComposeResult:
        yield Lines([((f" {self._label}", Ink.MUTED),)], classes="label")
        yield from self._fields
        yield Lines(classes="problem")

    def say(self, problem: Problem | None, *, hint: bool = False) -> None:
        """What is wrong with the field, or nothing; as a `hint` what is to stand there."""
        ink = Ink.MUTED if hint else Ink.WARN if problem and problem.warning else Ink.BAD
        mark = " " if hint else "!" if problem and problem.warning else "✗"
        self.query_one(".problem", Lines).show([((f"  {mark} ", ink), (problem.message, ink))] if problem else [()])


class TextInput(Input):
    """A plain line to type into; enter goes to the next field, and saves where it is the only one.

    What stands in one to `type_over` is selected when it gets the focus: the first key takes its place.
    """

    def __init__(self, value: str, *, widget_id: str, type_over: bool = False) -> None:
        super().__init__(value, id=widget_id, compact=True, select_on_focus=type_over)
        self.cursor_blink = False

    async def action_submit(self) -> None:
        if self.screen.focus_chain == [self]:
            await self.screen.run_action("save")
        else:
            self.screen.focus_next()


class Toggle(Lines, can_focus=True):
    """A choice between a few words: space or an arrow goes on to the next."""

    DEFAULT_CSS = "Toggle { width: 28; height: 1; }"

    class Changed(Message):
        """The choice is another."""

    def __init__(self, choices: tuple[str, ...], value: str, *, mark: bool = False, widget_id: str) -> None:
        super().__init__(widget_id=widget_id)
        self._choices = choices
        self._mark = mark
        self.value = value

    def on_mount(self) -> None:
        self._draw()

    def choose(self, value: str) -> None:
        """Make it another one of the choices, without telling of it."""
        if value not in self._choices:
            self._choices = (*self._choices, value)
        self.value = value
        self._draw()

    def _draw(self) -> None:
        glyphs = cast("Glyphs", getattr(self.app, "glyphs", UNICODE))
        first = self.value == self._choices[0]
        mark = f"{glyphs.on if first else glyphs.off} " if self._mark else ""
        hint = "  space changes" if self.has_focus else ""
        self.show([((f"{mark}{self.value}", Ink.TEXT), (hint, Ink.MUTED))])

    def ground(self, at: int) -> Style:
        return self.palette[Ink.CURSOR] if self.has_focus else self.base

    def on_focus(self, event: events.Focus) -> None:
        self.call_later(self._draw)  # it does not have the focus yet while it is told that it gets it
        self.refresh()

    def on_blur(self, event: events.Blur) -> None:
        self.call_later(self._draw)  # and still has it while it is told that it loses it
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            self.screen.focus_next()
        elif event.key in ("space", "left", "right"):
            event.stop()
            here = self._choices.index(self.value)
            self.value = self._choices[(here + (-1 if event.key == "left" else 1)) % len(self._choices)]
            self._draw()
            self.post_message(self.Changed())
