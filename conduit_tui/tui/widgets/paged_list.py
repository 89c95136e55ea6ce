"""A list of any length that draws only the rows in sight and asks for them in pages."""

from typing import ClassVar, Protocol

from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.format import Now
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Ink, Line, draw
from conduit_tui.tui.table import Column, fit, head
from conduit_tui.tui.widgets.lines import Lines

MARGIN = 1
WHEEL_ROWS = 3


class Pages(Protocol):
    """The rows behind a list."""

    def __len__(self) -> int: ...

    def wanted(self, first: int, last: int) -> list[int]:
        """The pages that these places need and nobody was asked for yet; now they count as asked for."""
        ...


class PagedList(Lines, can_focus=True):
    """A cursor on rows that come in pages.

    It keeps its own offset instead of a growing virtual size, so that a new row is one frame. A kind of list says what
    its `COLUMNS` are and what stands in a `line`.
    """

    DEFAULT_CSS = "PagedList { height: 1fr; }"
    BINDINGS = bindings(Scope.LISTS)
    COLUMNS: ClassVar[tuple[Column, ...]] = ()

    class PagesWanted(Message):
        """Rows in sight are not here yet."""

        def __init__(self, numbers: list[int]) -> None:
            super().__init__()
            self.numbers = numbers

    class Moved(Message):
        """The cursor is elsewhere, or what it is on is another."""

    def __init__(self, pages: Pages, now: Now, glyphs: Glyphs, *, lean: bool, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._behind = pages
        self._now = now
        self._glyphs = glyphs
        self._lean = lean
        self._columns: tuple[Column, ...] = self.COLUMNS
        self._empty = ""
        self.cursor = 0

    def __len__(self) -> int:
        return len(self._behind)

    def line(self, at: int) -> Line:
        """What stands at a place of the list."""
        raise NotImplementedError

    @property
    def last_top(self) -> int:
        return max(0, len(self) - self.size.height)

    @property
    def head(self) -> Line:
        """The column titles."""
        return ((" " * MARGIN + head(self._columns), Ink.TITLE),)

    def show_empty(self, words: str) -> None:
        """What to say while there is no row."""
        if words != self._empty:
            self._empty = words
            if not len(self):
                self.refresh()

    def page_came(self, number: int, size: int) -> None:
        """A page is here."""
        if self._sees(number * size, (number + 1) * size):
            self.refresh()
            if number * size <= self.cursor < (number + 1) * size:
                self.post_message(self.Moved())

    def _sees(self, first: int, end: int) -> bool:
        return first < self.top + self.size.height and end > self.top

    def _want(self) -> None:
        height = self.size.height
        numbers = self._behind.wanted(self.top - height, self.top + 2 * height)
        if numbers:
            self.post_message(self.PagesWanted(numbers))

    def _set_top(self, top: int) -> None:
        """Begin with another row, without painting."""
        self.set_reactive(PagedList.top, self.validate_top(top))

    # Moving

    def _go(self, cursor: int, top: int | None = None) -> None:
        if not len(self):
            return
        before, old_top = self.cursor, self.top
        self.cursor = max(0, min(len(self) - 1, cursor))
        new_top = self.top if top is None else top
        new_top = min(new_top, self.cursor)
        self._set_top(max(new_top, self.cursor - self.size.height + 1))
        self._gone()
        if self.top != old_top:
            self.refresh()
        elif self.cursor != before:
            self.refresh_row(before - self.top)
            self.refresh_row(self.cursor - self.top)
        self._want()
        self.post_message(self.Moved())

    def _gone(self) -> None:
        """The cursor has been moved."""

    def action_move(self, by: int) -> None:
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        step = by * max(1, self.size.height - 1)
        self._go(self.cursor + step, self.top + step)

    def action_half_page(self, by: int) -> None:
        step = by * max(1, self.size.height // 2)
        self._go(self.cursor + step, self.top + step)

    def action_top(self) -> None:
        self._go(0)

    def action_bottom(self) -> None:
        self._go(len(self) - 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._wheel(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._wheel(-WHEEL_ROWS)

    def _wheel(self, by: int) -> None:
        top = self.validate_top(self.top + by)
        if top == self.last_top and by > 0:
            self._go(len(self) - 1)
        else:
            self._go(max(top, min(self.cursor, top + self.size.height - 1)), top)

    def on_click(self, event: events.Click) -> None:
        at = self.top + event.y
        if at < len(self):
            self._go(at)

    # Drawing

    def on_resize(self, event: events.Resize) -> None:
        self._columns = fit(self.COLUMNS, event.size.width - 2 * MARGIN)
        lowest = max(0, self.cursor - event.size.height + 1)
        self._set_top(max(lowest, min(self.top, self.cursor)))
        self._want()
        self.post_message(self.Moved())
        self.refresh()

    def ground(self, at: int) -> Style:
        return self.palette[Ink.CURSOR] if at == self.cursor else self.base

    def _quiet(self, at: int) -> bool:
        """Whether a line is drawn in one ink: where bytes count, and under the cursor."""
        return self._lean or at == self.cursor

    def render_line(self, y: int) -> Strip:
        at = y + self.top
        width = self.size.width
        if not len(self):
            words = ((" " * MARGIN + self._empty, Ink.MUTED),) if y == 1 else ()
            return draw(words, width, self.palette, self.base)
        line: Line = self.line(at) if at < len(self) else ()
        strip = draw(line, width, self.palette, self.ground(at))
        if y in self._thumb():
            return Strip(
                [
                    *strip.crop(0, width - 1),
                    *draw(((self._glyphs.thumb, Ink.FAINT),), 1, self.palette, self.ground(at)),
                ],
                width,
            )
        return strip

    def _thumb(self) -> range:
        height, rows = self.size.height, len(self)
        if rows <= height or height < 3:
            return range(0)
        long = max(1, height * height // rows)
        first = round((height - long) * self.top / max(1, self.last_top))
        return range(first, first + long)
