"""Screen 1, Overview."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult

from conduit_tui.domain.sessions import SessionFilter
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.format import DAY, HOUR, start_of_day
from conduit_tui.tui.recent import Recent
from conduit_tui.tui.savings import Pricer, Saving
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.state import AppState, Link
from conduit_tui.tui.views import overview
from conduit_tui.tui.views.needs import OverviewData
from conduit_tui.tui.widgets.lines import PickLines

if TYPE_CHECKING:
    from textual.worker import Worker

    from conduit_tui.store.interface import Reader
    from conduit_tui.tui.project_rules import RuleWorry

SESSIONS = 40
LOCAL_PAUSE_SECONDS = 1.0
LEAN_PAUSE_SECONDS = 5.0


class OverviewScreen(ListScreen):
    """Is it running, what is it doing, what is it costing, does it need me?"""

    SCOPES = (Scope.OVERVIEW, Scope.LISTS)
    TAB = "overview"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "NOW counts the last five minutes, TODAY begins at midnight UTC. Sessions at work stand on top, the newest "
        "first, with the subagents that work for them. The cursor walks over models, sessions and what needs you; "
        "enter opens their requests, and esc there comes back."
    )

    def __init__(self) -> None:
        super().__init__()
        self._data = OverviewData()
        self._recent = Recent()
        self._pricer = Pricer()
        self._stale = False
        self._project = ""
        self._worker: Worker[None] | None = None

    def compose_content(self) -> ComposeResult:
        yield PickLines(widget_id="overview")

    @property
    def _list(self) -> PickLines:
        return self.query_one("#overview", PickLines)

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        if not self._list.size.width:
            return
        now = self.conduit.now()
        self._list.show_targets(
            overview.lines(
                state,
                self._data,
                self._recent.pulse(now),
                now=now,
                width=self._list.size.width,
                height=self._list.size.height,
                glyphs=self.conduit.glyphs,
            )
        )

    def data_changed(self) -> None:
        self._stale = True
        project = self.conduit.state.project
        if self._worker is None or self._worker.is_finished or project != self._project:
            self._project = project
            self._worker = self._read()

    @work(group="overview", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        """Read until nothing is stale, with a pause between."""
        while self._stale and (reader := self.conduit.reader) is not None:
            self._stale = False
            await self._read_once(reader)
            if self.is_current:
                self.show_state(self.conduit.state)
            await asyncio.sleep(LEAN_PAUSE_SECONDS if self.conduit.profile.lean else LOCAL_PAUSE_SECONDS)

    async def _read_once(self, reader: Reader) -> None:
        from conduit_tui.ledger.gauges import read_gauges
        from conduit_tui.tui.logs import Tail, merge_events, parse_events

        now, project = self.conduit.now(), self.conduit.state.project
        live = self.conduit.state.live
        if live is not None:
            await self._recent.read_on(reader, live.last_usage_id, project, now)
        since = start_of_day(now)
        today = await reader.usage_totals(since=since, until=now + 1, by="all", project=project)
        models = await reader.usage_totals(since=since, until=now + 1, by="model", project=project)
        by_bucket = await reader.usage_totals(since=now - DAY, until=now + 1, by="bucket", project=project)
        sessions = await reader.sessions(since=now - DAY, limit=SESSIONS, project=project)
        newest = await reader.session_ids(SessionFilter(project=project, since=now - DAY))
        told = await asyncio.to_thread(Tail(self.conduit.sources.state_dir.events).read)
        events = merge_events(await reader.process_events(50), parse_events(told or []))
        self._data = OverviewData(
            today=today[0] if today and today[0].requests else None,
            models=models,
            day_costs=overview.buckets(by_bucket, now),
            sessions=sessions,
            session_rows=await reader.session_rows(newest[:SESSIONS]),
            stopped=frozenset((stop.project, stop.session) for stop in await reader.stopped_sessions()),
            guessed=await reader.guessed_prices(since=since, until=now + 1, project=project),
            rules=await _rule_worries(reader, project, now),
            gauges=[
                gauge
                for gauge in await read_gauges(reader, now)
                if project in ("", gauge.budget.project) or not gauge.budget.project
            ],
            saved=await self._saved(reader, since, now, project),
            restarts=sum(event.kind == "exit" and event.at > now - HOUR for event in events),
            ever=bool(today and today[0].requests) or bool(sessions) or await _any(reader),
        )

    async def _saved(self, reader: Reader, since: int, now: int, project: str) -> Saving | None:
        routes = await reader.usage_routes(since=since, until=now + 1, project=project)
        if all(route.requested_model == route.routed_model for route in routes):
            return None
        overrides = await reader.price_overrides()
        found = await asyncio.to_thread(self._pricer.savings, routes, overrides, now, "")
        return found[0] if found else None

    def action_open(self) -> None:
        self._list.choose()

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        kind, value = event.target
        if kind == "session":
            self.conduit.show_requests(f"session:{value}")
        elif kind == "filter":
            self.conduit.show_requests(value)
        elif kind == "screen":
            self.conduit.action_show(value)
        elif kind == "rule":
            self.conduit.show_rule(*value.split("/", 1))
        elif kind == "price":
            self.conduit.action_prices(value)
        elif kind == "start":
            self.conduit.action_start()

    def action_sessions(self) -> None:
        state = self.conduit.state
        if state.serving or (self._data.ever and state.link is Link.ATTACHED):
            self.conduit.action_sessions()
        else:
            self.conduit.action_start()


async def _rule_worries(reader: Reader, project: str, now: int) -> list[RuleWorry]:
    """Rules that need a person. The language of rules is read in a thread: it takes longer than a key may wait."""
    project_rules = await asyncio.to_thread(importlib.import_module, "conduit_tui.tui.project_rules")
    found: list[RuleWorry] = await project_rules.worries_today(reader, project, now)
    return found


async def _any(reader: Reader) -> bool:
    return any(total.requests for total in await reader.usage_totals(since=0, until=2**53, by="all"))
