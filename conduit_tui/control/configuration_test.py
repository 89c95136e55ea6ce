"""Whether a configuration would do what it says: rules, models, providers, prices, budget, and a sample decision.

Nothing is asked but the providers that are configured, and those only for what is free.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from conduit_tui.control.plane import ConfigurationCheck, Outcome, ProviderTest
from conduit_tui.domain.budgets import Budget, limit_problems
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import Unpriced
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.projects import AS_REQUESTED, ProjectConfig
from conduit_tui.domain.providers import KeyKind, Provider
from conduit_tui.domain.rules import Rule
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.pricing.prices import Prices
from conduit_tui.routing.facts import Facts
from conduit_tui.routing.router import Asker, RuleSet
from conduit_tui.routing.served import fits_in, served_in, serving
from conduit_tui.routing.sticky import StickyMemory
from conduit_tui.routing.validation import Problem, read_rule, validate_default_model, validate_rules

PASSED = "Configuration test passed"
SAMPLE_MESSAGE = "Explain what this function does."
SAMPLE_MODELS = {
    Dialect.ANTHROPIC: "claude-sonnet-5-5",
    Dialect.OPENAI_CHAT: "gpt-5.2",
    Dialect.OPENAI_RESPONSES: "gpt-5.2",
}

Probe = Callable[[Provider], Awaitable[ProviderTest]]


class _Model(NamedTuple):
    """A model that the configuration names, and where."""

    name: str
    subject: str
    field: str
    acts: bool  # not one of a rule that is switched off


def failed(checks: Iterable[ConfigurationCheck]) -> list[ConfigurationCheck]:
    """What did not pass."""
    return [check for check in checks if check.outcome is Outcome.FAILED]


async def run(
    config: ProjectConfig,
    project: str,
    *,
    providers: Sequence[Provider],
    prices: Sequence[PriceOverride],
    budget: Budget,
    bypass: bool,
    probe: Probe,
) -> list[ConfigurationCheck]:
    """Look at everything; what was found, in the order in which a person would ask."""
    rules, checks = _read_rules(config)
    models = list(_models(config, rules))
    checks += _switches(config, bypass=bypass)
    checks += _targets(models, providers)
    checks += await _reached(_concerned(models, providers), probe)
    checks += await asyncio.to_thread(_prices, models, providers, Prices(Catalog(), prices), budget)
    checks += _budget(config, budget)
    checks += _sample(config, project, rules, providers)
    return checks


def _read_rules(config: ProjectConfig) -> tuple[list[Rule], list[ConfigurationCheck]]:
    rules: list[Rule] = []
    checks = []
    for number, given in enumerate(config.routing_rules):
        read = read_rule(given)
        if isinstance(read, Rule):
            rules.append(read)
        else:
            name = str(given.get("name", "")) or f"number {number + 1}"
            checks += [_of_rule(name, problem._replace(field=f"{number}.{problem.field}")) for problem in read]
    if not checks:
        checks = [_of_rule(rules[int(problem.field.split(".")[0])].name, problem) for problem in validate_rules(rules)]
    if not any(check.outcome is Outcome.FAILED for check in checks):
        on = sum(rule.enabled for rule in rules)
        said = f"{len(rules)} compile, {on} on" if rules else "there are none: the default model serves everything"
        checks.insert(0, ConfigurationCheck("rules", Outcome.PASSED, said))
    return rules, checks


def _of_rule(name: str, problem: Problem) -> ConfigurationCheck:
    outcome = Outcome.NOTE if problem.warning else Outcome.FAILED
    remedy = f"edit the rule on the Rules screen, or `conduit-tui rules edit '{name}'`"
    return ConfigurationCheck(f"rule {name}", outcome, problem.message, remedy, f"routingRules.{problem.field}")


def _switches(config: ProjectConfig, *, bypass: bool) -> Iterator[ConfigurationCheck]:
    def note(said: str, remedy: str, field: str = "") -> ConfigurationCheck:
        return ConfigurationCheck("routing", Outcome.NOTE, said, remedy, field)

    for problem in validate_default_model(config):
        remedy = "name a model, or as-requested for the one that the client asks for"
        yield ConfigurationCheck("default model", Outcome.FAILED, problem.message, remedy, problem.field)
    if bypass:
        yield note("the bypass is on: no rule acts and no project limit holds", "`conduit-tui bypass off`, or key B")
    if not config.enabled:
        yield note("the project is disabled: no rule acts and no limit of its holds", "enable it", "enabled")
    elif not config.features.auto_routing:
        yield note(
            "automatic routing is off: no rule acts, the default model holds", "switch it on", "features.autoRouting"
        )
    if config.rollout < 100:
        said = f"routing acts on {config.rollout} % of the sessions, the others get what they ask for"
        yield note(said, "raise the rollout when you trust it", "rollout")


def _models(config: ProjectConfig, rules: Sequence[Rule]) -> Iterator[_Model]:
    acts = config.enabled and config.features.auto_routing
    if config.default_model.strip() not in ("", AS_REQUESTED):
        yield _Model(config.default_model, "default model", "defaultModel", config.enabled)
    for number, model in enumerate(config.fallback):
        yield _Model(model, "fallback", f"fallback.{number}", config.enabled)
    for number, rule in enumerate(rules):
        where, on = f"rule {rule.name}", acts and rule.enabled
        if rule.target_model.strip() not in ("", AS_REQUESTED):
            yield _Model(rule.target_model, where, f"routingRules.{number}.targetModel", on)
        for place, model in enumerate(rule.fallback):
            yield _Model(model, f"{where}, fallback", f"routingRules.{number}.fallback.{place}", on)


def _targets(models: Sequence[_Model], providers: Sequence[Provider]) -> Iterator[ConfigurationCheck]:
    for model in models:
        dialects = served_in(providers, model.name)
        if not dialects:
            outcome = Outcome.FAILED if model.acts else Outcome.NOTE
            said = f"no provider serves {model.name}"
            remedy = (
                f"name another model, or a provider for it: `conduit-tui providers edit NAME --models {model.name}`"
            )
            yield ConfigurationCheck(model.subject, outcome, said, remedy, model.field)
            continue
        served = ", ".join(f"{dialect} by {_server(providers, dialect, model.name)}" for dialect in dialects)
        more = "" if len(dialects) == len(Dialect) else "; requests in another dialect pass it over"
        yield ConfigurationCheck(model.subject, Outcome.PASSED, f"{model.name}: {served}{more}", field=model.field)


def _server(providers: Sequence[Provider], dialect: Dialect, model: str) -> str:
    provider = serving(providers, dialect, model)
    return provider.name if provider else "nobody"


def _concerned(models: Sequence[_Model], providers: Sequence[Provider]) -> list[Provider]:
    """Whom the named models go to, and the user's own providers; where that is nobody, the built-in ones."""
    names = {_server(providers, dialect, model.name) for model in models for dialect in Dialect}
    found = [provider for provider in providers if provider.name in names or not provider.builtin]
    return found or list(providers)


async def _reached(providers: Sequence[Provider], probe: Probe) -> list[ConfigurationCheck]:
    tests = await asyncio.gather(*map(probe, providers))
    return [_of_provider(provider, test) for provider, test in zip(providers, tests, strict=True)]


def _of_provider(provider: Provider, test: ProviderTest) -> ConfigurationCheck:
    subject = f"provider {provider.name}"
    if test.ok:
        said = f"{provider.origin} {test.detail} ({test.took_ms:,.0f} ms)"
        if provider.key.kind is KeyKind.PASS_THROUGH:
            said = f"{provider.origin} answers ({test.took_ms:,.0f} ms); only that it can be reached was tested: "
            said += "clients bring their own keys"
        return ConfigurationCheck(subject, Outcome.PASSED, said)
    remedy = f"see whether {provider.origin} is right and up; `conduit-tui providers test {provider.name}` tries again"
    if provider.key.stored_here and "cannot be reached" not in test.detail:
        remedy = f"give it another key: `conduit-tui providers key {provider.name}`"
        if provider.key.kind is KeyKind.ENVIRONMENT:
            remedy = f"set {provider.key.reference} where the daemon is started and start it anew, or {remedy}"
    return ConfigurationCheck(subject, Outcome.FAILED, test.detail, remedy)


def _prices(
    models: Sequence[_Model], providers: Sequence[Provider], prices: Prices, budget: Budget
) -> list[ConfigurationCheck]:
    now = int(time.time() * 1000)
    unknown = []
    for name in dict.fromkeys(model.name for model in models):
        dialects = served_in(providers, name)
        hint = _server(providers, dialects[0], name) if dialects else ""
        if not prices.knows(name, hint, now):
            unknown.append(name)
    blocks = budget.unpriced is Unpriced.BLOCK
    what = "the budget refuses it" if blocks else "it is charged at the unknown-model rate"
    checks = [
        ConfigurationCheck(
            "prices", Outcome.FAILED if blocks else Outcome.NOTE, f"no price is known for {name}: {what}",
            f"`conduit-tui prices set {name} --help` shows how to give it one",
        )
        for name in unknown
    ]  # fmt: skip
    known = len({model.name for model in models}) - len(unknown)
    if known and not unknown:
        checks.append(ConfigurationCheck("prices", Outcome.PASSED, f"known for {known} named models"))
    return checks


def _budget(config: ProjectConfig, budget: Budget) -> Iterator[ConfigurationCheck]:
    daily, monthly = config.cost_limits.daily, config.cost_limits.monthly
    problems = limit_problems(daily, monthly)
    for name, problem in problems:
        remedy = f"`conduit-tui budget set --{name} USD`, or none for no limit"
        yield ConfigurationCheck("budget", Outcome.FAILED, problem, remedy, f"costLimits.{name}")
    if problems:
        return
    for name, limit in (("daily", daily), ("monthly", monthly)):
        if limit == 0:
            yield ConfigurationCheck(
                "budget", Outcome.NOTE, f"the {name} limit is 0 and blocks everything",
                "none is no limit", f"costLimits.{name}",
            )  # fmt: skip
    if (daily is not None or monthly is not None) and not config.features.cost_tracking:
        yield ConfigurationCheck(
            "budget", Outcome.NOTE, "cost tracking is off, so the project's limits do not hold",
            "switch cost tracking on", "features.costTracking",
        )  # fmt: skip
    limits = [
        f"${limit:,.2f} a {period}" for limit, period in ((daily, "day"), (monthly, "month")) if limit is not None
    ]
    said = f"{' and '.join(limits)}, {budget.mode}, days of {budget.zone}" if limits else "no limit is set"
    yield ConfigurationCheck("budget", Outcome.PASSED, said)


def _sample(
    config: ProjectConfig, project: str, rules: Sequence[Rule], providers: Sequence[Provider]
) -> Iterator[ConfigurationCheck]:
    """What would become of a short question, in the dialect of the first provider."""
    own = [provider for provider in providers if not provider.builtin]
    dialect = own[0].dialects[0] if own else Dialect.ANTHROPIC
    asked = next((name for each in own for name in each.models if not set(name) & set("*?[")), SAMPLE_MODELS[dialect])
    facts = Facts(
        {
            "message": SAMPLE_MESSAGE, "system": "", "model": asked, "dialect": dialect, "project": project,
            "agentType": "", "tokenCount": 40, "flags": (), "maxTokens": 1024, "toolCount": 0, "messageCount": 1,
            "budgetUsed": 0, "hour": 12, "weekday": 3, "session": "sample", "requestClass": "main",
        }
    )  # fmt: skip
    facts.patient = True
    named = [rule if rule.id else rule.model_copy(update={"id": rule.name}) for rule in rules]
    routed = config.model_copy(update={"rollout": 100})  # the sample is one of those that routing acts on
    routing = RuleSet(named).route(
        facts, asked, routed, Asker("sample", "sample", "main"),
        sticky=StickyMemory(), fits=fits_in(providers, dialect),
    )  # fmt: skip
    decision = routing.decision
    provider = serving(providers, dialect, decision.model)
    said = f"a short question for {asked} ({dialect}) goes to {decision.model}"
    if provider is None:
        remedy = "add a provider that serves it: `conduit-tui providers add --help`"
        yield ConfigurationCheck("sample request", Outcome.FAILED, f"{said}, which no provider serves", remedy)
    else:
        yield ConfigurationCheck(
            "sample request", Outcome.PASSED, f"{said} at {provider.name} ({decision.source}: {decision.reason})"
        )
