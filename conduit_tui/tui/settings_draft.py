"""A project's settings as they are being written: what stands in the fields, and what is wrong with it. No screen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any, NamedTuple

from conduit_tui.domain.budgets import Budget, limit_problems
from conduit_tui.domain.money import to_nanodollars
from conduit_tui.domain.projects import AS_REQUESTED, ProjectConfig
from conduit_tui.routing.validation import Problem, validate_default_model
from conduit_tui.tui.amounts import read_limit, write_limit

Served = Callable[[str], bool]

ON, OFF = "on", "off"
DECIDED = {"request": "for each request", "session": "once per session"}
NO_LIMIT_OR_AMOUNT = "an amount in dollars, or none"
BLOCKS = "0 blocks everything; none is no limit"

PATHS = {
    "enabled": "enabled",
    "default_model": "defaultModel",
    "fallback": "fallback",
    "rollout": "rollout",
    "sticky": "sticky",
    "capture": "capture",
    "capture_days": "captureDays",
    "gateway_down": "gatewayDown",
    "daily": "costLimits.daily",
    "monthly": "costLimits.monthly",
    "auto_routing": "features.autoRouting",
    "cost_tracking": "features.costTracking",
    "usage_analytics": "features.usageAnalytics",
}
"""By field, where its value stands in a configuration; the other fields are the budget's."""


@dataclass(frozen=True)
class SettingsDraft:
    """The fields as text, as they are typed or chosen."""

    enabled: str = ON
    default_model: str = ""
    fallback: str = ""
    rollout: str = "100"
    sticky: str = DECIDED["request"]
    capture: str = "preview"
    capture_days: str = "7"
    gateway_down: str = "ask"
    daily: str = "none"
    monthly: str = "none"
    mode: str = "balanced"
    zone: str = "UTC"
    unpriced: str = "charge"
    auto_routing: str = ON
    cost_tracking: str = ON
    usage_analytics: str = ON


NAMES = tuple(field.name for field in fields(SettingsDraft))


class Checked(NamedTuple):
    """What came of reading a draft. Where a text cannot be read, the value from before stands in its place."""

    config: ProjectConfig
    budget: Budget
    problems: Sequence[Problem]  # `field` is a field of the draft

    def of(self, field: str) -> Problem | None:
        """The first problem of a field, errors before warnings."""
        mine = [problem for problem in self.problems if problem.field == field]
        return min(mine, key=lambda problem: problem.warning, default=None)

    @property
    def refusals(self) -> list[Problem]:
        """What keeps the settings from being saved."""
        return [problem for problem in self.problems if not problem.warning]


def draft_of(config: ProjectConfig, budget: Budget) -> SettingsDraft:
    """A project's settings as the fields show them."""
    features = config.features
    return SettingsDraft(
        enabled=_word(config.enabled),
        default_model=config.default_model,
        fallback=", ".join(config.fallback),
        rollout=str(config.rollout),
        sticky=DECIDED[config.sticky],
        capture=config.capture.value,
        capture_days=str(config.capture_days),
        gateway_down=config.gateway_down.value,
        daily=_amount(config.cost_limits.daily),
        monthly=_amount(config.cost_limits.monthly),
        mode=budget.mode.value,
        zone=budget.zone,
        unpriced=budget.unpriced.value,
        auto_routing=_word(features.auto_routing),
        cost_tracking=_word(features.cost_tracking),
        usage_analytics=_word(features.usage_analytics),
    )


def check(draft: SettingsDraft, config: ProjectConfig, budget: Budget, served: Served) -> Checked:
    """Read a draft of settings that were `config` and `budget`. What is not edited here, the rules too, stays."""
    problems: list[Problem] = []
    values: dict[str, Any] = config.model_dump(mode="json", by_alias=True)
    values["enabled"] = draft.enabled == ON
    values["defaultModel"] = draft.default_model.strip()
    values["fallback"] = [model for part in draft.fallback.split(",") if (model := part.strip())]
    values["sticky"] = next(value for value, word in DECIDED.items() if word == draft.sticky)
    values["capture"] = draft.capture
    values["gatewayDown"] = draft.gateway_down
    values["features"] |= {
        "autoRouting": draft.auto_routing == ON,
        "costTracking": draft.cost_tracking == ON,
        "usageAnalytics": draft.usage_analytics == ON,
    }
    for field, low, high, says in (
        ("rollout", 0, 100, "a rollout is a whole percentage from 0 to 100"),
        ("capture_days", 1, 3650, "days from 1 to 3650"),
    ):
        text = str(getattr(draft, field)).strip().removesuffix("%").strip()
        if text.isascii() and text.isdigit() and low <= int(text) <= high:
            values[PATHS[field]] = int(text)
        else:
            problems.append(Problem(field, says))
    limits = _limits(draft, problems)
    values["costLimits"] |= {name: float(limit) if limit is not None else None for name, limit in limits.items()}
    zone, wrong = _zone(draft.zone, budget.zone)
    if wrong:
        problems.append(Problem("zone", wrong))
    read = ProjectConfig.model_validate(values)
    fields_of = {path: field for field, path in PATHS.items()}
    problems += [each._replace(field=fields_of[each.field]) for each in validate_default_model(read)]
    problems += _unserved(read, served)
    if read.rollout == 0:
        problems.append(Problem("rollout", "0 % leaves every session as requested", warning=True))
    changed = {"mode": draft.mode, "zone": zone, "unpriced": draft.unpriced}
    return Checked(read, Budget.model_validate(budget.model_dump() | changed | _caps(read)), problems)


def merged(mine: SettingsDraft, began: SettingsDraft, theirs: SettingsDraft) -> SettingsDraft:
    """What others have saved meanwhile, with what was changed here on top."""
    before, newest = asdict(began), asdict(theirs)
    return SettingsDraft(
        **{name: text if text != before[name] else newest[name] for name, text in asdict(mine).items()}
    )


def _limits(draft: SettingsDraft, problems: list[Problem]) -> Mapping[str, Decimal | None]:
    limits: dict[str, Decimal | None] = {}
    for name, text in (("daily", draft.daily), ("monthly", draft.monthly)):
        try:
            limits[name] = read_limit(text)
        except ValueError as problem:
            problems.append(Problem(name, str(problem)))
            continue
        if not text.strip():  # no limit is meant only where it is said
            problems.append(Problem(name, NO_LIMIT_OR_AMOUNT))
        elif limits[name] == 0:
            problems.append(Problem(name, BLOCKS, warning=True))
    problems += [Problem(name, problem) for name, problem in limit_problems(limits.get("daily"), limits.get("monthly"))]
    return limits


def _caps(config: ProjectConfig) -> dict[str, int | None]:
    caps = {"daily": config.cost_limits.daily, "monthly": config.cost_limits.monthly}
    wrong = dict(limit_problems(caps["daily"], caps["monthly"]))
    return {
        name: to_nanodollars(Decimal(str(cap))) if cap is not None else None
        for name, cap in caps.items()
        if name not in wrong
    }


def _zone(text: str, before: str) -> tuple[str, str]:
    """The zone, and what is wrong with it."""
    from conduit_tui.control.money_changes import check_zone
    from conduit_tui.control.plane import ControlError

    zone = text.strip()
    try:
        check_zone(zone)
    except ControlError as error:
        nearest = error.message.partition("; ")[2]
        return before, f"no time zone of this name; {nearest or 'such as Europe/Berlin'}"
    return zone, ""


def _unserved(config: ProjectConfig, served: Served) -> Iterator[Problem]:
    """Models that nobody serves: said, and not refused."""
    default = config.default_model
    if default not in ("", AS_REQUESTED) and not served(default):
        yield Problem("default_model", f"no provider serves {default}: as requested until one does", warning=True)
    if unserved := [model for model in config.fallback if not served(model)]:
        yield Problem("fallback", f"no provider serves {', '.join(unserved)}: passed over", warning=True)


def _word(on: bool) -> str:
    return ON if on else OFF


def _amount(dollars: float | None) -> str:
    return write_limit(None if dollars is None else to_nanodollars(Decimal(str(dollars))))
