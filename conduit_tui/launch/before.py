"""What is decided before an agent starts: whether there is money, which model the rules want, which way it goes."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from conduit_tui.domain.budgets import Gauge
from conduit_tui.domain.decisions import DecisionSource
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import dollars, limit_name, reset_time
from conduit_tui.domain.projects import Project
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.rules import Rule
from conduit_tui.launch.agents.agent import Agent
from conduit_tui.routing.facts import UNKNOWN, Bounds, Facts
from conduit_tui.routing.router import Asker, RuleSet
from conduit_tui.routing.served import fits_in
from conduit_tui.routing.sticky import StickyMemory

# What only a request can tell: a rule that asks for it is left to the gateway.
_NOT_KNOWN_YET = (
    "system", "requestClass", "maxTokens", "toolCount", "messageCount", "budgetUsed", "agent",
)  # fmt: skip


class Choice(NamedTuple):
    """What the rules say of a command line: the model and the words to put it in, empty and as given without one."""

    arguments: tuple[str, ...]
    model: str = ""
    reason: str = ""
    note: str = ""  # a choice that could not be put into words


def new_run_id() -> str:
    """An id that nobody else has."""
    return secrets.token_hex(16)


def rules_of(project: Project, session: str, *, bypass: bool) -> RuleSet:
    """The rules that act on a project's runs: none in a bypass, while it is disabled or its automatic routing is off.

    A rollout hangs on the session, so what is rolled out to some of them is left to the gateway where it is not known.
    """
    config = project.config
    off = bypass or not config.enabled or not config.features.auto_routing
    if off or (config.rollout < 100 and not session):
        return RuleSet()
    rules = [Rule.model_validate(rule) for rule in config.routing_rules]
    return RuleSet(rule for rule in rules if rule.rollout >= 100 or session)


def limit_reached(
    gauges: Sequence[Gauge], project: Project, model: str, agent_type: str, *, bypass: bool, now: int
) -> str:
    """Why nothing may be started, in the words that the gateway would use; empty if something may."""
    limited = not bypass and project.config.enabled and project.config.features.cost_tracking
    for gauge in gauges:
        window = gauge.window
        if window.cap is None or window.spent < window.cap or (window.scope.project and not limited):
            continue
        if (window.scope.model and not model) or not window.scope.counts(project.name, model, agent_type):
            continue
        return (
            f"{limit_name(window)} exceeded: {dollars(window.spent)} of {dollars(window.cap)} spent; "
            f"resets {reset_time(window.zone, window.ends_at, now)}"
        )
    return ""


def choose_model(
    agent: Agent,
    arguments: Sequence[str],
    *,
    project: Project,
    rules: RuleSet,
    providers: Sequence[Provider],
    message: str | None,
    agent_type: str,
    session: str,
    run_id: str,
) -> Choice:
    """Ask the rules what they make of a command line, and put the model that they choose into it."""
    given = tuple(arguments)
    if not len(rules):
        return Choice(given)
    line = agent.command_line
    asked = line.model(given)
    now = datetime.now(UTC)
    size = len((message or "").encode("utf-8", "replace"))
    sources: dict[str, Any] = dict.fromkeys(_NOT_KNOWN_YET, UNKNOWN) | {
        "flags": line.flags(given),
        "message": message,
        "tokenCount": lambda: min(size, _count(message or "", asked)),
        "agentType": agent_type or None,
        "session": session or UNKNOWN,
        "model": asked or UNKNOWN,
        "project": project.name,
        "dialect": UNKNOWN if len(agent.dialects) > 1 else agent.dialects[0],
        "hour": now.hour,
        "weekday": now.isoweekday(),
    }
    unknown = {"header": lambda _name: UNKNOWN, "metadata": lambda _path: UNKNOWN}
    # a token is at least a byte, which answers for short messages without counting
    facts = Facts(sources, families=unknown, bounds={"tokenCount": lambda: Bounds(0, size)})
    facts.patient = True
    speaks = [fits_in(providers, Dialect(dialect)) for dialect in agent.dialects]
    decision = rules.route(
        facts,
        asked,
        project.config,
        Asker(run_id, session),
        sticky=StickyMemory(),
        fits=lambda model: any(fits(model) for fits in speaks),
    ).decision
    if decision.source is not DecisionSource.RULE or decision.model in ("", asked):
        return Choice(given)
    changed = line.with_model(given, decision.model)
    if changed is None:
        note = f"{decision.reason}, would use {decision.model}: {agent.name} cannot be told, the gateway decides"
        return Choice(given, note=note)
    return Choice(tuple(changed), decision.model, decision.reason)


def _count(text: str, model: str) -> int:
    from conduit_tui.routing.tokens import count, family_ratio

    return round(count(text) * family_ratio(model))
