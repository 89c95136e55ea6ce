"""Which model serves an exchange, and why."""

from enum import StrEnum
from typing import NamedTuple


class DecisionSource(StrEnum):
    """Who chose the model."""

    RULE = "rule"
    DEFAULT = "default"
    CLIENT = "client"
    FALLBACK = "fallback"
    BYPASS = "bypass"


class TraceStep(NamedTuple):
    """One station of the road: what was looked at, what came of it, and the microseconds it took."""

    station: str
    outcome: str
    took_us: int


class ConditionTrace(NamedTuple):
    """One condition as it was answered: its text, the value it met, clipped, and `yes`, `no` or `unknown`.

    What was not looked at, because the answer stood before, has neither value nor answer.
    """

    text: str
    value: str
    answer: str
    looked_at: bool


class RuleOutcome(StrEnum):
    """What became of a rule in one decision."""

    MATCHED = "matched"
    NO_MATCH = "no match"
    UNKNOWN = "unknown"  # a condition asks for what is not known
    OUTSIDE_ROLLOUT = "outside rollout"
    NOT_SERVED = "not served"  # no provider serves the target in the request's dialect
    NOT_LOOKED_AT = "not looked at"  # another rule matched before


class RuleTrace(NamedTuple):
    """One rule in one decision. `note` says what the outcome does not, such as that a sticky answer was kept."""

    rule_id: str
    name: str
    priority: int
    model: str
    outcome: RuleOutcome
    note: str = ""
    conditions: tuple[ConditionTrace, ...] = ()


class Decision(NamedTuple):
    """The chosen model, its source and the reason in words; `fallback` are the models to try when it fails."""

    model: str
    source: DecisionSource
    reason: str
    rule_id: str = ""
    fallback: tuple[str, ...] = ()
