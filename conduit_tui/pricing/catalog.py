"""What a usage costs, from the prices that genai-prices carries with it; no network.

genai-prices takes a tenth of a millisecond per request and half a second to import. So it is imported at the first
price or by `warm`, and asked once per model and day: for nearly every model the price is a sum of rates times counts,
with other rates above some size of the prompt, and these rates are kept as integers.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from conduit_tui.domain.money import NANO_PER_DOLLAR, to_nanodollars
from conduit_tui.domain.usage import Usage

NO_PRICE = "none"

MILLISECONDS_PER_DAY = 86_400_000
UNITS_PER_NANODOLLAR = 1_000_000  # rates are integers of this fraction, enough for $0.000001 per million tokens
REMEMBERED_MODELS = 4096  # names come from clients, so their number has no end


class Price(NamedTuple):
    """An amount in nano-dollars and where it comes from. Source `none`: no price is known, which is not the price 0."""

    nanodollars: int
    source: str


class _Rates(NamedTuple):
    """Prices per token in units of `UNITS_PER_NANODOLLAR`, for prompts of more than `above` tokens."""

    above: int
    request: int  # once
    input: int  # what the cache has no part in
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    output: int
    reasoning: int

    def units(self, usage: Usage) -> int:
        """The exact price."""
        read, write_5m, write_1h = usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.cache_write_1h_tokens
        return (
            self.request
            + self.input * (usage.input_tokens - read - write_5m - write_1h)
            + self.cache_read * read
            + self.cache_write_5m * write_5m
            + self.cache_write_1h * write_1h
            + self.output * (usage.output_tokens - usage.reasoning_tokens)
            + self.reasoning * usage.reasoning_tokens
        )

    def nanodollars(self, usage: Usage) -> int:
        """The price, rounded half up."""
        return (self.units(usage) + UNITS_PER_NANODOLLAR // 2) // UNITS_PER_NANODOLLAR


class _Listing(NamedTuple):
    """A model as genai-prices lists it on one day. Without rates each request is calculated there."""

    lookup: dict[str, str]
    rates: tuple[_Rates, ...]  # by `above`, highest first


class Catalog:
    """Prices by model, provider and time."""

    def __init__(self) -> None:
        self._listings: dict[tuple[str, str, int], _Listing | None] = {}
        self._source = ""

    def warm(self) -> None:
        """Load the price data, about half a second; so that the first price does not."""
        self.price("gpt-4o-mini", Usage(1, 1), "openai", 0)

    def price(self, model: str, usage: Usage, provider_hint: str, at_ms: int) -> Price:
        """The price of a usage at a time, in milliseconds since the epoch.

        `provider_hint` is a provider's name or host. When nothing is known by it, or it does not have the model, the
        provider is the one that the model's name belongs to. Counts that contradict each other are read as the larger
        prompt, the smaller part of reasoning.
        """
        key = (model, provider_hint, at_ms // MILLISECONDS_PER_DAY)
        try:
            listing = self._listings[key]
        except KeyError:
            listing = self._look_up(*key, at_ms)
        if listing is None:
            return Price(0, NO_PRICE)
        usage = _consistent(usage)
        for rates in listing.rates:
            if usage.input_tokens > rates.above:
                return Price(rates.nanodollars(usage), self._source)
        return Price(to_nanodollars(_calculate(model, usage, listing.lookup, at_ms).total_price), self._source)

    def _look_up(self, model: str, provider_hint: str, day: int, at_ms: int) -> _Listing | None:
        if not self._source:
            import genai_prices

            self._source = f"genai-prices {genai_prices.__version__}"
        if len(self._listings) >= REMEMBERED_MODELS:
            self._listings.clear()
        listing = _list(model, provider_hint, at_ms)
        self._listings[model, provider_hint, day] = listing
        return listing


def _consistent(usage: Usage) -> Usage:
    cached = usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if cached <= usage.input_tokens and usage.reasoning_tokens <= usage.output_tokens:
        return usage
    return usage._replace(
        input_tokens=max(cached, usage.input_tokens),
        reasoning_tokens=min(usage.reasoning_tokens, usage.output_tokens),
    )


def _lookups(provider_hint: str) -> Iterator[dict[str, str]]:
    if "." in provider_hint:
        yield {"provider_api_url": f"https://{provider_hint}"}
    if provider_hint:
        yield {"provider_id": provider_hint}
    yield {}


def _list(model: str, provider_hint: str, at_ms: int) -> _Listing | None:
    for lookup in _lookups(provider_hint):
        try:
            calculation = _calculate(model, Usage(), lookup, at_ms)
        except (LookupError, ValueError):
            continue
        if calculation.model_price.input_mtok is None and calculation.model_price.output_mtok is None:
            continue  # priced by something else than tokens: not free
        return _Listing(lookup, _rates(model, calculation, lookup, at_ms))
    return None


def _calculate(model: str, usage: Usage, lookup: dict[str, str], at_ms: int) -> Any:
    import genai_prices

    calc_price: Any = genai_prices.calc_price
    return calc_price(
        genai_prices.Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
            cache_write_5m_tokens=usage.cache_write_5m_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            output_tokens=usage.output_tokens,
            output_reasoning_tokens=usage.reasoning_tokens,
        ),
        model,
        genai_request_timestamp=datetime.fromtimestamp(at_ms / 1000, UTC),
        **lookup,
    )


def _rates(model: str, calculation: Any, lookup: dict[str, str], at_ms: int) -> tuple[_Rates, ...]:
    """The rates of each size of prompt, measured with prompts of that size; empty if the price is no such sum."""
    from genai_prices.types import TieredPrices, TimeOfDateConstraint

    conditions = calculation.model.prices
    if isinstance(conditions, list) and any(isinstance(one.constraint, TimeOfDateConstraint) for one in conditions):
        return ()  # changes within the day
    prices = vars(calculation.model_price).values()
    starts = {tier.start for price in prices if isinstance(price, TieredPrices) for tier in price.tiers}

    def units(usage: Usage) -> Decimal:
        dollars: Decimal = _calculate(model, usage, lookup, at_ms).total_price
        return dollars * NANO_PER_DOLLAR * UNITS_PER_NANODOLLAR

    found = []
    for above in (*sorted(starts, reverse=True), -1):
        size = above + 1 if above >= 0 else min(starts, default=1000)
        if size == 0:
            return ()
        request = units(Usage())
        prompt = units(Usage(size))
        measured = (
            request,
            (prompt - request) / size,
            (units(Usage(size, cache_read_tokens=size)) - request) / size,
            (units(Usage(size, cache_write_5m_tokens=size)) - request) / size,
            (units(Usage(size, cache_write_1h_tokens=size)) - request) / size,
            (units(Usage(size, 1000)) - prompt) / 1000,
            (units(Usage(size, 1000, reasoning_tokens=1000)) - prompt) / 1000,
        )
        rates = _Rates(above, *map(int, measured))
        sample = Usage(size, 12_345, size // 5, size // 7, size // 11, 678)
        if any(rate != int(rate) for rate in measured) or rates.units(sample) != units(sample):
            return ()
        found.append(rates)
    return tuple(found)
