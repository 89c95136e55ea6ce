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


class Decision(NamedTuple):
    """The chosen model, its source and the reason in words."""

    model: str
    source: DecisionSource
    reason: str
    rule_id: str = ""
