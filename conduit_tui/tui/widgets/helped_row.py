"""A field with a line under it: what it is for or, in its place, what is wrong with what stands there."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from conduit_tui.routing.validation import Problem
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import Ink, Line
from conduit_tui.tui.widgets.lines import Lines

LABEL = 20


class HelpedRow(Vertical):
    """Two lines, so that nothing moves when there is something to say."""

    DEFAULT_CSS = f"""
    HelpedRow {{ height: 2; }}
    HelpedRow > Horizontal {{ height: 1; }}
    HelpedRow .label {{ width: {LABEL}; }}
    HelpedRow Input {{ width: 44; background: $surface; }}
    HelpedRow Toggle {{ width: 44; }}
    HelpedRow > .help {{ height: 1; }}
    HelpedRow Input:ansi {{ background: transparent; text-style: underline; }}
    """

    def __init__(self, label: str, field: Widget, help_text: str) -> None:
        super().__init__()
        self._label = label
        self._field = field
        self._help = help_text

    @property
    def field_id(self) -> str:
        """The field's id."""
        return self._field.id or ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Lines([((f" {self._label}", Ink.TEXT),)], classes="label")
            yield self._field
        yield Lines([self._line(None)], classes="help")

    def say(self, problem: Problem | None) -> None:
        """What is wrong with the field, or nothing."""
        self.query_one(".help", Lines).show([self._line(problem)])

    def _line(self, problem: Problem | None) -> Line:
        if problem is None:
            return ((f"{' ' * LABEL}{self._help}", Ink.MUTED),)
        ink = Ink.WARN if problem.warning else Ink.BAD
        return ((f"{' ' * (LABEL - 2)}{'!' if problem.warning else '✗'} {clean(problem.message)}", ink),)
