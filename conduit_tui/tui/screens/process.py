"""Screen 7, Process."""

import asyncio
from collections import deque

from textual import events, work
from textual.app import ComposeResult

from conduit_tui.domain.processes import ProcessEvent, ProcessStatus
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.ink import Ink
from conduit_tui.tui.logs import LEVELS, LogLine, Tail, merge_events, parse_events, parse_log
from conduit_tui.tui.screens.filtered import FilteredScreen
from conduit_tui.tui.state import AppState, Link
from conduit_tui.tui.views import process
from conduit_tui.tui.widgets.filter_bar import FilterBar
from conduit_tui.tui.widgets.lines import Lines

TREND_SAMPLES = 60
EVENTS = 60
POLL_SECONDS = 1.0
LEAN_POLL_SECONDS = 3.0


class ProcessScreen(FilteredScreen):
    """Daemon and gateway: their state, health, history and log."""

    SCOPES = (Scope.PROCESS, Scope.LISTS)
    TAB = "process"
    AUTO_FOCUS = ""
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Stop drains: open answers end first, then the gateway; the daemon stays and can start it again. Restart hands "
        "the port over to a new gateway, and no connection is refused."
    )

    def __init__(self) -> None:
        super().__init__()
        self._memory: deque[float] = deque(maxlen=TREND_SAMPLES)
        self._cpu: deque[float] = deque(maxlen=TREND_SAMPLES)
        self._seen: ProcessStatus | None = None
        self._link: Link | None = None
        self._sampled = 0
        self._events: list[ProcessEvent] = []
        self._log: list[LogLine] = []
        self._level = 0
        self._follows = True

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="process-status")
        yield Lines(widget_id="process-events")
        yield FilterBar("words of the log")
        yield Lines(widget_id="log")

    def on_mount(self) -> None:
        self._watch_files()

    def on_resize(self, event: events.Resize) -> None:
        self._sampled = 0
        super().on_resize(event)

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        self.query_one("#process-events").styles.height = 11 if self.size.height >= 34 else 5
        now = self.conduit.now()
        if self._is_news(state, now):
            self._show_status(state, now)
        history = self.query_one("#process-events", Lines)
        history.show(process.event_lines(self._events, history.size.height - 2, now))
        self._show_log()

    def _is_news(self, state: AppState, now: int) -> bool:
        """Whether to draw the status again: figures alone are drawn every ten seconds where bytes count."""
        status, seen = state.status, self._seen
        if not self.conduit.profile.lean or status is None or seen is None or self._link is not state.link:
            return True
        same = (status.state, status.gateway_pid, status.reason) == (seen.state, seen.gateway_pid, seen.reason)
        return not same or now - self._sampled >= self.conduit.profile.clock_seconds * 1_000

    def _show_status(self, state: AppState, now: int) -> None:
        widget = self.query_one("#process-status", Lines)
        if not widget.size.width:
            return
        status = state.status
        if status is not None and status is not self._seen:
            if status.gateway_memory_bytes is not None:
                self._memory.append(status.gateway_memory_bytes)
            if status.gateway_cpu_percent is not None:
                self._cpu.append(status.gateway_cpu_percent)
        self._seen, self._link, self._sampled = status, state.link, now
        widget.show(
            process.status_lines(
                state,
                memory=list(self._memory),
                cpu=list(self._cpu),
                now=now,
                width=widget.size.width,
                glyphs=self.conduit.glyphs,
                profile=self.conduit.profile.name,
            )
        )

    def _show_log(self) -> None:
        log = self.query_one("#log", Lines)
        shown = [line for line in self._log if line.rank >= self._level and line.has(self.filter_text)]
        self.bar.say(process.log_title(self.filter_text), process.log_count(self._level, len(shown)))
        log.show([process.log_line(line) for line in shown] or [((" nothing yet", Ink.MUTED),)])
        if self._follows:
            log.top = log.last_top

    def data_changed(self) -> None:
        self._read_events()

    @work(group="process-events", exclusive=True, exit_on_error=False)
    async def _read_events(self) -> None:
        stored = await self.conduit.reader.process_events(EVENTS) if self.conduit.reader is not None else []
        self._events = merge_events(self._events, stored)[-EVENTS:]
        self.show_state(self.conduit.state)

    @work(group="process-files", exit_on_error=False)
    async def _watch_files(self) -> None:
        """Look at the daemon's files while this screen is on top."""
        state_dir = self.conduit.sources.state_dir
        log, events = Tail(state_dir.process_log), Tail(state_dir.events)
        pause = LEAN_POLL_SECONDS if self.conduit.profile.lean else POLL_SECONDS
        while True:
            if self.is_current:
                new_log = await asyncio.to_thread(log.read)
                new_events = await asyncio.to_thread(events.read)
                if new_log is not None:
                    self._log = parse_log(new_log)
                if new_events is not None:
                    self._events = merge_events(self._events, parse_events(new_events))[-EVENTS:]
                if new_log is not None or new_events is not None:
                    self.show_state(self.conduit.state)
            await asyncio.sleep(pause)

    def action_level(self) -> None:
        self._level = (self._level + 1) % len(LEVELS)
        self._follows = True
        self._show_log()

    def filter_changed(self, pause: float = 0.0) -> None:
        self._follows = True
        self._show_log()

    def say_filter(self) -> None:
        self._show_log()

    def _scroll(self, top: int) -> None:
        log = self.query_one("#log", Lines)
        log.top = top
        self._follows = log.top == log.last_top

    def action_move(self, by: int) -> None:
        self._scroll(self.query_one("#log", Lines).top + by)

    def action_half_page(self, by: int) -> None:
        log = self.query_one("#log", Lines)
        self._scroll(log.top + by * max(1, log.size.height // 2))

    def action_page(self, by: int) -> None:
        log = self.query_one("#log", Lines)
        self._scroll(log.top + by * max(1, log.size.height - 1))

    def action_top(self) -> None:
        self._scroll(0)

    def action_bottom(self) -> None:
        self._scroll(self.query_one("#log", Lines).last_top)
