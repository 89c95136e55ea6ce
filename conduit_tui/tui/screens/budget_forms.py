"""The forms of the Budgets screen: a budget's limits, a raise for a time, and a charge that is lowered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.budgets import Budget, limit_problems
from conduit_tui.domain.limits import Mode, Unpriced, dollars
from conduit_tui.tui import format as words
from conduit_tui.tui.amounts import nanodollars, read_dollars, read_limit, read_until, write_limit
from conduit_tui.tui.gauge import title_of
from conduit_tui.tui.screens.form import Form, Problems
from conduit_tui.tui.views.budgets import flag_words
from conduit_tui.tui.widgets.fields import FieldRow, TextInput, Toggle

if TYPE_CHECKING:
    from decimal import Decimal

    from conduit_tui.domain.budgets import FlaggedEntry

MODES = (str(Mode.BALANCED), str(Mode.STRICT))
UNPRICED = (str(Unpriced.CHARGE), str(Unpriced.BLOCK))


class BudgetForm(Form):
    """Edits a budget; a `new` one may be narrowed to a model or an agent type."""

    HELP_TEXT = (
        "Limits are in dollars: none is no limit, 0 blocks everything. Days and months are those of the zone, from the "
        "next one on. Strict holds all that a request may cost; balanced what it will cost as far as can be told."
    )

    def __init__(self, budget: Budget, *, new: bool = False) -> None:
        title = title_of(budget.scope)
        super().__init__(
            f"within the {title}, one for a model or an agent type" if new else title,
            (
                "none       no limit; 0 blocks everything",
                "balanced   holds what a request will cost as far as can be told, and counts",
                "           closely from 80 % of the cap on",
                "strict     holds the most that it may cost: the cap is never passed, and",
                "           a large max_tokens is refused early",
                "charge     a model without a price costs the unknown-model rate",
                "block      a model without a price is refused",
            ),
        )
        self._budget = budget
        self._new = new

    def rows(self) -> Iterable[FieldRow]:
        budget = self._budget
        if self._new:
            yield FieldRow("model", TextInput("", widget_id="model"))
            yield FieldRow("agent type", TextInput("", widget_id="agent-type"))
        yield FieldRow("daily $", TextInput(write_limit(budget.daily), widget_id="daily", type_over=True))
        yield FieldRow("monthly $", TextInput(write_limit(budget.monthly), widget_id="monthly", type_over=True))
        yield FieldRow("mode", Toggle(MODES, str(budget.mode), widget_id="mode"))
        yield FieldRow("zone", TextInput(budget.zone, widget_id="zone"))
        yield FieldRow("no price", Toggle(UNPRICED, str(budget.unpriced), widget_id="unpriced"))

    def check(self) -> Problems:
        problems: dict[str, str] = {}
        limits: dict[str, Decimal | None] = {}
        for name in ("daily", "monthly"):
            try:
                limits[name] = read_limit(self.value(name))
            except ValueError as problem:
                problems[name] = str(problem)
            if not self.value(name).strip():  # no limit is meant only where it is said
                problems[name] = "an amount in dollars, or none"
        if not problems:
            problems |= dict(limit_problems(limits["daily"], limits["monthly"]))
        zone = _zone_problem(self.value("zone").strip())
        if zone:
            problems["zone"] = zone
        if self._new and not (self.value("model").strip() or self.value("agent-type").strip()):
            problems["model"] = "a model (* and ? match), or an agent type below"
        return problems

    async def submit(self) -> None:
        scope = {"project": self._budget.project, "model": self._budget.model, "agent_type": self._budget.agent_type}
        if self._new:
            scope |= {"model": self.value("model").strip(), "agent_type": self.value("agent-type").strip()}
        budget = Budget(
            **scope,
            daily=nanodollars(read_limit(self.value("daily"))),
            monthly=nanodollars(read_limit(self.value("monthly"))),
            mode=Mode(self.value("mode")),
            zone=self.value("zone").strip(),
            unpriced=Unpriced(self.value("unpriced")),
            raised=self._budget.raised,
        )
        async with self.conduit.sources.open_control() as control:
            if self._new and any(each.scope == budget.scope and each.limits for each in await control.budgets()):
                raise ControlError("conflict", "there is such a budget; edit that one", "model")
            await control.set_budget(budget)


class RaiseForm(Form):
    """Raises a budget's caps until an instant."""

    HELP_TEXT = "The caps go back by themselves when the time is over. Leave both limits empty to end a raise now."

    def __init__(self, budget: Budget, now: int) -> None:
        super().__init__(
            f"raise the {title_of(budget.scope)} for a time",
            (
                f"now {_cap(budget.daily)} a day, {_cap(budget.monthly)} a month; they come back by themselves",
                "until    2h, 18:00, 3d, or a date such as 2026-11-01",
                "leave both limits empty to end a raise now",
            ),
        )
        self._budget = budget
        self._now = now

    def rows(self) -> Iterable[FieldRow]:
        raised = self._budget.raised
        if raised is not None and raised.until <= self._now:
            raised = None
        until = words.instant(raised.until)[:16].replace(" ", "T") if raised else "2h"
        yield FieldRow("until", TextInput(until, widget_id="until", type_over=True))
        if self._budget.daily is not None:
            yield FieldRow(
                "daily $", TextInput(_higher(raised.daily if raised else None), widget_id="daily", type_over=True)
            )
        if self._budget.monthly is not None:
            yield FieldRow(
                "monthly $", TextInput(_higher(raised.monthly if raised else None), widget_id="monthly", type_over=True)
            )

    def _limits(self) -> dict[str, Decimal | None]:
        caps = {"daily": self._budget.daily, "monthly": self._budget.monthly}
        return {name: read_limit(self.value(name)) for name, cap in caps.items() if cap is not None}

    def check(self) -> Problems:
        problems: dict[str, str] = {}
        try:
            if read_until(self.value("until"), self._now) <= self._now:
                problems["until"] = "that is over already"
        except ValueError as problem:
            problems["until"] = str(problem)
        for name, cap in (("daily", self._budget.daily), ("monthly", self._budget.monthly)):
            if cap is None:
                continue
            try:
                limit = read_limit(self.value(name))
            except ValueError as problem:
                problems[name] = str(problem)
                continue
            higher = nanodollars(limit)
            if higher is not None and higher <= cap:
                problems[name] = f"a raise is above the limit, {dollars(cap)}"
        return problems

    async def submit(self) -> None:
        limits = self._limits()
        async with self.conduit.sources.open_control() as control:
            await control.raise_budget(
                read_until(self.value("until"), self._now),
                nanodollars(limits.get("daily")),
                nanodollars(limits.get("monthly")),
                *self._budget.scope,
            )


class WriteDownForm(Form):
    """Lowers what an attempt was charged; the reason goes into the audit log."""

    HELP_TEXT = "The provider's own page says what a request really cost. A charge can only be lowered."

    def __init__(self, entry: FlaggedEntry) -> None:
        super().__init__(
            f"lower the charge of {entry.exchange_id}, attempt {entry.attempt}",
            (
                f"{entry.project}  {entry.model}  {words.instant(entry.created_at)}",
                f"charged {dollars(entry.cost)}, held {dollars(entry.hold)}; {flag_words(entry.flags)}",
                "the change is written into the audit log, with the reason",
            ),
        )
        self._entry = entry

    def rows(self) -> Iterable[FieldRow]:
        yield FieldRow("to $", TextInput("", widget_id="cost-nanodollars"))
        yield FieldRow("reason", TextInput("", widget_id="reason"))

    def check(self) -> Problems:
        problems: dict[str, str] = {}
        text = self.value("cost-nanodollars")
        try:
            cost = nanodollars(read_dollars(text)) or 0
        except ValueError as problem:
            problems["cost-nanodollars"] = str(problem) if text else "what it really cost"
        else:
            if not 0 <= cost <= self._entry.cost:
                problems["cost-nanodollars"] = f"from 0 to {dollars(self._entry.cost)}: a charge can only be lowered"
        if not self.value("reason").strip():
            problems["reason"] = "say why, for the audit log"
        return problems

    async def submit(self) -> None:
        cost = nanodollars(read_dollars(self.value("cost-nanodollars"))) or 0
        async with self.conduit.sources.open_control() as control:
            await control.write_down(self._entry.exchange_id, self._entry.attempt, cost, self.value("reason").strip())


def _cap(cap: int | None) -> str:
    return "no limit" if cap is None else dollars(cap)


def _higher(cap: int | None) -> str:
    return "" if cap is None else write_limit(cap)


def _zone_problem(zone: str) -> str:
    from conduit_tui.control.money_changes import check_zone  # not before somebody edits a budget

    try:
        check_zone(zone)
    except ControlError as problem:
        return problem.message
    return ""
