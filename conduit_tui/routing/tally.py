"""The sums of a backtest. Parts of it that were run apart are added up."""

from collections import defaultdict

DAY_MS = 86_400_000


class Sum:
    """Requests, how many of them changed their model, and what they cost then and now, in nano-dollars."""

    __slots__ = ("broken_caches", "broken_cost", "changed", "now", "requests", "then")

    def __init__(self) -> None:
        self.requests = self.changed = self.then = self.now = self.broken_caches = self.broken_cost = 0

    def merge(self, other: "Sum") -> None:
        """Add another sum to this one."""
        for name in Sum.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Tally:
    """What came of the requests so far, as a whole, by rule, by pair of models and by day."""

    def __init__(self) -> None:
        self.all = Sum()
        self.low = self.high = self.unknown = self.unpriced = self.unmatched = 0
        self.broken_tokens = self.kept_caches = 0
        self.by_rule: dict[str, Sum] = defaultdict(Sum)  # by its id; an empty one stands for no rule
        self.by_models: dict[tuple[str, str], Sum] = defaultdict(Sum)  # who served, and who would have
        self.by_day: dict[int, Sum] = defaultdict(Sum)  # days since the epoch

    def add(self, at: int, models: tuple[str, str], rule_id: str, then: int, now: int) -> None:
        """Count a request of this instant (milliseconds)."""
        changed = models[0] != models[1]
        for each in (self.all, self.by_rule[rule_id], self.by_models[models], self.by_day[at // DAY_MS]):
            each.requests += 1
            each.changed += changed
            each.then += then
            each.now += now

    def add_broken_cache(self, rule_id: str, tokens: int, cost: int) -> None:
        """Count a prompt cache that a rule would have thrown away."""
        self.broken_tokens += tokens
        for each in (self.all, self.by_rule[rule_id]):
            each.broken_caches += 1
            each.broken_cost += cost

    def merge(self, other: "Tally") -> None:
        """Add another tally to this one."""
        self.all.merge(other.all)
        for name in ("low", "high", "unknown", "unpriced", "unmatched", "broken_tokens", "kept_caches"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for rule_id, each in other.by_rule.items():
            self.by_rule[rule_id].merge(each)
        for models, each in other.by_models.items():
            self.by_models[models].merge(each)
        for day, each in other.by_day.items():
            self.by_day[day].merge(each)
