"""The Requests list: draws only the rows in sight, whatever the number of rows behind them."""

from collections.abc import Sequence

from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from conduit_tui.domain.live import InFlight
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.format import Now
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Ink, Line, draw
from conduit_tui.tui.table import Column, fit, head
from conduit_tui.tui.usage_pages import UsagePages
from conduit_tui.tui.views.usage_row import COLUMNS, MARGIN, UsageLine, line_of, line_of_flight, waiting_line
from conduit_tui.tui.widgets.lines import Lines

WHEEL_ROWS = 3


class UsageList(Lines, can_focus=True):
    """Rows oldest first, exchanges under way below them.

    It keeps its own offset instead of a growing virtual size, so that a new row is one frame. It follows the end while
    the cursor is there; elsewhere it stays where it is and counts what came (`unseen`).
    """

    DEFAULT_CSS = "UsageList { height: 1fr; }"
    BINDINGS = bindings(Scope.LISTS)

    class PagesWanted(Message):
        """Rows in sight are not here yet."""

        def __init__(self, numbers: list[int]) -> None:
            super().__init__()
            self.numbers = numbers

    class Moved(Message):
        """The cursor is elsewhere, or the list follows or ceases to."""

    def __init__(
        self, pages: UsagePages[UsageLine], now: Now, glyphs: Glyphs, *, lean: bool, widget_id: str | None = None
    ) -> None:
        super().__init__(widget_id=widget_id)
        self._rows = pages
        self._now = now
        self._glyphs = glyphs
        self._lean = lean
        self._flights: Sequence[InFlight] = ()
        self._columns: tuple[Column, ...] = COLUMNS
        self.cursor = 0
        self.following = True
        self.unseen = 0
        self._empty = ""

    def __len__(self) -> int:
        return len(self._rows) + len(self._flights)

    @property
    def last_top(self) -> int:
        return max(0, len(self) - self.size.height)

    @property
    def head(self) -> Line:
        """The column titles."""
        return ((" " * MARGIN + head(self._columns), Ink.TITLE),)

    @property
    def flight(self) -> InFlight | None:
        """The exchange under way that the cursor is on, if it is on one."""
        at = self.cursor - len(self._rows)
        return self._flights[at] if 0 <= at < len(self._flights) else None

    @property
    def row(self) -> UsageLine | None:
        """The row that the cursor is on, if it is here."""
        return self._rows.row(self.cursor) if self.cursor < len(self._rows) else None

    # What comes in

    def reset(self) -> None:
        """The rows are others now: go to their end."""
        self.following = True
        self._changed(0)

    def grown(self, by: int) -> None:
        """So many rows have come below."""
        self._changed(by)

    def show_flights(self, flights: Sequence[InFlight]) -> None:
        """Replace the exchanges under way."""
        if flights != self._flights:
            before, self._flights = self._flights, flights
            if self.following or len(flights) < len(before) or self._sees(len(self._rows), len(self)):
                self._changed(0)

    def show_empty(self, words: str) -> None:
        """What to say while there is no row."""
        if words != self._empty:
            self._empty = words
            if not len(self):
                self.refresh()

    def tick(self) -> None:
        """Time has passed: exchanges under way have become older."""
        for at in range(len(self._rows), len(self)):
            if self.top <= at < self.top + self.size.height:
                self.refresh_row(at - self.top)

    def page_came(self, number: int, size: int) -> None:
        """A page is here."""
        if self._sees(number * size, (number + 1) * size):
            self.refresh()
            if number * size <= self.cursor < (number + 1) * size:
                self.post_message(self.Moved())

    def _sees(self, first: int, end: int) -> bool:
        return first < self.top + self.size.height and end > self.top

    def _changed(self, grown: int) -> None:
        end = max(0, len(self) - 1)
        if self.following:
            self.unseen = 0
            self.cursor = end
            self.set_reactive(UsageList.top, self.last_top)
            self.refresh()
        else:
            self.unseen += grown
            self.cursor = min(self.cursor, end)
            seen_all = self.top + self.size.height <= len(self._rows) - grown
            if self.top > self.last_top:
                self.set_reactive(UsageList.top, self.last_top)
                seen_all = False
            if not seen_all:
                self.refresh()
        self._want()
        self.post_message(self.Moved())

    # Moving

    def _go(self, cursor: int, top: int | None = None) -> None:
        if not len(self):
            return
        before, old_top = self.cursor, self.top
        self.cursor = max(0, min(len(self) - 1, cursor))
        new_top = self.top if top is None else top
        new_top = min(new_top, self.cursor)
        new_top = max(new_top, self.cursor - self.size.height + 1)
        self.set_reactive(UsageList.top, self.validate_top(new_top))
        self.following = self.cursor == len(self) - 1
        if self.following:
            self.unseen = 0
        if self.top != old_top:
            self.refresh()
        elif self.cursor != before:
            self.refresh_row(before - self.top)
            self.refresh_row(self.cursor - self.top)
        self._want()
        self.post_message(self.Moved())

    def _want(self) -> None:
        height = self.size.height
        numbers = self._rows.wanted(self.top - height, self.top + 2 * height)
        if numbers:
            self.post_message(self.PagesWanted(numbers))

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
        self._columns = fit(COLUMNS, event.size.width - 2 * MARGIN)
        if self.following:
            self.set_reactive(UsageList.top, self.last_top)
        else:
            lowest = max(0, self.cursor - event.size.height + 1)
            self.set_reactive(UsageList.top, self.validate_top(max(lowest, min(self.top, self.cursor))))
        self._want()
        self.post_message(self.Moved())
        self.refresh()

    def ground(self, at: int) -> Style:
        return self.palette[Ink.CURSOR] if at == self.cursor else self.base

    def line(self, at: int) -> Line:
        """What stands at a place of the list."""
        rows = len(self._rows)
        lean = self._lean or at == self.cursor
        if at >= len(self):
            return ()
        if at >= rows:
            return line_of_flight(self._flights[at - rows], self._columns, self._now(), lean=lean)
        shown = self._rows.row(at)
        return waiting_line(self._columns) if shown is None else line_of(shown, self._columns, self._now(), lean=lean)

    def render_line(self, y: int) -> Strip:
        at = y + self.top
        width = self.size.width
        if not len(self):
            words = ((" " * MARGIN + self._empty, Ink.MUTED),) if y == 1 else ()
            return draw(words, width, self.palette, self.base)
        strip = draw(self.line(at), width, self.palette, self.ground(at))
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
