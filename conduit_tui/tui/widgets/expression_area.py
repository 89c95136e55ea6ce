"""The text form of a condition: wrapped, with its words told apart and the error marked where it is."""

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import TextArea

from conduit_tui.routing.completion import Completion, complete
from conduit_tui.routing.expression import ExpressionError
from conduit_tui.routing.lexer import KEYWORDS, TokenKind, tokens
from conduit_tui.tui.ink import Ink
from conduit_tui.tui.theme import known_palette
from conduit_tui.tui.widgets.suggestions import Suggesting

LONGEST_COLOURED = 4_000  # characters; each key draws all of them anew, which takes their square


class ExpressionArea(Suggesting, TextArea):
    """One expression. It tells of every change; whoever listens says what is wrong with `mark`."""

    DEFAULT_CSS = """
    ExpressionArea { height: auto; max-height: 3; border: none; padding: 0; background: $surface; }
    ExpressionArea:focus { border: none; }
    ExpressionArea:ansi { background: transparent; }
    """

    class Edited(Message):
        """The text is another."""

    def __init__(self, text: str, models: Sequence[str], *, widget_id: str) -> None:
        super().__init__(
            text, id=widget_id, soft_wrap=True, show_line_numbers=False, tab_behavior="focus", compact=True,
            highlight_cursor_line=False, placeholder='a condition, such as  agentType = "Explore"',
        )  # fmt: skip
        self.cursor_blink = False
        self._models = models
        self._error: ExpressionError | None = None
        self._quiet = text

    @property
    def position(self) -> int:
        """The cursor's place in the text."""
        return self.cursor_location[1]

    def write(self, text: str) -> None:
        """Replace the text; the cursor goes to its end, and nothing is suggested."""
        self._quiet = text
        self.replace(text, (0, 0), self.document.end)
        self.move_cursor(self.document.end)

    def mark(self, error: ExpressionError | None) -> None:
        """Underline what is wrong."""
        self._error = error
        self.notify_style_update()
        self.refresh()

    def column_of(self, position: int) -> int:
        """The cell, from the left, in which a place of the text is drawn."""
        return self.wrapped_document.location_to_offset((0, min(position, len(self.text)))).x

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self.document.line_count > 1:
            self.write(" ".join(self.text.splitlines()))  # as the area itself tells lines apart, whatever ends them
            return
        if self.has_focus and self.text != self._quiet:
            self._popup.offer(self, [each for each in self.suggestions() if self._is_wanted(each)])
        self._quiet = ""
        self.post_message(self.Edited())

    def suggestions(self) -> Sequence[Completion]:
        return complete(self.text, self.position, models=self._models)

    def _is_wanted(self, completion: Completion) -> bool:
        """Whether to offer it unasked: not behind a condition that is complete, where tab shall lead on."""
        begun = completion.start < self.position
        return begun or (completion.text not in KEYWORDS[:2] and self.text[self.position - 1 : self.position] in " (")

    def take(self, completion: Completion) -> None:
        text = completion.text
        follows = self.text[completion.end : completion.end + 1]
        if not follows and not text.endswith("."):
            text += " "
        self.replace(text, (0, completion.start), (0, completion.end))
        self.move_cursor((0, completion.start + len(text)))

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if len(line.plain) > LONGEST_COLOURED:
            return line
        palette = known_palette(self.app.theme)
        for token in tokens(line.plain):
            if token.keyword or token.kind is TokenKind.SYMBOL:
                line.stylize(palette[Ink.ACCENT], token.start, token.end)
            elif token.kind in (TokenKind.STRING, TokenKind.UNCLOSED):
                line.stylize(palette[Ink.STRONG], token.start, token.end)
        if (error := self._error) is not None:
            start = min(error.position, max(0, len(line.plain) - 1))
            line.stylize(palette[Ink.BAD], start, start + error.length)
            line.stylize("underline", start, start + error.length)
        return line

    def _on_focus(self, event: events.Focus) -> None:
        if not self.text:
            self.suggest()
