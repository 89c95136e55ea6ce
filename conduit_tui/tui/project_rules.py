"""A project's rules as they stand, with what they did and what is wrong with them. No screen."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conduit_tui.domain.projects import DEFAULT_PROJECT, Project
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, Provider
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.rule_set import firing_order
from conduit_tui.routing.served import served_in
from conduit_tui.routing.validation import unusable, validate_rule
from conduit_tui.store.interface import Reader, RuleHits
from conduit_tui.tui.format import DAY, start_of_day

MODEL_DAYS = 30  # how long a model that was seen is offered


@dataclass(frozen=True)
class ProjectRules:
    """The rules of a project in firing order; `hits` are those of the last 24 hours, by rule id."""

    project: Project = field(default_factory=lambda: Project(name=DEFAULT_PROJECT))
    rules: Sequence[Rule] = ()
    hits: Mapping[str, RuleHits] = field(default_factory=dict)
    requests: int = 0  # of the project in the last 24 hours
    providers: Sequence[Provider] = BUILTIN_PROVIDERS
    bypass: bool = False

    @property
    def idle_reason(self) -> str:
        """Why no rule acts, empty if they do."""
        if self.bypass:
            return "bypass is on"
        if not self.project.config.enabled:
            return "the project is disabled"
        return "" if self.project.config.features.auto_routing else "automatic routing is off"

    @property
    def unmatched(self) -> int:
        """Requests of the last 24 hours that no rule decided."""
        return max(0, self.requests - sum(hits.requests for hits in self.hits.values()))

    def served(self, model: str) -> bool:
        """Whether any provider serves the model."""
        return bool(served_in(self.providers, model))

    def find(self, rule_id: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def worries(self, rule: Rule) -> list[str]:
        """What a person should know about a rule: why it cannot act, what its broken caches cost."""
        if reason := unusable(rule):
            return [f"cannot act: {reason}"]
        found = [problem.message for problem in validate_rule(rule, (), self.served) if problem.warning]
        hits = self.hits.get(rule.id, RuleHits())
        if hits.broken_caches:
            found.append(broken_caches(hits))
        return found


def broken_caches(hits: RuleHits) -> str:
    """`broke 6 caches ($0.48)`"""
    from conduit_tui.domain.money import format_dollars

    caches = "1 cache" if hits.broken_caches == 1 else f"{hits.broken_caches} caches"
    return f"broke {caches} ({format_dollars(hits.broken_cache_nanodollars)})"


def rules_of(project: Project) -> list[Rule]:
    """The rules of a project in firing order. Raises ValidationError where one is of a shape not known here."""
    return firing_order(Rule.model_validate(rule) for rule in project.config.routing_rules)


async def read(reader: Reader, name: str, now: int) -> ProjectRules:
    """A project's rules, and what they did in the last 24 hours; the default project's where there is none so named.

    Without a name it is the default project if that has rules, else the first one that has some.
    """
    project = _meant({project.name: project for project in await reader.projects()}, name)
    totals = await reader.usage_totals(since=now - DAY, until=now + 1, by="all", project=project.name)
    return ProjectRules(
        project=project,
        rules=rules_of(project),
        hits=await reader.rule_hits(project.name, now - DAY),
        requests=totals[0].requests if totals else 0,
        providers=(*await reader.providers(), *BUILTIN_PROVIDERS),
        bypass=await reader.bypass(),
    )


def _meant(projects: Mapping[str, Project], name: str) -> Project:
    if name in projects:
        return projects[name]
    default = projects.get(DEFAULT_PROJECT) or Project(name=DEFAULT_PROJECT)
    if name or default.config.routing_rules:
        return default
    return next((projects[each] for each in sorted(projects) if projects[each].config.routing_rules), default)


async def known_models(reader: Reader, known: ProjectRules, now: int) -> list[str]:
    """Names of models to offer: those seen of late, the busiest first, then those that rules name."""
    totals = await reader.usage_totals(since=now - MODEL_DAYS * DAY, until=now + 1, by="model")
    seen = [total.key for total in sorted(totals, key=lambda total: -total.requests) if total.key]
    return list(dict.fromkeys([*seen, *(rule.target_model for rule in known.rules if rule.target_model)]))


@dataclass(frozen=True)
class RuleWorry:
    """A rule that needs a person."""

    project: str
    rule_id: str
    text: str


async def worries_today(reader: Reader, project: str, now: int) -> list[RuleWorry]:
    """Rules that cannot act and rules that broke caches today, of one project or of all."""
    found = []
    providers = (*await reader.providers(), *BUILTIN_PROVIDERS)
    for each in await reader.projects():
        if project not in ("", each.name) or not each.config.routing_rules:
            continue
        hits = await reader.rule_hits(each.name, start_of_day(now))
        known = ProjectRules(project=each, hits=hits, providers=providers)
        rules = [rule for rule in rules_of(each) if rule.enabled]
        for rule, worries in zip(rules, await asyncio.to_thread(_all_worries, known, rules), strict=True):
            found += [RuleWorry(each.name, rule.id, f'rule "{rule.name}": {worry}') for worry in worries]
    return found


def _all_worries(known: ProjectRules, rules: Sequence[Rule]) -> list[list[str]]:
    return [known.worries(rule) for rule in rules]
