"""Budgets: what may be spent in a day and a month, and what is said when that is not enough."""

import math
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from conduit_tui.domain.limits import (
    Mode,
    Period,
    Scope,
    Unpriced,
    Window,
    dollars,
)
from conduit_tui.domain.money import NANO_PER_DOLLAR

HIGHEST_CAP = 10_000_000 * NANO_PER_DOLLAR


def _no_problem(cap: Any, info: ValidationInfo) -> Any:
    """Say what is wrong with a cap in the words of limits, before its type is looked at."""
    if isinstance(cap, bool):
        raise ValueError("a limit is an amount of nano-dollars")
    if isinstance(cap, int | float):
        limit = cap / NANO_PER_DOLLAR
        monthly = info.field_name == "monthly"
        for _, problem in limit_problems(None if monthly else limit, limit if monthly else None):
            raise ValueError(problem)
    return cap


Cap = Annotated[int | None, Field(ge=0, le=HIGHEST_CAP), BeforeValidator(_no_problem)]


class Raise(BaseModel):
    """Higher caps until an instant (milliseconds since the epoch); None leaves the ordinary cap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: int
    daily: Cap = None
    monthly: Cap = None


class Budget(BaseModel):
    """Caps in nano-dollars: None is no limit, 0 blocks everything.

    Without a project it is the overall budget. `model` (a name or a pattern with `*` and `?`, of the model that serves)
    and `agent_type` narrow it to some of the requests. Days and months are those of `zone` from the next window on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = ""
    model: str = ""
    agent_type: str = ""
    daily: Cap = None
    monthly: Cap = None
    mode: Mode = Mode.BALANCED
    zone: str = "UTC"
    unpriced: Unpriced = Unpriced.CHARGE
    raised: Raise | None = None

    @property
    def scope(self) -> "Scope":
        """What it is the budget of."""
        return Scope(self.project, self.model, self.agent_type)

    @property
    def limits(self) -> bool:
        """Whether it has a cap at all."""
        return self.daily is not None or self.monthly is not None

    def cap(self, period: Period, at: int) -> int | None:
        """The cap in force at an instant; None is no limit."""
        cap = self.daily if period is Period.DAY else self.monthly
        if cap is None or self.raised is None or at >= self.raised.until:
            return cap
        raised = self.raised.daily if period is Period.DAY else self.raised.monthly
        return cap if raised is None else max(cap, raised)


class Gauge(NamedTuple):
    """A capped window as it is shown, with what was spent of late."""

    budget: Budget
    window: Window
    recent: int  # nano-dollars spent in the last `recent_ms`
    recent_ms: int

    @property
    def per_hour(self) -> int:
        """How fast it is being spent, in nano-dollars."""
        return self.recent * 3_600_000 // self.recent_ms if self.recent_ms else 0

    def exhausted_at(self, now: int) -> int | None:
        """When the cap is reached at this speed, in milliseconds since the epoch; None: not in this window."""
        left = self.window.left
        if left is None:
            return None
        if left == 0:
            return now
        if self.per_hour == 0:
            return None
        at = now + left * 3_600_000 // self.per_hour
        return at if at < self.window.ends_at else None


class FlaggedEntry(NamedTuple):
    """An attempt whose cost is not the provider's own figure. `flags` are comma-separated, instants milliseconds."""

    exchange_id: str
    attempt: int
    project: str
    model: str
    hold: int
    cost: int
    flags: str
    created_at: int


def limit_problems(daily: Decimal | float | None, monthly: Decimal | float | None) -> list[tuple[str, str]]:
    """What is wrong with limits in dollars: `daily` or `monthly`, and the reason in words."""
    problems = []
    for name, limit in (("daily", daily), ("monthly", monthly)):
        if limit is None:
            continue
        if not math.isfinite(limit):
            problems.append((name, f"{name.capitalize()} cost limit must be an amount in dollars"))
        elif limit < 0:
            problems.append((name, f"{name.capitalize()} cost limit must be positive"))
        elif limit > HIGHEST_CAP // NANO_PER_DOLLAR:
            problems.append((name, f"{name.capitalize()} cost limit cannot exceed {dollars(HIGHEST_CAP)}"))
    if not problems and daily is not None and monthly is not None and daily > monthly:
        problems.append(("daily", "Daily limit cannot exceed monthly limit"))
    return problems
