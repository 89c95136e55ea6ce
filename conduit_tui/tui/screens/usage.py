"""Screen 4, Usage: look first, read second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult

from conduit_tui.tui import usage_chart, usage_data, usage_report
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.filter import between
from conduit_tui.tui.format import MINUTE
from conduit_tui.tui.savings import Pricer, Saving, default_model
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.state import AppState
from conduit_tui.tui.time_range import RANGES, Span, span
from conduit_tui.tui.usage_data import GROUPINGS, METRICS, Row, UsageData
from conduit_tui.tui.usage_report import Shown
from conduit_tui.tui.views import usage
from conduit_tui.tui.widgets.chart import Chart
from conduit_tui.tui.widgets.lines import Lines, PickLines

if TYPE_CHECKING:
    from textual.worker import Worker

    from conduit_tui.store.interface import Reader

LOCAL_PAUSE_SECONDS = 1.0
LEAN_PAUSE_SECONDS = 5.0
REST = 9  # after a reading the database is left alone for so many times what it took
TALL = 34  # rows from which the chart is a large one
SMALL_CHART, LARGE_CHART = 9, 17


class UsageScreen(ListScreen):
    """What was used, along time and by whom, and what it cost."""

    SCOPES = (Scope.USAGE, Scope.LISTS)
    TAB = "usage"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "The parts of a bar stand in the order of the table, the dearest at the bottom. , and . walk over the bars; "
        "the table then shows that one, and enter opens its requests. Days are those of UTC. What other models would "
        "have cost is an estimate: they count the same text as other tokens."
    )

    def __init__(self) -> None:
        super().__init__()
        self._range, self._back = 1, 0
        self._by, self._metric = GROUPINGS[0], 0
        self._lines = False
        self._picked: int | None = None
        self._data: UsageData | None = None
        self._picked_rows: list[Row] | None = None
        self._savings: list[Saving] | None = None
        self._pricer = Pricer()
        self._version = 0
        self._stale = False
        self._worker: Worker[None] | None = None
        self._project = ""

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="usage-choices")
        yield Lines(widget_id="usage-figures")
        yield Chart(widget_id="usage-chart")
        yield PickLines(widget_id="usage-table")
        yield Lines(widget_id="usage-saved")

    @property
    def _list(self) -> PickLines:
        return self.query_one("#usage-table", PickLines)

    @property
    def _rows(self) -> Sequence[Row]:
        """What the table shows: all of the time, or of the bar that is picked."""
        if self._picked is not None:
            return self._picked_rows or ()
        return self._data.rows if self._data is not None else ()

    def on_mount(self) -> None:
        self._fit()

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self._fit()
        if self._data is not None and self._data.span.stretch != self._span().stretch:
            self._read_anew()

    def _fit(self) -> None:
        self.query_one(Chart).styles.height = LARGE_CHART if self.app.size.height >= TALL else SMALL_CHART

    def _span(self) -> Span:
        return span(RANGES[self._range], usage_chart.room(self.app.size.width), self.conduit.now(), self._back)

    # What comes in

    def data_changed(self) -> None:
        self._stale = True
        project = self.conduit.state.project
        if self._worker is None or self._worker.is_finished or project != self._project:
            self._project = project
            self._worker = self._read()

    def _read_anew(self) -> None:
        """What is shown is another: read it now."""
        self._picked = self._picked_rows = None
        self._version += 1
        self._show()
        self._stale = True
        self._worker = self._read()

    @work(group="usage", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        """Read until nothing is stale, with a pause between; a time that is over is read once."""
        while self._stale and (reader := self.conduit.reader) is not None:
            self._stale = False
            began = time.monotonic()
            await self._read_once(reader)
            pause = LEAN_PAUSE_SECONDS if self.conduit.profile.lean else LOCAL_PAUSE_SECONDS
            await asyncio.sleep(max(pause, REST * (time.monotonic() - began)))
            if not self.is_current:
                return  # data_changed comes again with the screen

    async def _read_once(self, reader: Reader) -> None:
        project, wanted = self.conduit.state.project, self._span()
        before = self._data
        data = await usage_data.read_chart(reader, wanted, self._by, METRICS[self._metric], project)
        if before is not None and (before.by, before.span) == (data.by, data.span):
            known = {row.key: row for row in before.rows}
            data.rows = [row._replace(p50_ms=known[row.key].p50_ms, p95_ms=known[row.key].p95_ms)
                         if row.key in known else row for row in data.rows] or before.rows  # fmt: skip
        self._data = data
        self._version += 1
        self._show()
        data.rows = await usage_data.read_rows(reader, wanted, self._by, project)
        self._show()
        if self._picked is not None:
            await self._read_picked(reader)
        routes = await reader.usage_routes(since=wanted.since, until=wanted.until, project=project)
        overrides = await reader.price_overrides()
        default = await default_model(reader, project)
        self._savings = await asyncio.to_thread(self._pricer.savings, routes, overrides, self.conduit.now(), default)
        self._show()

    async def _read_picked(self, reader: Reader) -> None:
        data, picked = self._data, self._picked
        if data is None or picked is None:
            return
        rows = await usage_data.read_rows(reader, data.span.bar(picked), self._by, self.conduit.state.project)
        if data is self._data and picked == self._picked:
            self._picked_rows = rows

    @work(group="usage-bar", exclusive=True, exit_on_error=False)
    async def _show_picked(self) -> None:
        if self.conduit.reader is not None:
            await self._read_picked(self.conduit.reader)
            self._show()

    # What is shown

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        self._show()

    def _show(self) -> None:
        width = self._list.size.width
        if not width:
            return
        now, glyphs = self.conduit.now(), self.conduit.glyphs
        self.query_one("#usage-choices", Lines).show([usage.choices(self._range, self._by, self._metric, width)])
        data = self._data
        if data is None:
            return
        rows = self._rows
        self.query_one("#usage-figures", Lines).show(
            [usage.figures(rows, usage_data.total(rows), data.span, self._picked, now, width)]
        )
        chart = self.query_one(Chart)
        lines, picked = self._lines or not data.metric.adds_up, self._picked
        chart.show_drawing(
            (self._version, lines, picked, data.span),
            lambda columns, height: usage_chart.draw(
                data, lines=lines, picked=picked, width=columns, height=height, now=now, palette=chart.palette,
                ground=chart.base, glyphs=glyphs,
            ),
        )  # fmt: skip
        reading = self._picked_rows is None if self._picked is not None else False
        self._list.show_targets(
            usage.table(data, rows, reading=reading, width=width, height=self._list.size.height, glyphs=glyphs)
        )
        self.query_one("#usage-saved", Lines).show([usage.saved(self._savings)])

    # What is asked

    def action_range(self, by: int) -> None:
        self._range, self._back = max(0, min(len(RANGES) - 1, self._range + by)), 0
        self._read_anew()

    def action_shift(self, by: int) -> None:
        if self._back - by >= 0:
            self._back -= by
            self._read_anew()

    def action_group(self) -> None:
        self._by = GROUPINGS[(GROUPINGS.index(self._by) + 1) % len(GROUPINGS)]
        self._read_anew()

    def action_metric(self) -> None:
        self._metric = (self._metric + 1) % len(METRICS)
        self._read_anew()

    def action_view(self) -> None:
        self._lines = not self._lines
        self._show()

    def action_bar(self, by: int) -> None:
        if self._data is None:
            return
        last = self._data.span.bars - 1
        self._picked = last if self._picked is None else max(0, min(last, self._picked + by))
        self._picked_rows = None
        self._show()
        self._show_picked()

    def action_clear(self) -> None:
        if self._picked is not None:
            self._picked = self._picked_rows = None
            self._show()

    def action_open(self) -> None:
        self._list.choose()

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        if self._data is None:
            return
        shown = self._data.span if self._picked is None else self._data.span.bar(self._picked)
        until = shown.until if shown.until <= self.conduit.now() else shown.until + MINUTE
        self.conduit.show_requests(usage_report.filter_of(self._by, event.target, between(shown.since, until)))

    @work(group="dialog", exclusive=True, exit_on_error=False)
    async def action_export(self) -> None:
        data, picked, rows = self._data, self._picked, self._rows
        if data is None or not rows:
            self.notify("there is nothing to export", markup=False)
            return
        shown = Shown(data, rows, data.span if picked is None else data.span.bar(picked), self._savings or ())
        kind = await usage_report.ask_kind(self.app)
        if kind is None:
            return
        try:
            path = await asyncio.to_thread(usage_report.write, shown, kind, Path.cwd(), self.conduit.now())
        except OSError as error:
            self.notify(clean(str(error)), title="cannot export", severity="error", markup=False)
        else:
            self.notify(
                clean(f"{path.name}\nin {path.parent}"), title="written, for your eyes only", markup=False, timeout=10
            )
