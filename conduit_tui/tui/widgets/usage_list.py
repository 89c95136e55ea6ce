"""The Requests list: draws only the rows in sight, whatever the number of rows behind them."""

from collections.abc import Sequence

from textual import events

from conduit_tui.domain.live import InFlight
from conduit_tui.tui.format import Now
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Line
from conduit_tui.tui.usage_pages import UsagePages
from conduit_tui.tui.views.usage_row import COLUMNS, UsageLine, line_of, line_of_flight, waiting_line
from conduit_tui.tui.widgets.paged_list import PagedList


class UsageList(PagedList):
    """Rows oldest first, exchanges under way below them.

    It follows the end while the cursor is there; elsewhere it stays where it is and counts what came (`unseen`).
    """

    COLUMNS = COLUMNS

    def __init__(
        self, pages: UsagePages[UsageLine], now: Now, glyphs: Glyphs, *, lean: bool, widget_id: str | None = None
    ) -> None:
        super().__init__(pages, now, glyphs, lean=lean, widget_id=widget_id)
        self._rows = pages
        self._flights: Sequence[InFlight] = ()
        self.following = True
        self.unseen = 0

    def __len__(self) -> int:
        return len(self._rows) + len(self._flights)

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

    def tick(self) -> None:
        """Time has passed: exchanges under way have become older."""
        for at in range(len(self._rows), len(self)):
            if self.top <= at < self.top + self.size.height:
                self.refresh_row(at - self.top)

    def _changed(self, grown: int) -> None:
        end = max(0, len(self) - 1)
        if self.following:
            self.unseen = 0
            self.cursor = end
            self._set_top(self.last_top)
            self.refresh()
        else:
            self.unseen += grown
            self.cursor = min(self.cursor, end)
            seen_all = self.top + self.size.height <= len(self._rows) - grown
            if self.top > self.last_top:
                self._set_top(self.last_top)
                seen_all = False
            if not seen_all:
                self.refresh()
        self._want()
        self.post_message(self.Moved())

    def _gone(self) -> None:
        self.following = self.cursor == len(self) - 1
        if self.following:
            self.unseen = 0

    def on_resize(self, event: events.Resize) -> None:
        if self.following:
            self._set_top(self.last_top)

    def line(self, at: int) -> Line:
        rows = len(self._rows)
        if at >= rows:
            return line_of_flight(self._flights[at - rows], self._columns, self._now(), lean=self._quiet(at))
        shown = self._rows.row(at)
        if shown is None:
            return waiting_line(self._columns)
        return line_of(shown, self._columns, self._now(), lean=self._quiet(at))
