"""What came of trying rules on the past. Money is in nano-dollars, instants are milliseconds since the epoch."""

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class RuleResult(_Frozen):
    """What one rule would have done. `changed` of its requests were served by another model in fact."""

    rule_id: str
    name: str
    target_model: str
    enabled: bool
    requests: int = 0
    changed: int = 0
    cost_then: int = 0
    cost_now: int = 0
    broken_caches: int = 0
    broken_cache_cost: int = 0


class ModelChange(_Frozen):
    """The requests that one model served in fact and that would go to another one, or stay where they were."""

    from_model: str
    to_model: str
    requests: int
    cost_then: int
    cost_now: int


class DayCost(_Frozen):
    """A day in UTC, as an ISO date."""

    day: str
    requests: int
    cost_then: int
    cost_now: int


class BacktestResult(_Frozen):
    """The requests of a time under other rules.

    `cost_now` is what they would have cost, `cost_low` and `cost_high` how far that may be off: another model counts
    the same text differently and answers at another length. `assumptions` say on what this rests. What is `unknown` (a
    rule asks for what was not kept) or `unpriced` (no price is known for one of the two models) counts as it was then.
    """

    project: str
    since: int
    until: int
    requests: int
    changed: int
    unknown: int
    unpriced: int
    cost_then: int
    cost_now: int
    cost_low: int
    cost_high: int
    broken_caches: int  # prompt caches that a switch in mid-session would have thrown away
    broken_cache_tokens: int
    broken_cache_cost: int
    kept_caches: int  # and those that were thrown away in fact and would have been kept
    rules: tuple[RuleResult, ...]  # in firing order
    unmatched: int  # requests that no rule would have decided
    models: tuple[ModelChange, ...]  # dearest first
    days: tuple[DayCost, ...]
    assumptions: tuple[str, ...]

    @property
    def delta(self) -> int:
        """What the rules add to the cost; below 0 they save."""
        return self.cost_now - self.cost_then
