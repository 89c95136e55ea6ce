"""Limits in words: days and months of budgets, and what is said when they do not cover a request. No pydantic here:
the first screen shows them."""

from datetime import UTC, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import NamedTuple
from zoneinfo import ZoneInfo

from conduit_tui.domain.money import NANO_PER_DOLLAR

WARNING_PERCENT = 75


ALARM_PERCENT = 95


class Period(StrEnum):
    """How long a window is."""

    DAY = "day"
    MONTH = "month"


class Mode(StrEnum):
    """How much is held for a request before it is sent on."""

    STRICT = "strict"  # the most that it can cost: the cap is never passed
    BALANCED = "balanced"  # what it will cost as far as can be told, topped up while it runs


class Unpriced(StrEnum):
    """What becomes of a request for a model whose price nobody knows. It is never free."""

    CHARGE = "charge"  # at the unknown-model rate
    BLOCK = "block"


class Scope(NamedTuple):
    """Which requests a budget counts; empty fields narrow nothing."""

    project: str
    model: str = ""
    agent_type: str = ""

    def counts(self, project: str, model: str, agent_type: str) -> bool:
        """Whether requests of this project, served by this model, of this agent type are among them."""
        return (
            self.project in ("", project)
            and self.agent_type in ("", agent_type)
            and (self.model in ("", model) or fnmatchcase(model, self.model))
        )

    def __str__(self) -> str:
        parts = [f"project {self.project}" if self.project else "overall"]
        if self.model:
            parts.append(f"model {self.model}")
        if self.agent_type:
            parts.append(f"agent type {self.agent_type}")
        return ", ".join(parts)


class Window(NamedTuple):
    """A day or month of one budget and what it holds, in nano-dollars and milliseconds since the epoch.

    `cap` is the one in force; None is no limit. `id` is 0 for a window that no request has opened yet.
    """

    id: int
    scope: Scope
    period: Period
    zone: str
    starts_at: int
    ends_at: int
    cap: int | None
    spent: int
    held: int

    @property
    def left(self) -> int | None:
        """What may still be held; None without a limit, never negative."""
        return None if self.cap is None else max(0, self.cap - self.spent - self.held)

    @property
    def used_percent(self) -> float:
        """How much of the cap is spent or held; 100 for a cap of 0, 0 without a limit."""
        if self.cap is None:
            return 0.0
        return 100.0 * (self.spent + self.held) / self.cap if self.cap else 100.0


class RefusalKind(StrEnum):
    """Why the ledger let a request not pass."""

    LIMIT = "limit"
    UNPRICED = "unpriced"  # no price is known and the budget blocks that
    UNLIMITED = "unlimited"  # nothing limits what it may cost, and the mode is strict
    UNAVAILABLE = "unavailable"  # the ledger cannot be written


class Refusal(NamedTuple):
    """A request that was not admitted, or an answer whose next step the budget does not cover."""

    kind: RefusalKind
    window: Window | None = None  # the limit, and what it held at that moment
    estimate: int = 0  # nano-dollars that would have been held
    max_tokens: int = 0  # whose whole cost strict mode wanted to hold; 0 in balanced mode
    results: int = 0  # tokens that it wanted to hold for what the provider's tools add to the prompt
    missing: str = ""  # the limit that the request does not set
    model: str = ""
    at: int = 0  # milliseconds since the epoch

    @property
    def message(self) -> str:
        """What is said to the client."""
        if self.kind is RefusalKind.UNPRICED:
            return (
                f"No price is known for model {self.model}, and this budget blocks such models; "
                f"`conduit-tui prices set {self.model}` gives it one"
            )
        if self.kind is RefusalKind.UNLIMITED:
            return (
                f"A strict budget holds the most that a request can cost, and this one does not limit its tools: "
                f"set {self.missing}, leave the tool out, or put the budget in balanced mode"
            )
        if self.kind is RefusalKind.UNAVAILABLE or self.window is None or self.window.cap is None:
            return "spend limit unavailable"
        window, cap = self.window, self.window.cap
        strict = f"strict mode holds all of max_tokens, {self.max_tokens:,}" if self.max_tokens else ""
        if strict and self.results:
            strict += f", and {self.results:,} tokens to read the results of the provider's tools; balanced does not"
        strict = strict and f" ({strict})"
        return (
            f"{limit_name(window)} exceeded: {dollars(window.spent)} spent, {dollars(window.held)} held, "
            f"this request may cost {dollars(self.estimate)}{strict}, cap {dollars(cap)}; "
            f"resets {reset_time(window.zone, window.ends_at, self.at)}"
        )


def limit_name(window: Window) -> str:
    """`Daily cost limit`, `Overall monthly cost limit of model x`."""
    scope = window.scope
    name = f"{'daily' if window.period is Period.DAY else 'monthly'} cost limit"
    name = name.capitalize() if scope.project else f"Overall {name}"
    if scope.model:
        name += f" of model {scope.model}"
    if scope.agent_type:
        name += f" of agent type {scope.agent_type}"
    return name


def dollars(nanodollars: int) -> str:
    """An amount to the cent; below ten cents, where cents would hide it, to a hundredth of one."""
    if 0 < nanodollars < NANO_PER_DOLLAR // 10 and nanodollars % (NANO_PER_DOLLAR // 100):
        return f"${max(nanodollars, 100_000) / NANO_PER_DOLLAR:.4f}"
    return f"${nanodollars / NANO_PER_DOLLAR:,.2f}"


def reset_time(zone: str, at: int, now: int) -> str:
    """`00:00 UTC`; with the date when that is more than a day away, and UTC beside another zone."""
    instant = datetime.fromtimestamp(at / 1000, UTC)
    date = "%Y-%m-%d " if at - now > 86_400_000 else ""
    if zone == "UTC":
        return instant.strftime(f"{date}%H:%M UTC")
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local.strftime(f'{date}%H:%M')} {zone} ({instant.strftime(f'{date}%H:%M UTC')})"
