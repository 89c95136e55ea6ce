"""The filter line above the Requests list: what is filtered, how many match, and whether the list follows."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.ink import Ink, Line, spread
from conduit_tui.tui.widgets.lines import Lines


class FilterInput(Input):
    """The line to type into."""

    SCOPES = (Scope.FILTER,)
    BINDINGS = bindings(*SCOPES)

    class Kept(Message):
        """The filter is to stay."""

    class Cleared(Message):
        """The filter is to go."""

    def action_keep(self) -> None:
        self.post_message(self.Kept())

    def action_clear(self) -> None:
        self.post_message(self.Cleared())


class FilterBar(Horizontal):
    """Shows the filter; `edit` makes it a line to type into."""

    DEFAULT_CSS = """
    FilterBar { height: 1; }
    FilterBar > #prompt { width: 3; height: 1; display: none; }
    FilterBar > FilterInput { width: 1fr; height: 1; border: none; padding: 0; background: transparent; display: none; }
    FilterBar > #filter-words { width: 1fr; height: 1; }
    FilterBar.-editing > #prompt { display: block; }
    FilterBar.-editing > FilterInput { display: block; }
    FilterBar.-editing > #filter-words { width: 50%; }
    """

    def __init__(self, placeholder: str = "words  model:  status:4xx  project:  session:") -> None:
        super().__init__()
        self._placeholder = placeholder
        self._left: Line = ()
        self._right: Line = ()

    def compose(self) -> ComposeResult:
        yield Lines([((" / ", Ink.ACCENT),)], widget_id="prompt")
        yield FilterInput(placeholder=self._placeholder, compact=True, select_on_focus=False)
        yield Lines(widget_id="filter-words")

    @property
    def editing(self) -> bool:
        return self.has_class("-editing")

    @property
    def input(self) -> FilterInput:
        return self.query_one(FilterInput)

    def edit(self, text: str) -> None:
        """Begin to type."""
        self.add_class("-editing")
        self.input.cursor_blink = False
        self.input.value = text
        self.input.cursor_position = len(text)
        self.input.focus()

    def leave(self) -> None:
        """Typing is over."""
        self.remove_class("-editing")

    def say(self, left: Line, right: Line) -> None:
        """What stands there: the filter on the left (while nobody types), counts on the right."""
        self._left, self._right = left, right
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        words = self.query_one("#filter-words", Lines)
        if self.editing:
            words.show([spread((), self._right, self.size.width // 2)])
        else:
            words.show([spread(self._left, self._right, self.size.width)])
