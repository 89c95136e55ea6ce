"""What a file would change of what is configured, and what of it wants a person's word."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from conduit_tui.domain.budgets import Budget, Raise
from conduit_tui.domain.limits import Mode, Scope, Unpriced, dollars
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.projects import CostLimits, ProjectConfig
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.domain.transfers import Line, Question
from conduit_tui.store import budgets, price_overrides
from conduit_tui.transfer.stored import StoredProject, StoredProvider, stored_projects, stored_providers

Described = Callable[[ProjectConfig, ProjectConfig], Sequence[str]]
"""What differs between two configurations, in words."""

NO_KEY = KeySource(kind=KeyKind.NONE)


class Configured(NamedTuple):
    """What is configured: now, or as a file wants it."""

    projects: dict[str, StoredProject]
    providers: dict[str, StoredProvider]
    budgets: dict[Scope, Budget]
    prices: dict[tuple[str, str], PriceOverride]


class Decisions(NamedTuple):
    """What is to be written, and how it is told. Unapproved questions are decided as they say."""

    projects: list[StoredProject]
    providers: list[StoredProvider]
    budgets: list[Budget]
    prices: list[PriceOverride]
    lines: list[Line]
    questions: list[Question]


def configured(connection: sqlite3.Connection) -> Configured:
    """What is configured now."""
    return Configured(
        {one.name: one for one in stored_projects(connection)},
        {one.provider.name: one for one in stored_providers(connection)},
        {one.budget.scope: one.budget for one in budgets.all_of(connection)},
        {(one.provider, one.model): one for one in price_overrides.all_of(connection)},
    )


def decide(now: Configured, wanted: Configured, described: Described, approved: Collection[str]) -> Decisions:
    """What to write so that everything in `wanted` is so; what it does not name stays."""
    made = _Deciding(now, wanted, described, frozenset(approved))
    made.decide_budgets()
    made.decide_projects()
    made.decide_providers()
    made.decide_prices()
    return made.decisions


class _Deciding:
    def __init__(self, now: Configured, wanted: Configured, described: Described, approved: frozenset[str]) -> None:
        self._now = now
        self._wanted = wanted
        self._described = described
        self._approved = approved
        self._final: dict[Scope, Budget] = {}
        self.decisions = Decisions([], [], [], [], [], [])

    def _ask(self, id_: str, text: str, otherwise: str) -> bool:
        self.decisions.questions.append(Question(id_, text, otherwise))
        return id_ in self._approved

    def _say(self, sign: str, text: str) -> None:
        self.decisions.lines.append(Line(sign, text))

    def decide_budgets(self) -> None:
        wanted = dict(self._wanted.budgets)
        for name, project in self._wanted.projects.items():
            scope = Scope(name)
            if scope not in wanted:
                wanted[scope] = _with_limits(self._now.budgets.get(scope) or Budget(project=name), project.config)
        for scope, budget in wanted.items():
            before = self._now.budgets.get(scope)
            final = budget
            looser = list(_looser(before, budget)) if before is not None else []
            if looser and not self._ask(f"caps:{scope}", f"{scope}: {'; '.join(looser)}", "stays as it is"):
                assert before is not None
                final = _tighter(before, budget)
            self._final[scope] = final
            if final != before and (before is not None or final != Budget(**scope._asdict())):
                self.decisions.budgets.append(final)
                if scope.model or scope.agent_type or not scope.project:
                    self._say("~" if before else "+", f"budget {scope}: {_caps(final)}")

    def decide_projects(self) -> None:
        for name, project in self._wanted.projects.items():
            before = self._now.projects.get(name)
            final = self._final[Scope(name)]
            config = project.config.model_copy(update={"cost_limits": _limits(final)})
            if before is not None:
                config = self._still_limited(name, before.config, config, final)
            if before is None:
                rules = len(config.routing_rules)
                archived = ", archived" if project.archived_at else ""
                self._say("+", f"project {name}: {rules} {'rule' if rules == 1 else 'rules'}, {_caps(final)}{archived}")
                self.decisions.projects.append(project._replace(config=config))
                self._lines(name, "+", self._described(ProjectConfig(), config))
            elif changes := self._described(before.config, config):
                self.decisions.projects.append(project._replace(config=config))
                self._lines(name, "~", changes)
            elif before.untouched and project.created_at:  # it is the other one from now on, with its history
                self.decisions.projects.append(project._replace(config=config))

    def _lines(self, name: str, sign: str, changes: Iterable[str]) -> None:
        for change in changes:
            mark = {"added": "+", "removed": "-"}.get(change.partition(" ")[0], sign)
            self._say(mark, f"project {name}: {change}")

    def _still_limited(self, name: str, before: ProjectConfig, after: ProjectConfig, budget: Budget) -> ProjectConfig:
        """A project whose limits would no longer count is asked about."""
        off = [
            word
            for word, was, would in (
                ("enabled", before.enabled, after.enabled),
                ("features.costTracking", before.features.cost_tracking, after.features.cost_tracking),
            )
            if was and not would
        ]
        if not off or not budget.limits:
            return after
        text = f"project {name}: its limits no longer count ({', '.join(off)} off)"
        if self._ask(f"caps:project {name} off", text, "it stays on"):
            return after
        features = after.features.model_copy(update={"cost_tracking": before.features.cost_tracking})
        return after.model_copy(update={"enabled": before.enabled, "features": features})

    def decide_providers(self) -> None:
        references: dict[str, set[str]] = {}
        for one in self._now.providers.values():
            references.setdefault(_reference(one.provider.key), set()).add(str(one.provider.origin))
        for name, one in self._wanted.providers.items():
            before = self._now.providers.get(name)
            provider = self._provider(one.provider, before.provider if before else None, references)
            provider = self._only_default(provider)
            if before is None:
                self._say("+", f"provider {name} at {provider.base_url}, {_key(provider.key)}, {_models(provider)}")
            elif provider != before.provider:
                for change in _differences(before.provider, provider):
                    self._say("~", f"provider {name}: {change}")
            if before is None or provider != before.provider:
                self.decisions.providers.append(one._replace(provider=provider))

    def _provider(self, wanted: Provider, before: Provider | None, bound: dict[str, set[str]]) -> Provider:
        """A key never follows to another origin, and one that is not known here goes nowhere unasked."""
        origin = str(wanted.origin)
        if before is not None and before.origin != wanted.origin:
            text = f"provider {wanted.name} moves from {before.origin} to {origin}, and requests with it"
            if not self._ask(f"providers:{wanted.name}", text, "it stays where it is"):
                return before
            self._say("!", f"provider {wanted.name} is without a key at {origin}: keys do not follow; set it anew")
            return wanted.model_copy(update={"key": NO_KEY})
        if wanted.key.kind is KeyKind.NONE or (before is not None and before.key == wanted.key):
            return wanted
        if bound.get(_reference(wanted.key), {origin}) != {origin} and wanted.key.stored_here:
            self._say("!", f"provider {wanted.name} is without a key: {_key(wanted.key)} belongs to another origin")
            return wanted.model_copy(update={"key": before.key if before else NO_KEY})
        goes = f"{_key(wanted.key)} is sent to {origin}"
        otherwise = "its key stays as it is" if before else "it comes without a key"
        if self._ask(f"providers:{wanted.name}", f"provider {wanted.name}: {goes}", otherwise):
            return wanted
        return wanted.model_copy(update={"key": before.key if before else NO_KEY})

    def _only_default(self, provider: Provider) -> Provider:
        taken = [one.provider for name, one in self._now.providers.items() if name not in self._wanted.providers]
        taken += [one.provider for one in self.decisions.providers]
        for other in taken:
            if provider.default and other.default and set(provider.dialects) & set(other.dialects):
                self._say("!", f"provider {provider.name} is not the default: {other.name} is")
                return provider.model_copy(update={"default": False})
        return provider

    def decide_prices(self) -> None:
        guarded = any(budget.limits for budget in self._now.budgets.values())
        for key, price in self._wanted.prices.items():
            before = self._now.prices.get(key)
            if before is not None and before.model_copy(update={"updated_at": price.updated_at}) == price:
                continue
            at = f" at {price.provider}" if price.provider else ""
            rates = "free" if price.free else f"{_rate(price.input)} in, {_rate(price.output)} out"
            text = f"price of {price.model}{at}: {rates}"
            if guarded and not self._ask(f"caps:price {price.model}{at}", f"{text}; limits count by it", "no change"):
                continue
            self._say("~" if before else "+", text)
            self.decisions.prices.append(price)


def _with_limits(budget: Budget, config: ProjectConfig) -> Budget:
    limits = {name: budgets.nanodollars(getattr(config.cost_limits, name)) for name in ("daily", "monthly")}
    return budget if limits == {"daily": budget.daily, "monthly": budget.monthly} else budget.model_copy(update=limits)


def _limits(budget: Budget) -> CostLimits:
    daily, monthly = (None if cap is None else cap / NANO_PER_DOLLAR for cap in (budget.daily, budget.monthly))
    return CostLimits(daily=daily, monthly=monthly)


def _above(cap: int | None, before: int | None) -> bool:
    return before is not None and (cap is None or cap > before)


def _looser(before: Budget, after: Budget) -> Iterator[str]:
    for name in ("daily", "monthly"):
        was, cap = getattr(before, name), getattr(after, name)
        if _above(cap, was):
            yield f"{name} limit {_cap(was)} -> {_cap(cap)}"
    if after.raised is not None and after.raised != before.raised:
        yield f"limits raised to {_cap(after.raised.daily)} a day, {_cap(after.raised.monthly)} a month for a time"
    if before.limits and before.mode is Mode.STRICT and after.mode is not Mode.STRICT:
        yield "strict -> balanced"
    if before.unpriced is Unpriced.BLOCK and after.unpriced is not Unpriced.BLOCK:
        yield "models without a price are no longer blocked"
    if before.limits and before.zone != after.zone:
        yield f"days and months of {before.zone} -> {after.zone}"


def _tighter(before: Budget, after: Budget) -> Budget:
    """The tighter of both in everything."""

    def least(name: str) -> int | None:
        caps = [cap for cap in (getattr(before, name), getattr(after, name)) if cap is not None]
        return min(caps, default=None)

    raised: Raise | None = before.raised if after.raised == before.raised else None
    return before.model_copy(
        update={
            "daily": least("daily"),
            "monthly": least("monthly"),
            "raised": raised,
            "mode": Mode.STRICT if Mode.STRICT in (before.mode, after.mode) else after.mode,
            "unpriced": Unpriced.BLOCK if Unpriced.BLOCK in (before.unpriced, after.unpriced) else after.unpriced,
        }
    )


def _cap(cap: int | None) -> str:
    return "none" if cap is None else dollars(cap)


def _caps(budget: Budget) -> str:
    parts = [
        f"{_cap(cap)} {each}" for cap, each in ((budget.daily, "daily"), (budget.monthly, "monthly")) if cap is not None
    ]
    return ", ".join([*parts, str(budget.mode)] if parts else ["no limit"])


def _rate(nanodollars: int) -> str:
    return f"{dollars(nanodollars)}/M"


def _reference(key: KeySource) -> str:
    return f"{key.kind}:{key.reference}"


def _key(key: KeySource) -> str:
    return {
        KeyKind.PASS_THROUGH: "the client's own key",
        KeyKind.ENVIRONMENT: f"the key in ${key.reference}",
        KeyKind.FILE: f"the key in {key.reference}",
        KeyKind.NONE: "no key",
    }[key.kind]


def _models(provider: Provider) -> str:
    return f"for {', '.join(provider.models[:4])}" if provider.models else "for no model by name"


def _differences(before: Provider, after: Provider) -> Iterator[str]:
    if before.base_url != after.base_url:
        yield f"base URL {before.base_url} -> {after.base_url}"
    if before.key != after.key:
        yield f"{_key(before.key)} -> {_key(after.key)}"
    for name in ("dialects", "models"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield f"{name} {', '.join(was) or 'none'} -> {', '.join(now) or 'none'}"
    if before.default != after.default:
        yield "is the default now" if after.default else "is no longer the default"
