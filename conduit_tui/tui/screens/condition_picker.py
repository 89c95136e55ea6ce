"""One condition, picked in three steps: field, operator, value."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from conduit_tui.domain.rules import Condition
from conduit_tui.routing.completion import Completion, complete
from conduit_tui.routing.expression import ExpressionError, condition_text, parse
from conduit_tui.routing.fields import Kind, find
from conduit_tui.routing.lexer import quote
from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.leaving import LeavesOnce
from conduit_tui.tui.widgets.lines import Lines, PickLines

STEPS = ("field", "operator", "value")
MOST = 10

_KEYS = (
    ("↓  ↑", "To the next that is offered, and the one before"),
    ("enter tab", "Take it, and go on to operator and value"),
    ("esc", "Back a step; at the first, leave the condition as it was"),
)


class ConditionPicker(ModalScreen[Condition | None], LeavesOnce[Condition | None]):
    """Typing narrows what is offered; enter takes it and goes on, esc goes back a step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", priority=True),
        Binding("f1", "help", "Help"),
    ]

    def __init__(self, condition: Condition | None, models: Sequence[str]) -> None:
        super().__init__()
        self._models = models
        self._parts = ["", "", ""]
        if condition is not None:
            value = condition.value
            self._parts = [condition.field, condition.operator, value if isinstance(value, str) else repr(value)]
        self._step = 2 if condition is not None else 0

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Lines(widget_id="picker-title")
            yield Input(compact=True, id="picker-input", select_on_focus=False)
            yield Lines(widget_id="picker-problem")
            yield PickLines(widget_id="picker-choices")

    def on_mount(self) -> None:
        self._begin()

    def action_help(self) -> None:
        """What a condition is made of, and the keys here."""
        from conduit_tui.tui.screens.help import HelpScreen

        words = "A condition compares a field of the request with a value. Typing narrows what is offered."
        self.app.push_screen(HelpScreen("Condition", words, keys=_KEYS))

    @property
    def _line(self) -> Input:
        return self.query_one(Input)

    def _begin(self) -> None:
        """Begin the step that is due."""
        step = STEPS[self._step]
        done = " ".join(self._parts[: self._step])
        hint = {"field": "what of the request?", "operator": "how compared?", "value": "with what?"}[step]
        title: list[Line] = [((f"Condition: {done}", Ink.STRONG), (f"  {hint}", Ink.MUTED)), BLANK]
        self.query_one("#picker-title", Lines).show(title)
        self._line.cursor_blink = False
        self._line.value = self._parts[self._step] if step == "value" else ""
        self._line.cursor_position = len(self._line.value)
        self._line.focus()
        self._offer()

    def _offers(self) -> list[Completion]:
        typed = self._line.value
        before = " ".join(quote(part) if number == 2 else part for number, part in enumerate(self._parts[: self._step]))
        text = f"{before} " if before else ""
        found = complete(text + typed, len(text + typed), models=self._models)
        if self._step == 0:
            return [each for each in found if each.text != "not"]
        return found if self._step == 1 or not typed.endswith(" ") else []

    def _offer(self) -> None:
        offers = self._offers()
        choices = self.query_one("#picker-choices", PickLines)
        # At the value the cursor begins nowhere: what was typed is meant, unless an arrow says otherwise.
        choices.cursor = -1
        choices.show_targets(
            [(((f" {each.text:<14}", Ink.TEXT), (f"  {each.help}", Ink.MUTED)), each.text) for each in offers[:MOST]]
        )
        choices.cursor = -1 if self._step == 2 and self._line.value else (0 if offers else -1)
        self._say(None)

    def _say(self, problem: str | None) -> None:
        more = f"   {problem}" if problem else ""
        self.query_one("#picker-problem", Lines).show([((more, Ink.BAD),)])

    def on_input_changed(self, event: Input.Changed) -> None:
        self._offer()

    async def on_key(self, event: events.Key) -> None:
        if event.key in ("down", "up"):
            choices = self.query_one("#picker-choices", PickLines)
            if choices.cursor < 0 and choices.lines:
                choices.cursor = 0
            else:
                choices.move(1 if event.key == "down" else -1)
        elif event.key in ("enter", "tab"):
            self._next()
        else:
            return
        event.stop()
        event.prevent_default()

    def _next(self) -> None:
        chosen = self.query_one("#picker-choices", PickLines).target
        typed = self._line.value.strip()
        part = chosen if chosen is not None else typed
        if not part:
            return
        if self._step < 2:
            if part.endswith("."):  # a header or metadata still needs its name
                self._line.value = part
                self._line.cursor_position = len(part)
                return
            if self._step == 0 and find(part) is None:
                self._say(self._problem(f"{part} = x"))
                return
            self._parts[self._step] = part
            self._step += 1
            self._begin()
            return
        text = f"{self._parts[0]} {self._parts[1]} {self._value(part, taken=chosen is not None)}"
        problem = self._problem(text)
        if problem:
            self._say(problem)
            return
        (condition,) = parse(text).rules
        assert isinstance(condition, Condition), condition_text
        self.dismiss(condition)

    def _value(self, typed: str, *, taken: bool) -> str:
        """What was typed as a value of the language: text in quotes, numbers as they are."""
        field = find(self._parts[0])
        if taken or (field is not None and field.kind is Kind.NUMBER):
            return typed
        if len(typed) > 1 and typed[0] == typed[-1] == '"':
            return typed
        is_number = field is not None and field.kind is Kind.OPEN and typed.replace(".", "", 1).isdigit()
        return typed if is_number else quote(typed)

    @staticmethod
    def _problem(text: str) -> str:
        try:
            parse(text)
        except ExpressionError as error:
            return error.message
        return ""

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        self._next()

    def action_back(self) -> None:
        if self._step == 0 or (self._parts[2] and self._step == 2):
            self.dismiss(None)
        else:
            self._step -= 1
            self._begin()
