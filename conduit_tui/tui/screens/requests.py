"""Screen 2, Requests: a live log that never lags or fights the reader."""

import asyncio
from collections.abc import Callable

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Vertical

from conduit_tui.domain.live import InFlight
from conduit_tui.store.interface import Reader, UsageFilter
from conduit_tui.tui import filter as filters
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.format import age, count
from conduit_tui.tui.ink import Ink, Part
from conduit_tui.tui.screens.filtered import FilteredScreen
from conduit_tui.tui.state import AppState
from conduit_tui.tui.usage_pages import PAGE, UsagePages
from conduit_tui.tui.views.usage_row import GONE, UsageLine, shorten
from conduit_tui.tui.widgets.chrome import Rule
from conduit_tui.tui.widgets.exchange_view import ExchangeView
from conduit_tui.tui.widgets.filter_bar import FilterBar
from conduit_tui.tui.widgets.lines import Lines
from conduit_tui.tui.widgets.usage_list import UsageList

PANE_PAUSE_SECONDS = 0.08
PANE_FROM = (100, 34)  # columns and rows from which the detail has a pane of its own
MOST_FLIGHTS = 50


class RequestsScreen(FilteredScreen):
    """Every attempt that was made, newest last, and what is under way."""

    SCOPES = (Scope.REQUESTS, Scope.LISTS)
    TAB = "requests"
    BINDINGS = bindings(Scope.REQUESTS)
    AUTO_FOCUS = "UsageList"
    HELP_TEXT = (
        "The list follows its end while the cursor is there; anywhere else it stays still and counts what came. "
        "The filter takes words (anywhere in model, project, session, agent, provider, error or reason) and "
        "model:opus  status:429  status:4xx  status:error  project:docs  session:ID. Quote what holds blanks. "
        'It also takes the language of rules with the log\'s fields: model contains "opus" and cost > 0.05.'
    )

    def __init__(self) -> None:
        super().__init__()
        self._pages: UsagePages[UsageLine] = UsagePages(shorten, GONE)
        self._reading = False
        self._searching = False
        self._back: Callable[[], object] | None = None  # to the screen that asked for the filter

    def compose_content(self) -> ComposeResult:
        yield FilterBar()
        yield Lines(widget_id="list-head")
        yield UsageList(
            self._pages, self.conduit.now, self.conduit.glyphs, lean=self.conduit.profile.lean, widget_id="requests"
        )
        with Vertical(id="pane"):
            yield Rule(self.conduit.glyphs)
            yield ExchangeView(brief=True)

    @property
    def rows(self) -> UsageList:
        return self.query_one(UsageList)

    @property
    def pages(self) -> UsagePages[UsageLine]:
        return self._pages

    # What comes in

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        flights = state.live.in_flight if state.live and state.serving else ()
        where = self._pages.where
        mine = [flight for flight in flights if _matches(flight, where)][-MOST_FLIGHTS:]
        self.rows.show_flights(sorted(mine, key=lambda flight: flight.started_at))
        self.rows.tick()

    def data_changed(self) -> None:
        if not self._pages.opened or self._pages.where != self._wanted():
            self._open()
        else:
            self._read_on()

    def _wanted(self) -> UsageFilter:
        try:
            return filters.parse(self.filter_text, self.conduit.state.project)
        except filters.FilterError:
            return self._pages.where

    def set_filter(self, text: str, back: Callable[[], object]) -> None:
        """Show only what matches; esc clears it and goes `back`."""
        self.filter_text, self._back = text, back
        self.show_keys()
        self._open()

    @property
    def clear_label(self) -> str:
        return "clear" if self._back is None else "back"

    def stay(self) -> None:
        """Whoever goes elsewhere by other ways does not want to be led back."""
        if self._back is not None:
            self._back = None
            self.show_keys()

    def action_clear(self) -> None:
        back, self._back = self._back, None
        super().action_clear()
        if back is not None:
            back()

    @work(group="requests-open", exclusive=True, exit_on_error=False)
    async def _open(self, pause: float = 0) -> None:
        try:
            where = filters.parse(self.filter_text, self.conduit.state.project)
            self.filter_error = ""
        except filters.FilterError as error:
            self.filter_error = str(error)
            self._say()
            return
        if self.conduit.reader is None:
            return
        await asyncio.sleep(pause)
        self._searching = True
        try:
            if await self._pages.open(self.conduit.reader, where):
                self.rows.reset()
                self.show_state(self.conduit.state)  # what is under way is filtered too
        finally:
            self._searching = False
        self._read_on()

    @work(group="requests-read", exit_on_error=False)
    async def _read_on(self) -> None:
        if self._reading:
            return
        self._reading = True
        try:
            while (reader := self.conduit.reader) is not None and (live := self.conduit.state.live) is not None:
                newest = live.last_usage_id
                before = len(self._pages)
                if await self._pages.read_on(reader, newest):
                    self.rows.grown(len(self._pages) - before)
                if newest >= (self.conduit.state.live or live).last_usage_id:
                    break
        finally:
            self._reading = False
        self._say()

    def on_paged_list_pages_wanted(self, event: UsageList.PagesWanted) -> None:
        if self.conduit.reader is not None:
            self._load(self.conduit.reader, event.numbers)

    @work(group="requests-load", exit_on_error=False)
    async def _load(self, reader: Reader, numbers: list[int]) -> None:
        for number in numbers:
            if await self._pages.load(reader, number):
                self.rows.page_came(number, PAGE)

    # What is said about it

    def on_paged_list_moved(self) -> None:
        self._say()
        if self.query_one("#pane").display:
            self._fill_pane()

    def _say(self) -> None:
        matching, total = len(self._pages), self._pages.total
        right: list[Part] = []
        if self.filter_error:
            right = [(f"{self.filter_error} ", Ink.BAD)]
        else:
            if not self._pages.opened:
                right.append(("reading " if self.conduit.reader else "no database yet ", Ink.MUTED))
            elif self._pages.where == UsageFilter():
                right.append((f"{count(total)} request{'' if total == 1 else 's'}", Ink.MUTED))
            else:
                right += [(count(matching), Ink.TEXT), (f" of {count(total)}", Ink.MUTED)]
            if self._pages.opened:
                glyphs = self.conduit.glyphs
                follows = self.rows.following
                mark = f"  {glyphs.on} follow " if follows else f"  {glyphs.off} paused "
                right.append((mark, Ink.ACCENT if follows else Ink.MUTED))
        self.bar.say(self.filter_words, right)
        self.query_one("#list-head", Lines).show([self.rows.head if len(self.rows) else ()])
        unseen = self.rows.unseen
        self.query_one("#rule", Rule).say(
            f"{self.conduit.glyphs.down} {count(unseen)} new  (G to follow)" if unseen else ""
        )
        self.rows.show_empty(self._empty_words())

    def _empty_words(self) -> str:
        if self.filter_error or self._searching or not self._pages.opened:
            return ""
        expression = self._pages.where.expression
        if expression is not None and "model" in self.filter_text and "routedModel" not in self.filter_text:
            return "Nothing matches. model is what was asked for; routedModel is what served it."
        if self._pages.where != UsageFilter():
            return "Nothing matches. esc clears the filter."
        return "No request yet. The Overview (1) says how to point a client here."

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        columns, rows = PANE_FROM
        self.query_one("#pane").display = event.size.width >= columns and event.size.height >= rows

    @work(group="requests-pane", exclusive=True, exit_on_error=False)
    async def _fill_pane(self) -> None:
        await asyncio.sleep(PANE_PAUSE_SECONDS)
        reader, row, at = self.conduit.reader, self.rows.row, self.rows.cursor
        pane = self.query_one(ExchangeView)
        if self.rows.flight is not None:
            pane.show_flight(self.rows.flight, self.conduit.now())
            return
        if reader is None or row is None:
            pane.show_exchange(None, ())
            return
        attempts = await reader.usage_of_exchange(row.exchange_id)
        this = self._pages.id_at(at) if at < len(self._pages) else 0
        pane.show_exchange(next((each for each in attempts if each.id == this), None), attempts)

    # What is asked

    def action_open(self) -> None:
        flight = self.rows.flight
        if flight is not None:
            since = age(self.conduit.now() - flight.started_at)
            self.notify(f"still under way, for {since}; its detail is here when it is done", markup=False)
        elif self.rows.row is not None:
            from conduit_tui.tui.screens.detail import DetailScreen

            self.app.push_screen(DetailScreen(self._pages, self.rows))

    def filter_changed(self, pause: float = 0.0) -> None:
        self._back = None
        self._open(pause)

    def say_filter(self) -> None:
        self._say()

    def focus_content(self) -> None:
        self.rows.focus()


def _matches(flight: InFlight, where: UsageFilter) -> bool:
    """Whether an exchange under way belongs into a filtered list, as far as is known before it has ended."""
    if where.status or where.expression is not None:
        return False
    if where.project not in ("", flight.project) or where.session not in ("", flight.session):
        return False
    if flight.started_at < where.since or 0 < where.until <= flight.started_at:
        return False
    models = f"{flight.requested_model}\n{flight.routed_model}".lower()
    if where.model.lower() not in models:
        return False
    told = f"{models}\n{flight.project}\n{flight.session}\n{flight.agent_type}\n{flight.provider}"
    return where.text.lower() in told.lower()
