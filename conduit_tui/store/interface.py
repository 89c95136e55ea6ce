"""The narrow interface of the store: one writing side, many reading sides.

A store for several gateways (PostgreSQL) will stand beside the SQLite one and pass the same contract tests.
"""

from conduit_tui.store.reading import Reader
from conduit_tui.store.results import (
    GuessedPrice,
    ModelPair,
    RouteTotal,
    RuleHits,
    SessionSummary,
    UsageFilter,
    UsagePoint,
    UsageTotal,
)
from conduit_tui.store.writing import Store

__all__ = [
    "GuessedPrice",
    "ModelPair",
    "Reader",
    "RouteTotal",
    "RuleHits",
    "SessionSummary",
    "StaleRevision",
    "Store",
    "StoreError",
    "UsageFilter",
    "UsagePoint",
    "UsageTotal",
]


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


class StaleRevision(Exception):
    """A configuration was changed meanwhile. `current` is its newest revision."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the newest revision is {current}")
        self.current = current
