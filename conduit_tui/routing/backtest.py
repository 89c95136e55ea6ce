"""Rules tried on the requests of the past: where each would have gone, and what it would have cost."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.domain.projects import AS_REQUESTED, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.usage import Usage
from conduit_tui.pricing.catalog import NO_PRICE, UNKNOWN_MODEL, Catalog
from conduit_tui.routing.backtest_result import BacktestResult, DayCost, ModelChange, RuleResult
from conduit_tui.routing.caches import Conversation, Simulated
from conduit_tui.routing.recorded import COUNT_DOUBT, facts_of, kind_of
from conduit_tui.routing.router import Asker, Routing, RuleSet
from conduit_tui.routing.rule_set import firing_order
from conduit_tui.routing.served import fits_in, serving
from conduit_tui.routing.sticky import StickyMemory
from conduit_tui.routing.tally import DAY_MS, Sum, Tally
from conduit_tui.routing.tokens import family_ratio

if TYPE_CHECKING:
    from conduit_tui.pricing.prices import Prices


KINDS_AT_ONCE = 10_000
TOKEN_DOUBT = 0.10  # of a count that another tokenizer would make
VERBOSITY_DOUBT = 0.30  # of the length of another model's answer

_LENGTH = (
    f"another model's answer is taken to be as long as the one that was given; the interval allows "
    f"{VERBOSITY_DOUBT:.0%} more or less"
)
_TOKENS = (
    f"another tokenizer's counts are converted by the ratio of the families; the interval allows {TOKEN_DOUBT:.0%} "
    "more or less"
)
_CACHES = (
    "a prompt cache lives 5 minutes at Anthropic (an hour where that was asked for) and 10 at OpenAI; after a switch "
    "in mid-session the new model has none, and what was read from it is written again or paid in full"
)
_COUNTS = (
    f"where the tokens of a request were not counted at the time, the provider's count stands for them, within "
    f"{COUNT_DOUBT:.0%}; nearer to a rule's limit than that, the request is unknown"
)
_SWITCHED_ON = "the project's routing is switched off; it is tried as if it were on"
_ROLLED_OUT = "the project's rollout holds here too: routing acts on its share of the sessions only"
_AS_IT_WAS = "requests that are unknown or unpriced count as they were"


class _Costs(NamedTuple):
    """What a request would have cost: likely, at the least and at the most; None: no price is known."""

    now: int
    low: int
    high: int
    broken_cost: int = 0
    priced: bool = True


class Backtest:
    """One run: give it batches of requests in the order in which they were made, then take the result.

    It keeps sums, no requests: the `tally`. Whoever wants to stop stops giving. Sessions that were given to another run
    of the same rules come in by `tally.merge`.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        config: ProjectConfig,
        providers: Sequence[Provider],
        prices: "Prices | Catalog",
    ) -> None:
        self.tally = Tally()
        named = [rule if rule.id else rule.model_copy(update={"id": rule.name}) for rule in rules]
        self._rules = firing_order(named)
        self._set = RuleSet(named)
        self._config = _switched_on(config)
        self._was_on = self._config == config
        self._providers = providers
        self._prices = prices
        self._fits: dict[str, Callable[[str], bool]] = {}
        self._hints: dict[tuple[str, str], str] = {}
        self._kinds: dict[Hashable, tuple[int, ...]] = {}
        self._sticky = StickyMemory(sessions=1 << 31)
        self._conversations: dict[tuple[str, str, str], Conversation] = defaultdict(Conversation)

    @property
    def needs(self) -> frozenset[str]:
        """The facts that the rules ask for: what need not be read of the past is none of these."""
        return self._set.needs

    def add(self, requests: Iterable[RecordedRequest]) -> None:
        """Try the rules on some more requests."""
        for request in requests:
            self._try(request)

    def _try(self, request: RecordedRequest) -> None:
        routing = self._route(request)
        decision = routing.decision
        model, rule_id = decision.model, decision.rule_id
        if routing.unknown:
            rule_id = ""
        if routing.unknown or model == request.decided_model:
            model = request.routed_model  # which may be the fallback of the decided one
        then = request.cost_nanodollars
        if request.usage.input_tokens:
            simulated, costs = self._costs(request, model)
        else:
            simulated, costs = Simulated(request.usage), _Costs(then, then, then)
        tally = self.tally
        tally.add(request.created_at, (request.routed_model, model), rule_id, then, costs.now)
        tally.low += costs.low
        tally.high += costs.high
        tally.unknown += routing.unknown
        tally.unmatched += not (rule_id or routing.unknown)
        tally.unpriced += not costs.priced
        tally.kept_caches += simulated.gained_tokens > 0
        if simulated.broken:
            tally.add_broken_cache(rule_id, simulated.lost_tokens, costs.broken_cost)

    def _route(self, request: RecordedRequest) -> Routing:
        facts = facts_of(request, self._set.needs)
        return self._set.route(
            facts,
            request.requested_model,
            self._config,
            Asker(request.exchange_id, request.session, request.request_class),
            sticky=self._sticky,
            fits=self._served_in(request.dialect),
            among=self._worth_asking(request),
        )

    def _served_in(self, dialect: str) -> Callable[[str], bool]:
        fits = self._fits.get(dialect)
        if fits is None:
            fits = self._fits[dialect] = fits_in(self._providers, dialect)
        return fits

    def _worth_asking(self, request: RecordedRequest) -> tuple[int, ...]:
        """The rules that may match, found once for requests that differ in numbers only, as an agent's turn does."""
        kind = kind_of(request, self._set.needs)
        found = self._kinds.get(kind)
        if found is None:
            if len(self._kinds) >= KINDS_AT_ONCE:
                self._kinds.clear()
            found = self._kinds[kind] = self._set.worth_asking(facts_of(request, self._set.needs, numbers=False))
        return found

    def _costs(self, request: RecordedRequest, model: str) -> tuple[Simulated, _Costs]:
        """The request at this model: its usage with the cache as it would be, and what that costs."""
        then, usage, served = request.cost_nanodollars, request.usage, request.routed_model
        ratio = 1.0 if model == served else family_ratio(model) / family_ratio(served)
        scaled = usage if ratio == 1 else _scaled(usage, ratio)
        simulated = Simulated(scaled)
        if request.session:
            key = (request.session, request.agent, request.request_class)
            simulated = self._conversations[key].next(request.created_at, request.dialect, usage, served, model, scaled)
        if model == served and simulated.usage is usage:
            return simulated, _Costs(then, then, then)
        warm = self._price(request, model, scaled) if request.priced else None
        if warm is None:
            return Simulated(scaled), _Costs(then, then, then, priced=False)
        likely = self._price(request, model, simulated.usage) or 0
        broken = likely - warm if simulated.broken else 0
        if model == served:
            now = then + likely - warm
            return simulated, _Costs(now, now, now, broken)
        low, high = (
            self._price(request, model, _doubted(simulated.usage, sign, other_tokens=ratio != 1)) or 0
            for sign in (-1, 1)
        )
        return simulated, _Costs(likely, low, high, broken)

    def _price(self, request: RecordedRequest, model: str, usage: Usage) -> int | None:
        key = (request.dialect, model)
        hint = self._hints.get(key)
        if hint is None:
            provider = serving(self._providers, request.dialect, model)
            hint = self._hints[key] = provider.name if provider else ""
        price = self._prices.price(model, usage, hint, request.created_at, request.extras)
        return None if price.source in (NO_PRICE, UNKNOWN_MODEL) else price.nanodollars

    def result(self, project: str, since: int, until: int) -> BacktestResult:
        """What has come of the requests so far."""
        tally = self.tally
        return BacktestResult(
            project=project,
            since=since,
            until=until,
            requests=tally.all.requests,
            changed=tally.all.changed,
            unknown=tally.unknown,
            unpriced=tally.unpriced,
            cost_then=tally.all.then,
            cost_now=tally.all.now,
            cost_low=tally.low,
            cost_high=tally.high,
            broken_caches=tally.all.broken_caches,
            broken_cache_tokens=tally.broken_tokens,
            broken_cache_cost=tally.all.broken_cost,
            kept_caches=tally.kept_caches,
            rules=tuple(self._rule_result(rule) for rule in self._rules),
            unmatched=tally.unmatched,
            models=tuple(
                ModelChange(
                    from_model=old, to_model=new, requests=each.requests, cost_then=each.then, cost_now=each.now
                )
                for (old, new), each in sorted(tally.by_models.items(), key=lambda item: (-item[1].then, item[0]))
            ),
            days=tuple(
                DayCost(day=_date(day), requests=each.requests, cost_then=each.then, cost_now=each.now)
                for day, each in sorted(tally.by_day.items())
            ),
            assumptions=self._assumptions(),
        )

    def _rule_result(self, rule: Rule) -> RuleResult:
        each = self.tally.by_rule.get(rule.id) or Sum()
        return RuleResult(
            rule_id=rule.id,
            name=rule.name,
            target_model=rule.target_model,
            enabled=rule.enabled,
            requests=each.requests,
            changed=each.changed,
            cost_then=each.then,
            cost_now=each.now,
            broken_caches=each.broken_caches,
            broken_cache_cost=each.broken_cost,
        )

    def _assumptions(self) -> tuple[str, ...]:
        changed = [(old, new) for old, new in self.tally.by_models if old != new]
        said = {
            _SWITCHED_ON: not self._was_on,
            _ROLLED_OUT: self._config.rollout < 100,
            _LENGTH: bool(changed),
            _TOKENS: any(family_ratio(old) != family_ratio(new) for old, new in changed),
            _CACHES: bool(self.tally.broken_tokens or self.tally.kept_caches),
            _COUNTS: "tokenCount" in self._set.needs,
            _AS_IT_WAS: bool(self.tally.unknown or self.tally.unpriced),
        }
        return tuple(text for text, holds in said.items() if holds)


def _switched_on(config: ProjectConfig) -> ProjectConfig:
    features = config.features.model_copy(update={"auto_routing": True})
    default = config.default_model.strip() or AS_REQUESTED
    return config.model_copy(update={"enabled": True, "features": features, "default_model": default})


def _scaled(usage: Usage, ratio: float) -> Usage:
    return Usage._make([round(tokens * ratio) for tokens in usage])


def _doubted(usage: Usage, sign: int, *, other_tokens: bool) -> Usage:
    """The usage at one end of the interval."""
    tokens = 1 + sign * TOKEN_DOUBT * other_tokens
    answer = tokens * (1 + sign * VERBOSITY_DOUBT)
    prompt = _scaled(usage, tokens) if other_tokens else usage
    return prompt._replace(
        output_tokens=round(usage.output_tokens * answer), reasoning_tokens=round(usage.reasoning_tokens * answer)
    )


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date().isoformat()
