"""Sessions, a view of Requests: what each agent works on, what it costs, and the switch that stops it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Vertical

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.sessions import SessionFilter
from conduit_tui.store.interface import StoreError
from conduit_tui.tui import filter as filters
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.format import count
from conduit_tui.tui.ink import Ink, Part
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.filtered import FilteredScreen
from conduit_tui.tui.session_pages import PAGE, SessionPages
from conduit_tui.tui.state import AppState, flights_of
from conduit_tui.tui.views import names
from conduit_tui.tui.views.sessions import Told, pane_lines
from conduit_tui.tui.widgets.chrome import Rule
from conduit_tui.tui.widgets.filter_bar import FilterBar
from conduit_tui.tui.widgets.lines import Lines
from conduit_tui.tui.widgets.paged_list import PagedList
from conduit_tui.tui.widgets.session_list import SessionList

if TYPE_CHECKING:
    from conduit_tui.domain.live import InFlight
    from conduit_tui.domain.sessions import SessionRow
    from conduit_tui.store.interface import Reader

LOCAL_PAUSE_SECONDS = 1.0
LEAN_PAUSE_SECONDS = 3.0
REST = 9  # times as long as it took to read, so that a million sessions cost a tenth of a core at most
REST_SECONDS = 0.6
PANE_PAUSE_SECONDS = 0.08
SMALL_PANE, LARGE_PANE = 8, 14  # rows
LARGE_FROM = 34  # rows of the screen


class SessionsScreen(FilteredScreen):
    """Live and past sessions, the newest activity first."""

    SCOPES = (Scope.SESSIONS, Scope.LISTS)
    TAB = "requests"
    BINDINGS = bindings(Scope.SESSIONS)
    AUTO_FOCUS = "SessionList"
    HELP_TEXT = (
        "A prompt is a turn of the user: what an agent sends on by itself while it works is part of it. x stops a "
        "session: what is under way ends, further requests are refused with your reason, and clients do not try again. "
        "The filter takes words (anywhere in project, session, client, models or agent types) and model:  project:  "
        "session:  since:. Requests without a session are in Requests only."
    )

    def __init__(self) -> None:
        super().__init__()
        self._pages = SessionPages()
        self._stale = False
        self._told: Told | None = None
        self._project = ""

    def compose_content(self) -> ComposeResult:
        yield FilterBar("words  model:  project:  session:  since:")
        yield Lines(widget_id="list-head")
        yield SessionList(
            self._pages,
            self.conduit.now,
            self.conduit.glyphs,
            self._flights,
            lean=self.conduit.profile.lean,
            widget_id="sessions",
        )
        with Vertical(id="session-pane"):
            yield Rule(self.conduit.glyphs)
            yield Lines(widget_id="session-detail")

    @property
    def rows(self) -> SessionList:
        return self.query_one(SessionList)

    def _flights(self, row: SessionRow) -> list[InFlight]:
        return flights_of(self.conduit.state, row.project, row.session)

    # What comes in

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        self.rows.tick()
        self._show_pane()

    def data_changed(self) -> None:
        self._stale = True
        if self.conduit.state.project != self._project or not self._pages.opened:
            self._project = self.conduit.state.project
            self._read()
        elif not any(worker.group == "sessions" and not worker.is_finished for worker in self.workers):
            self._read()

    @work(group="sessions", exclusive=True, exit_on_error=False)
    async def _read(self, pause: float = 0) -> None:
        """Read until nothing is stale, with a pause between."""
        await asyncio.sleep(pause)
        self._stale = True
        while self._stale and (reader := self.conduit.reader) is not None and self.is_current:
            self._stale = False
            began = time.monotonic()
            where = self._where()
            if where is not None:
                live = self.conduit.state.live
                flights = live.in_flight if live is not None and self.conduit.state.serving else ()
                view = await self._pages.refresh(reader, where, flights, self.rows.view)
                if view is not None:
                    self.rows.renewed(view)
                self._fill_pane()
            self._say()
            pause = LEAN_PAUSE_SECONDS if self.conduit.profile.lean else LOCAL_PAUSE_SECONDS
            await asyncio.sleep(max(pause, REST * (time.monotonic() - began)))

    def _where(self) -> SessionFilter | None:
        """What the filter line says; None, with what is wrong said, where it cannot be read."""
        try:
            found = filters.parse(self.filter_text, self.conduit.state.project)
            if found.status or found.until or found.expression is not None:
                raise filters.FilterError("sessions are filtered by words, model: project: session: since:")
        except filters.FilterError as error:
            self.filter_error = str(error)
            return None
        self.filter_error = ""
        return SessionFilter(found.text, found.model, found.project, found.session, found.since)

    def on_paged_list_pages_wanted(self, event: PagedList.PagesWanted) -> None:
        if self.conduit.reader is not None:
            self._load(self.conduit.reader, event.numbers)

    @work(group="sessions-load", exit_on_error=False)
    async def _load(self, reader: Reader, numbers: list[int]) -> None:
        for number in numbers:
            if await self._pages.load(reader, number):
                self.rows.page_came(number, PAGE)

    # What is said about it

    def on_paged_list_moved(self) -> None:
        self._say()
        self._fill_pane()

    def _say(self) -> None:
        right: list[Part] = []
        if self.filter_error:
            right = [(f"{self.filter_error} ", Ink.BAD)]
        elif not self._pages.opened:
            right = [("reading " if self.conduit.reader else "no database yet ", Ink.MUTED)]
        else:
            number = len(self._pages)
            right = [(f"{count(number)} session{'s' if number != 1 else ''} ", Ink.MUTED)]
            if self._pages.stopped:
                right.insert(0, (f"{count(self._pages.stopped)} stopped  ", Ink.BAD))
        self.bar.say(self.filter_words, right)
        self.query_one("#list-head", Lines).show([self.rows.head if len(self.rows) else ()])
        self.rows.show_empty(self._empty_words())
        self.query_one("#session-pane").display = bool(len(self.rows))

    def _empty_words(self) -> str:
        if self.filter_error or not self._pages.opened:
            return ""
        if self.filter_text:
            return "Nothing matches. esc clears the filter."
        return "No session yet: clients name theirs. The Overview (1) says how to begin."

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.query_one("#session-pane").styles.height = LARGE_PANE if event.size.height >= LARGE_FROM else SMALL_PANE

    @work(group="sessions-pane", exclusive=True, exit_on_error=False)
    async def _fill_pane(self) -> None:
        reader, row = self.conduit.reader, self.rows.row
        if reader is None or row is None:
            self._told = None
            self._show_pane()
            return
        if self._told is None or self._told.row.id != row.id:
            if self._told is not None and self.conduit.profile.lean:
                await asyncio.sleep(REST_SECONDS)  # the pane follows where the cursor rests, not each of its steps
            self._told = Told(row)
            self._show_pane()
            await asyncio.sleep(PANE_PAUSE_SECONDS)
        agents = await reader.session_agents(row.project, row.session)
        days = await reader.session_days(row.project, row.session)
        self._told = Told(row, agents, days)
        self._show_pane()

    def _show_pane(self) -> None:
        pane = self.query_one("#session-detail", Lines)
        if self._told is None or not pane.size.width:
            pane.show([])
            return
        pane.show(
            pane_lines(
                self._told,
                self._flights(self._told.row),
                self.conduit.now(),
                width=pane.size.width,
                height=pane.size.height,
                glyphs=self.conduit.glyphs,
            )
        )

    # What is asked

    def action_open(self) -> None:
        if (row := self.rows.row) is not None:
            self.conduit.show_requests(f'session:"{row.session}"' if " " in row.session else f"session:{row.session}")

    def action_stop(self) -> None:
        row = self.rows.row
        if row is None:
            return
        if row.stopped:
            self._resume(row)
        else:
            from conduit_tui.tui.screens.session_stop import StopForm

            self.app.push_screen(StopForm(row.project, row.session))

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def _resume(self, row: SessionRow) -> None:
        name = clean(names.session(row.session))
        choices = (Choice("resume", "x", "let it go on"), Choice("", "n", "no"))
        said = (f"It was stopped: {clean(row.stopped)}",)
        if not await self.app.push_screen_wait(Dialog(f"Let session {name} go on?", said, choices)):
            return
        try:
            async with self.conduit.sources.open_control() as control:
                await control.resume_session(row.project, row.session)
        except (ControlError, StoreError, OSError) as error:
            self.notify(clean(str(error)), title="not resumed", severity="error", markup=False)
        self._read()

    def action_back(self) -> None:
        if self.filter_text:
            self._leave("")
        else:
            self.dismiss()

    def filter_changed(self, pause: float = 0.0) -> None:
        self._read(pause)

    def say_filter(self) -> None:
        self._say()

    def focus_content(self) -> None:
        self.rows.focus()
