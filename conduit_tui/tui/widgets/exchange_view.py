"""One exchange in full, as a pane or as a screen's content."""

from collections.abc import Sequence
from typing import cast

from textual import events

from conduit_tui.domain.captures import Capture
from conduit_tui.domain.live import InFlight
from conduit_tui.domain.usage import StoredUsage
from conduit_tui.tui.glyphs import UNICODE, Glyphs
from conduit_tui.tui.ink import BLANK
from conduit_tui.tui.views import exchange, flight
from conduit_tui.tui.widgets.lines import Lines


class ExchangeView(Lines):
    """Title and sections, scrolled by `top`."""

    DEFAULT_CSS = "ExchangeView { height: 1fr; }"

    def __init__(self, *, brief: bool = False, widget_id: str | None = None) -> None:
        super().__init__(widget_id=widget_id)
        self._brief = brief
        self._attempt: StoredUsage | None = None
        self._attempts: Sequence[StoredUsage] = ()
        self._captures: Sequence[Capture] = ()
        self._flight: tuple[InFlight, int] | None = None
        self._starts: list[int] = []

    def show_exchange(
        self, attempt: StoredUsage | None, attempts: Sequence[StoredUsage], captures: Sequence[Capture] = ()
    ) -> None:
        """Show one attempt of an exchange; none for an empty pane."""
        if attempt is None or self._attempt is None or attempt.id != self._attempt.id:
            self.top = 0
        self._attempt, self._attempts, self._flight = attempt, attempts, None
        self._captures = captures
        self._draw()

    def show_flight(self, under_way: InFlight, now: int) -> None:
        """Show an exchange that is under way."""
        self._attempt, self._flight = None, (under_way, now)
        self.top = 0
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        self._draw()

    def next_section(self) -> None:
        """Scroll to where the next section begins; from the last one back to the top."""
        self.top = next((start for start in self._starts if start > self.top), 0) if self.top < self.last_top else 0

    def _draw(self) -> None:
        width = self.size.width
        if not width:
            return
        self._starts = []
        if self._flight is not None:
            self.show(flight.flight_lines(*self._flight, width))
            return
        if self._attempt is None:
            self.show([])
            return
        glyphs = cast("Glyphs", getattr(self.app, "glyphs", UNICODE))
        parts = exchange.sections(
            self._attempt, self._attempts, glyphs, width=width, brief=self._brief, captures=self._captures
        )
        body, starts = exchange.layout(parts, width)
        top = [*exchange.title_lines(self._attempt, len(self._attempts), width), BLANK]
        self._starts = [start + len(top) for start in starts]
        self.show([*top, *body])
