"""Budgets: caps, mode and zone."""

import sqlite3
from decimal import Decimal
from typing import NamedTuple

from conduit_tui.domain.budgets import Budget, Raise
from conduit_tui.domain.limits import Mode, Period, Scope, Unpriced
from conduit_tui.domain.money import NANO_PER_DOLLAR, to_nanodollars
from conduit_tui.domain.projects import CostLimits
from conduit_tui.store import budget_windows
from conduit_tui.store.clock import now_ms

_SELECT = """
    SELECT id, project, model, agent_type, daily_nanodollars, monthly_nanodollars, mode, zone, unpriced,
        raised_daily_nanodollars, raised_monthly_nanodollars, raised_until
    FROM budgets
"""
_PUT = """
    INSERT INTO budgets (project, model, agent_type, daily_nanodollars, monthly_nanodollars, mode, zone, unpriced,
        raised_daily_nanodollars, raised_monthly_nanodollars, raised_until, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET daily_nanodollars = excluded.daily_nanodollars,
        monthly_nanodollars = excluded.monthly_nanodollars, mode = excluded.mode, zone = excluded.zone,
        unpriced = excluded.unpriced, raised_daily_nanodollars = excluded.raised_daily_nanodollars,
        raised_monthly_nanodollars = excluded.raised_monthly_nanodollars, raised_until = excluded.raised_until,
        updated_at = excluded.updated_at
    RETURNING id
"""


class StoredBudget(NamedTuple):
    """A budget and its id in the table."""

    id: int
    budget: Budget


def all_of(connection: sqlite3.Connection) -> list[StoredBudget]:
    """Every budget: the overall one first, then by project, model and agent type."""
    return [_stored(row) for row in connection.execute(f"{_SELECT} ORDER BY project, model, agent_type")]


def find(connection: sqlite3.Connection, scope: Scope) -> Budget | None:
    """The budget of a scope, if it has one."""
    row = connection.execute(f"{_SELECT} WHERE (project, model, agent_type) = (?, ?, ?)", scope).fetchone()
    return None if row is None else _stored(row).budget


def put(connection: sqlite3.Connection, budget: Budget) -> None:
    """Set a budget. Its open windows have the new caps at once; a new zone counts from the next window on."""
    before = find(connection, budget.scope)
    raised = budget.raised or Raise(until=0)
    (budget_id,) = connection.execute(
        _PUT,
        (
            *budget.scope, budget.daily, budget.monthly, budget.mode, budget.zone, budget.unpriced,
            raised.daily, raised.monthly, raised.until or None, now_ms(),
        ),
    ).fetchone()  # fmt: skip
    for period, cap, had, raised_cap in (
        (Period.DAY, budget.daily, before and before.daily, raised.daily),
        (Period.MONTH, budget.monthly, before and before.monthly, raised.monthly),
    ):
        budget_windows.set_cap(
            connection, budget_id, period, cap, raised_cap, raised.until, behind=cap is not None and had is None
        )


def put_limits(connection: sqlite3.Connection, project: str, limits: CostLimits) -> None:
    """Set the caps of a project's budget, and leave the rest of it."""
    daily, monthly = nanodollars(limits.daily), nanodollars(limits.monthly)
    budget = find(connection, Scope(project)) or Budget(project=project)
    if (budget.daily, budget.monthly) != (daily, monthly):
        put(connection, Budget.model_validate({**budget.model_dump(), "daily": daily, "monthly": monthly}))


def limits_of_projects(connection: sqlite3.Connection) -> dict[str, CostLimits]:
    """The caps of projects as their configurations show them, in dollars."""
    cursor = connection.execute(
        "SELECT project, daily_nanodollars, monthly_nanodollars FROM budgets "
        "WHERE project <> '' AND model = '' AND agent_type = ''"
    )
    return {project: CostLimits(daily=_dollars(daily), monthly=_dollars(monthly)) for project, daily, monthly in cursor}


def limits_of_project(connection: sqlite3.Connection, project: str) -> CostLimits:
    """The caps of a project as its configuration shows them, in dollars."""
    budget = find(connection, Scope(project))
    return CostLimits(daily=_dollars(budget.daily), monthly=_dollars(budget.monthly)) if budget else CostLimits()


def _stored(
    row: tuple[int, str, str, str, int | None, int | None, str, str, str, int | None, int | None, int | None],
) -> StoredBudget:
    id_, project, model, agent_type, daily, monthly, mode, zone, unpriced, raised_daily, raised_monthly, until = row
    raised = None if until is None else Raise(until=until, daily=raised_daily, monthly=raised_monthly)
    return StoredBudget(
        id_,
        Budget(
            project=project, model=model, agent_type=agent_type, daily=daily, monthly=monthly, mode=Mode(mode),
            zone=zone, unpriced=Unpriced(unpriced), raised=raised,
        ),
    )  # fmt: skip


def nanodollars(dollars: float | None) -> int | None:
    """A limit in dollars as the table has it."""
    return None if dollars is None else to_nanodollars(Decimal(str(dollars)))


def _dollars(nanodollars: int | None) -> float | None:
    return None if nanodollars is None else nanodollars / NANO_PER_DOLLAR
