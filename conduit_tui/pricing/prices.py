"""What a usage costs: the user's own price, else the price list's, else the unknown-model rate."""

from collections.abc import Iterable
from datetime import UTC, datetime

from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.usage import NO_EXTRAS, Extras, Usage
from conduit_tui.pricing.catalog import UNKNOWN_MODEL, Catalog, Price
from conduit_tui.pricing.overrides import Overrides, cost

__all__ = ["FREE", "UNKNOWN_MODEL", "Prices"]

FREE = "free"

_NOTHING = Usage()
_SAMPLE = Usage(1000, 1000)


class Prices:
    """Prices by model, provider and time; with the catalog's signature, so it can stand in its place."""

    def __init__(self, catalog: Catalog, overrides: Iterable[PriceOverride] = ()) -> None:
        self._catalog = catalog
        self._overrides = Overrides(overrides)

    def use(self, overrides: Iterable[PriceOverride]) -> None:
        """Put other prices of the user's own in force."""
        self._overrides = Overrides(overrides)

    @property
    def problem(self) -> str:
        """Why the price list cannot be read, so that everything costs the unknown-model rate; empty if it can."""
        return self._catalog.problem

    def days_old(self, at_ms: int) -> int:
        """How old the price list is."""
        return self._catalog.days_old(at_ms)

    def warm(self) -> None:
        """Load the price list, about half a second; so that the first price does not."""
        self._catalog.warm()

    def price(self, model: str, usage: Usage, provider_hint: str, at_ms: int, extras: Extras = NO_EXTRAS) -> Price:
        """The price of a usage at a time, in milliseconds since the epoch. `source` says whose price it is.

        A price list that says nothing, or nothing that could be paid, leaves the unknown-model rate (`UNKNOWN_MODEL`).
        What server tools cost by the use comes on top, also of a price of one's own; only what is free is free.
        """
        tokens = self._tokens(model, usage, provider_hint, at_ms, extras)
        if extras == NO_EXTRAS or tokens.source == FREE:
            return tokens
        charged, stated = self._catalog.fees(model, provider_hint, at_ms).charge(extras)
        return Price(tokens.nanodollars + charged, tokens.source, tokens.partly or stated)

    def fees(self, model: str, provider_hint: str, at_ms: int, extras: Extras) -> int:
        """What the uses of server tools cost by themselves, in nano-dollars."""
        override = self._overrides.find(model, provider_hint)
        if override is not None and override.free:
            return 0
        return self._catalog.fees(model, provider_hint, at_ms).charge(extras)[0]

    def context_window(self, model: str, provider_hint: str, at_ms: int) -> int:
        """The most tokens that a model reads at a time; on the high side where the price list does not say."""
        return self._catalog.context_window(model, provider_hint, at_ms)

    def _tokens(self, model: str, usage: Usage, provider_hint: str, at_ms: int, extras: Extras) -> Price:
        override = self._overrides.find(model, provider_hint)
        if override is not None:
            return Price(cost(override, _counted(usage)), _source(override))
        listed = self._catalog.price(model, usage, provider_hint, at_ms, extras)
        if listed.nanodollars > 0:
            return listed
        if usage == _NOTHING:
            return Price(0, listed.source if self.knows(model, provider_hint, at_ms) else UNKNOWN_MODEL)
        return Price(cost(self._overrides.unknown, _counted(usage)), UNKNOWN_MODEL)

    def knows(self, model: str, provider_hint: str, at_ms: int) -> bool:
        """Whether there is a price for a model, or it is said to be free."""
        if self._overrides.find(model, provider_hint) is not None:
            return True
        return self._catalog.price(model, _SAMPLE, provider_hint, at_ms).nanodollars > 0


def _counted(usage: Usage) -> Usage:
    """A usage without negative counts: a provider's slip is no credit."""
    return Usage(*(max(0, count) for count in usage)) if min(usage) < 0 else usage


def _source(override: PriceOverride) -> str:
    if override.free:
        return FREE
    return f"own price of {datetime.fromtimestamp(override.updated_at / 1000, UTC).date().isoformat()}"
