"""Screen 5, Budgets: what may be spent, and what is spent and held of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode
from conduit_tui.ledger.gauges import read_gauges
from conduit_tui.store.interface import StoreError
from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.clean import clean
from conduit_tui.tui.gauge import name_of
from conduit_tui.tui.ink import Ink
from conduit_tui.tui.screens.listing import ListScreen
from conduit_tui.tui.state import AppState
from conduit_tui.tui.views import budgets
from conduit_tui.tui.views.budgets import BudgetsData
from conduit_tui.tui.widgets.lines import Lines, PickLines

if TYPE_CHECKING:
    from conduit_tui.domain.budgets import FlaggedEntry
    from conduit_tui.store.interface import Reader

POLL_SECONDS = 1.0
LEAN_POLL_SECONDS = 3.0
MOST_FLAGGED = 500


class BudgetsScreen(ListScreen):
    """Gauges of every budget; limits are set in place."""

    SCOPES = (Scope.BUDGETS, Scope.LISTS)
    TAB = "budgets"
    STEPS = (3, 5)
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Held is what requests under way may still cost; it becomes spent, or comes back, when they end. A request is "
        "refused before it is sent where spent and held leave no room for it. From 75 % on a gauge is marked with !, "
        "from 95 % on with !!. The rate is that of the last hour."
    )

    def __init__(self) -> None:
        super().__init__()
        self._data = BudgetsData()
        self._busy = False

    def compose_content(self) -> ComposeResult:
        yield PickLines(widget_id="budgets")
        yield Lines(widget_id="budgets-check")

    def on_mount(self) -> None:
        self._watch()

    @property
    def _list(self) -> PickLines:
        return self.query_one("#budgets", PickLines)

    # What comes in

    def data_changed(self) -> None:
        self._read()

    @work(group="budgets-watch", exit_on_error=False)
    async def _watch(self) -> None:
        """Holds come and go without a new row, so the windows are looked at while this screen is on top."""
        pause = LEAN_POLL_SECONDS if self.conduit.profile.lean else POLL_SECONDS
        while True:
            await asyncio.sleep(pause)
            if self.is_current and not self._busy:
                self._read()

    @work(group="budgets", exit_on_error=False)
    async def _read(self) -> None:
        if self._busy or self.conduit.reader is None:
            return
        self._busy = True
        try:
            self._data = await read(self.conduit.reader, self.conduit.now())
        finally:
            self._busy = False
        self._show()

    def show_state(self, state: AppState) -> None:
        super().show_state(state)
        self._show()

    def _show(self) -> None:
        width = self._list.size.width
        if not width:
            return
        drawn = budgets.lines(
            self._data, self.conduit.state.project, now=self.conduit.now(), width=width, glyphs=self.conduit.glyphs
        )
        self._list.show_targets(drawn)
        self.query_one("#budgets-check", Lines).show([budgets.check_line(self._data.to_check, width)])

    # What is asked

    def _chosen(self) -> Budget | None:
        scope = self._list.target
        if scope is None or not self._data.read:
            return None
        return next((one for one in budgets.shown(self._data, "") if one.scope == scope), None)

    def action_edit(self) -> None:
        if (budget := self._chosen()) is not None:
            from conduit_tui.tui.screens.budget_forms import BudgetForm

            self.app.push_screen(BudgetForm(budget))

    def action_new(self) -> None:
        if (budget := self._chosen()) is not None:
            from conduit_tui.tui.screens.budget_forms import BudgetForm

            self.app.push_screen(BudgetForm(Budget(project=budget.project, zone=budget.zone), new=True))

    def action_raise(self) -> None:
        budget = self._chosen()
        if budget is None:
            return
        if not budget.limits:
            self.notify("there is no limit to raise; e sets one", markup=False)
            return
        from conduit_tui.tui.screens.budget_forms import RaiseForm

        self.app.push_screen(RaiseForm(budget, self.conduit.now()))

    @work(group="budgets-mode", exclusive=True, exit_on_error=False)
    async def action_mode(self) -> None:
        budget = self._chosen()
        if budget is None:
            return
        if not budget.limits:
            self.notify("without a limit the mode says nothing; e sets one", markup=False)
            return
        other = Mode.STRICT if budget.mode is Mode.BALANCED else Mode.BALANCED
        try:
            async with self.conduit.sources.open_control() as control:
                await control.set_budget(budget.model_copy(update={"mode": other}))
        except (ControlError, StoreError, OSError) as error:
            self.notify(clean(str(error)), title="not saved", severity="error", markup=False)
        else:
            self.notify(f"{name_of(budget.scope)} is {other} now", markup=False)
            self._read()

    def action_check(self) -> None:
        self.app.push_screen(CheckScreen())

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        self.action_edit()


class CheckScreen(ListScreen):
    """Entries whose cost is not the provider's own figure; enter lowers one."""

    SCOPES = (Scope.CHECK, Scope.LISTS)
    TAB = "budgets"
    STEPS = (8, 16)
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Where a provider reported no usage, or the gateway died under a request, the ledger charges what was held or "
        "estimated, never less. The provider's own page says what it was."
    )

    def compose_content(self) -> ComposeResult:
        yield Lines([((" entries to check", Ink.STRONG),)], widget_id="check-title")
        yield PickLines(widget_id="check")

    def data_changed(self) -> None:
        self._read()

    @work(group="check", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        if self.conduit.reader is not None:
            self._show(await self.conduit.reader.flagged(MOST_FLAGGED))

    def _show(self, entries: Sequence[FlaggedEntry]) -> None:
        drawn = budgets.entry_lines(entries, self.conduit.now(), self.app.size.width)
        if not entries:
            drawn = [(((" Nothing to check: every cost is the provider's own figure.", Ink.MUTED),), None)]
        self._list.show_targets(drawn)

    def action_open(self) -> None:
        self._list.choose()

    def on_pick_lines_picked(self, event: PickLines.Picked) -> None:
        from conduit_tui.tui.screens.budget_forms import WriteDownForm

        self.app.push_screen(WriteDownForm(event.target))

    def action_back(self) -> None:
        self.dismiss()


async def read(reader: Reader, now: int) -> BudgetsData:
    """Everything that the screen shows. Raises StoreError."""
    entries = await reader.flagged(MOST_FLAGGED)
    return BudgetsData(
        budgets=await reader.budgets(),
        gauges=await read_gauges(reader, now),
        projects=[project.name for project in await reader.projects()],
        to_check=sum(budgets.is_open(entry) for entry in entries),
        read=True,
    )
