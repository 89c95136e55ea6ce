"""What the demo's people have decided: rules that send small work to a small model, and limits for a day."""

from functools import partial

from conduit_tui.demo import scenery
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.decisions import DecisionSource
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.projects import CostLimits, Project, ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import parse
from conduit_tui.store import budgets
from conduit_tui.store.sqlite import SqliteStore

UNROUTED = "docs"  # the project that has no rules, to compare with

EXPLORE, TITLES = "explore", "titles"
RULES = (
    ("big context", 5, 'tokenCount > 150000 and model contains "opus"', scenery.SONNET, True),
    (EXPLORE, 10, 'agentType = "Explore"', scenery.HAIKU, True),
    (TITLES, 20, 'requestClass = "auxiliary"', scenery.HAIKU, True),
    ("night shift", 1, "hour >= 22 or hour < 6", scenery.SONNET, False),
)
LIMITS = (
    Budget(daily=100 * NANO_PER_DOLLAR, monthly=2_000 * NANO_PER_DOLLAR),
    Budget(project="api-server", daily=40 * NANO_PER_DOLLAR),
)


async def decide_on(store: SqliteStore) -> None:
    """Put the rules and limits in force."""
    for scene in scenery.SCENES:
        rules = () if scene.project == UNROUTED else tuple(rules_in_force())
        config = ProjectConfig(routing_rules=rules, cost_limits=_limits(scene.project))
        await store.add_project(Project(name=scene.project, config=config))
    for budget in LIMITS:
        await store.run(partial(budgets.put, budget=budget))


def _limits(project: str) -> CostLimits:
    """A project's limits as its configuration has them, which its history compares with."""
    budget = next((one for one in LIMITS if one.project == project), Budget())
    daily, monthly = (cap and cap / NANO_PER_DOLLAR for cap in (budget.daily, budget.monthly))
    return CostLimits(daily=daily, monthly=monthly)


def rules_in_force() -> list[dict[str, object]]:
    """The rules as files have them."""
    return [
        Rule(
            id=name, name=name, priority=priority, conditions=parse(when), target_model=model.name, enabled=enabled
        ).model_dump(by_alias=True)
        for name, priority, when, model, enabled in RULES
    ]


def routed(project: str, agent_type: str, request_class: str, asked: scenery.Model) -> tuple[scenery.Model, str]:
    """The model that serves a request of the past, and the rule that chose it; empty where none did."""
    if project != UNROUTED:
        if request_class == "auxiliary":
            return scenery.HAIKU, TITLES
        if agent_type == "Explore":
            return scenery.HAIKU, EXPLORE
    return asked, ""


def reason(rule: str) -> tuple[DecisionSource, str]:
    """How a decision of the past was put."""
    if not rule:
        return DecisionSource.CLIENT, "no rule matched: as requested"
    when = next(when for name, _, when, _, _ in RULES if name == rule)
    return DecisionSource.RULE, f'rule "{rule}": {when}'
