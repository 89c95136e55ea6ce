"""What changes of budgets and prices mean."""

import difflib
import re
import time
from typing import Any
from zoneinfo import available_timezones

from conduit_tui.control.plane import ControlError
from conduit_tui.control.project_changes import ProjectChanges
from conduit_tui.control.validation import did_you_mean
from conduit_tui.domain.budgets import Budget, FlaggedEntry, Raise, limit_problems
from conduit_tui.domain.limits import Scope
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.prices import UNKNOWN, PriceOverride
from conduit_tui.domain.projects import CostLimits
from conduit_tui.ledger.windows import zone_named

MOST_FLAGGED = 1_000  # in one answer
LONGEST_RAISE_MS = 366 * 86_400_000
_PATTERN = re.compile(r"[^\s\[\]]{1,200}")


class MoneyChanges(ProjectChanges):
    """The part of `LocalControl` that is about budgets and prices."""

    async def budgets(self) -> list[Budget]:
        return await self._store.budgets()

    async def set_budget(self, budget: Budget) -> Budget:
        if budget.project:
            await self.project(budget.project)
        check_budget(budget)
        before = await self._budget(budget.scope)
        if budget == before:
            return budget
        if budget.scope == Scope(budget.project) and budget.project:
            # A project's own limits are part of its configuration, so this is a revision of it.
            current = await self.project(budget.project)
            limits = CostLimits(daily=_dollars(budget.daily), monthly=_dollars(budget.monthly))
            await self._save(current, current.config.model_copy(update={"cost_limits": limits}), "saved")
        await self._store.put_budget(budget)
        await self._changed("budget.set", str(budget.scope), _difference(before, budget))
        return budget

    async def raise_budget(
        self, until: int, daily: int | None = None, monthly: int | None = None,
        project: str = "", model: str = "", agent_type: str = "",
    ) -> Budget:  # fmt: skip
        budget = await self._budget(Scope(project, model, agent_type))
        if daily is None and monthly is None:
            raised = None
        else:
            raised = Raise(until=until, daily=daily, monthly=monthly)
            _check_raise(budget, raised)
        return await self.set_budget(budget.model_copy(update={"raised": raised}))

    async def flagged(self, limit: int = 100) -> list[FlaggedEntry]:
        return await self._store.flagged(max(0, min(limit, MOST_FLAGGED)))

    async def write_down(self, exchange_id: str, attempt: int, cost_nanodollars: int, reason: str) -> None:
        if not reason.strip():
            raise ControlError("bad-input", "say why, for the audit log", "reason")
        try:
            await self._store.write_down(exchange_id, attempt, cost_nanodollars, reason.strip())
        except KeyError:
            raise ControlError(
                "not-found", f"the ledger has no attempt {attempt} of exchange {exchange_id!r}", "exchange_id"
            ) from None
        except ValueError as problem:
            raise ControlError("bad-input", str(problem), "cost_nanodollars") from None
        await self._tell()

    async def price_overrides(self) -> list[PriceOverride]:
        return await self._store.price_overrides()

    async def set_price(self, price: PriceOverride) -> None:
        _check_pattern(price.model)
        if price.provider:
            known = [provider.name for provider in await self.providers()]
            if price.provider not in known:
                near = did_you_mean(price.provider, known)
                raise ControlError("not-found", f"there is no provider {price.provider!r}{near}", "provider")
        await self._store.put_price(price)
        detail = price.model_dump(exclude={"model", "updated_at"}, exclude_none=True)
        await self._changed("price.set", price.model, detail)

    async def remove_price(self, model: str, provider: str = "") -> None:
        try:
            await self._store.remove_price(model, provider)
        except KeyError:
            known = [price.model for price in await self._store.price_overrides()]
            where = f" at {provider}" if provider else ""
            raise ControlError(
                "not-found", f"there is no price of one's own for {model!r}{where}{did_you_mean(model, known)}", "model"
            ) from None
        await self._changed("price.remove", model, {"provider": provider})

    async def _budget(self, scope: Scope) -> Budget:
        """The budget of a scope, without limits if it was never set."""
        if scope.project:
            await self.project(scope.project)
        found = {budget.scope: budget for budget in await self._store.budgets()}
        return found.get(scope) or Budget(project=scope.project, model=scope.model, agent_type=scope.agent_type)


def check_budget(budget: Budget) -> None:
    """Raises ControlError `bad-input`; its field is the budget's."""
    for field, problem in limit_problems(_dollars(budget.daily), _dollars(budget.monthly)):
        raise ControlError("bad-input", problem, field)
    check_zone(budget.zone)
    if budget.model:
        _check_pattern(budget.model)


def check_zone(zone: str) -> None:
    """Raises ControlError `bad-input` with the nearest zone."""
    try:
        zone_named(zone)
    except ValueError as problem:
        raise ControlError("bad-input", f"{problem}{_nearest_zone(zone)}", "zone") from None


def _nearest_zone(text: str) -> str:
    names = sorted(available_timezones())
    known = {**{name.rpartition("/")[2].lower(): name for name in names}, **{name.lower(): name for name in names}}
    close = difflib.get_close_matches(text.lower().replace(" ", "_"), known, n=1)
    return f"; did you mean {known[close[0]]!r}?" if close else ""


def _check_raise(budget: Budget, raised: Raise) -> None:
    now = int(time.time() * 1000)
    if not now < raised.until <= now + LONGEST_RAISE_MS:
        raise ControlError("bad-input", "a raise ends in the future, within a year", "until")
    for field, cap, higher in (("daily", budget.daily, raised.daily), ("monthly", budget.monthly, raised.monthly)):
        if higher is not None and (cap is None or higher <= cap):
            what = "there is no limit to raise" if cap is None else "a raise is above the limit"
            raise ControlError("bad-input", what, field)


def _check_pattern(model: str) -> None:
    if model != UNKNOWN and not _PATTERN.fullmatch(model):
        raise ControlError(
            "bad-input", f"{model!r} is not a model's name or a pattern such as 'claude-opus-*'", "model"
        )


def _dollars(nanodollars: int | None) -> float | None:
    return None if nanodollars is None else nanodollars / NANO_PER_DOLLAR


def _difference(before: Budget, after: Budget) -> dict[str, Any]:
    """What was and what is, of the fields that changed."""
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    return {name: {"from": old[name], "to": new[name]} for name in new if old[name] != new[name]}
