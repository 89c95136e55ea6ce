"""What usage would have cost on other models. An estimate: another model counts the same text as other tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from conduit_tui.domain.usage import Usage
from conduit_tui.pricing.catalog import NO_PRICE, UNKNOWN_MODEL

if TYPE_CHECKING:
    from conduit_tui.domain.prices import PriceOverride
    from conduit_tui.pricing.catalog import Price
    from conduit_tui.pricing.prices import Prices as RealPrices
    from conduit_tui.store.interface import Reader, RouteTotal

NO_PRICES = (NO_PRICE, UNKNOWN_MODEL)


class Prices(Protocol):
    """Whoever knows prices."""

    def price(self, model: str, usage: Usage, provider_hint: str, at_ms: int) -> Price: ...


class Saving(NamedTuple):
    """What was saved against `against` (a model, or empty: those asked for); negative where it cost more.

    `requests` were compared; `unpriced` could not be, for nobody knows a price.
    """

    against: str
    nanodollars: int = 0
    requests: int = 0
    unpriced: int = 0


def saving(routes: Iterable[RouteTotal], prices: Prices, at_ms: int, model: str = "") -> Saving:
    """What routes saved against one model, or against the models that were asked for."""
    saved = requests = unpriced = 0
    for route in routes:
        wanted = model or route.requested_model
        if wanted == route.routed_model or not route.requests or not route.tokens.input_tokens:
            continue
        # Prices may rise with the size of a prompt, so one request of the usual size is priced.
        usual = Usage(*(round(count / route.requests) for count in route.tokens))
        price = prices.price(wanted, usual, route.provider, at_ms)
        if price.source in NO_PRICES:
            unpriced += route.requests
            continue
        saved += price.nanodollars * route.requests - route.cost_nanodollars
        requests += route.requests
    return Saving(model, saved, requests, unpriced)


class Pricer:
    """Prices with the user's own; loaded at the first need, which takes half a second of a thread."""

    def __init__(self) -> None:
        self._prices: RealPrices | None = None

    def savings(
        self, routes: Sequence[RouteTotal], overrides: Sequence[PriceOverride], at_ms: int, default: str
    ) -> list[Saving]:
        """Against the models asked for and, if there is one, against a default model. Call it in a thread."""
        moved = [route for route in routes if route.requested_model != route.routed_model]
        if not moved and not default:
            return []
        from conduit_tui.pricing.catalog import Catalog
        from conduit_tui.pricing.prices import Prices as RealPrices

        if self._prices is None:
            self._prices = RealPrices(Catalog())
        self._prices.use(overrides)
        found = [saving(moved, self._prices, at_ms)] if moved else []
        return [*found, saving(routes, self._prices, at_ms, default)] if default else found


async def default_model(reader: Reader, project: str) -> str:
    """The default model of a project, empty if it has none of its own or no project is chosen."""
    from conduit_tui.domain.projects import AS_REQUESTED

    for each in await reader.projects():
        if each.name == project and each.config.default_model != AS_REQUESTED:
            return each.config.default_model
    return ""
