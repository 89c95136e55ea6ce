"""The Sessions list: the newest activity first, whatever the number of sessions."""

from collections.abc import Callable, Sequence

from conduit_tui.domain.live import InFlight
from conduit_tui.domain.sessions import SessionRow
from conduit_tui.tui.format import Now
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Line
from conduit_tui.tui.session_pages import SessionPages, View
from conduit_tui.tui.views.sessions import COLUMNS, line_of, waiting_line
from conduit_tui.tui.widgets.paged_list import PagedList


class SessionList(PagedList):
    """A line per session; the cursor stays on its session when that moves. `flights` finds what is under way of one."""

    COLUMNS = COLUMNS

    def __init__(
        self,
        pages: SessionPages,
        now: Now,
        glyphs: Glyphs,
        flights: Callable[[SessionRow], Sequence[InFlight]],
        *,
        lean: bool,
        widget_id: str | None = None,
    ) -> None:
        super().__init__(pages, now, glyphs, lean=lean, widget_id=widget_id)
        self._sessions = pages
        self._flights = flights
        self._drawn: list[Line] = []

    @property
    def row(self) -> SessionRow | None:
        """The session that the cursor is on, if it is here."""
        return self._sessions.row(self.cursor) if self.cursor < len(self._sessions) else None

    @property
    def view(self) -> View:
        """What is in sight."""
        return View(self.top, self.size.height, self.cursor)

    def renewed(self, view: View) -> None:
        """The rows have been read anew: go to where the cursor's session is now."""
        self.cursor = view.cursor
        top = min(view.top, view.cursor)
        self._set_top(max(top, view.cursor - self.size.height + 1))
        self.tick()
        self._want()
        self.post_message(self.Moved())

    def tick(self) -> None:
        """Time has passed, or something has begun or ended: paint the lines that say something else now."""
        top = self.top
        drawn = [self.line(at) for at in range(top, min(len(self), top + self.size.height))]
        before, self._drawn = self._drawn, drawn
        if len(drawn) != len(before):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, drawn, strict=True)):
            if old != new:
                self.refresh_row(y)

    def line(self, at: int) -> Line:
        row = self._sessions.row(at)
        if row is None:
            return waiting_line()
        return line_of(row, self._columns, self._flights(row), self._now(), quiet=self._quiet(at))
