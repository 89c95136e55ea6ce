"""What a usage costs, from the prices that genai-prices carries with it; no network.

genai-prices takes a tenth of a millisecond per request and half a second to import. So it is imported at the first
price or by `warm`, and asked once per model and day: for nearly every model the price is a sum of rates times counts,
with other rates above some size of the prompt, and these rates are kept as integers.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from conduit_tui.domain.money import NANO_PER_DOLLAR, to_nanodollars
from conduit_tui.domain.usage import NO_EXTRAS, Extras, Usage
from conduit_tui.pricing import fees
from conduit_tui.pricing.fees import NOT_LISTED, Fees

NO_PRICE = "none"
UNKNOWN_MODEL = "unknown-model rate"  # the source of a price where the list has none

MILLISECONDS_PER_DAY = 86_400_000
UNITS_PER_NANODOLLAR = 1_000_000  # rates are integers of this fraction, enough for $0.000001 per million tokens
REMEMBERED_MODELS = 4096  # names come from clients, so their number has no end
CHEAPER_TIERS = ("batch", "flex")  # where they have no rates of their own, the usual ones are an upper bound
UNLISTED_WINDOW = 2_000_000  # tokens; one model that is listed has more
US_ONLY_PERCENT = 110  # Anthropic's "US-only inference": every token at 1.1 times its rate


class Price(NamedTuple):
    """An amount in nano-dollars and where it comes from. Source `none`: no price is known, which is not the price 0.

    `partly`: something of it has no published price and is charged at a stated rate.
    """

    nanodollars: int
    source: str
    partly: bool = False


AUDIO = slice(Extras._fields.index("audio_input_tokens"), Extras._fields.index("audio_output_tokens") + 1)


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

    lookup: dict[str, Any]
    rates: tuple[_Rates, ...]  # by `above`, highest first
    fees: Fees
    tier_missing: bool  # it is dearer than usual, and nobody says by how much
    audio: bool  # whether audio has rates of its own
    window: int | None


class Catalog:
    """Prices by model, provider and time. `problem` says why there are none at all, where the list cannot be read."""

    def __init__(self) -> None:
        self._listings: dict[tuple[str, str, int, str], _Listing | None] = {}
        self._source = ""
        self.problem = ""

    def warm(self) -> None:
        """Load the price data, about half a second; so that the first price does not."""
        self.price("gpt-4o-mini", Usage(1, 1), "openai", 0)

    def price(self, model: str, usage: Usage, provider_hint: str, at_ms: int, extras: Extras = NO_EXTRAS) -> Price:
        """The price of a usage's tokens at a time, in milliseconds since the epoch; fees of tools come on top.

        `provider_hint` is a provider's name or host. When nothing is known by it, or it does not have the model, the
        provider is the one that the model's name belongs to. Counts that contradict each other are read as the larger
        prompt, the smaller part of reasoning.
        """
        listing = self._listing(model, provider_hint, at_ms, extras.tier)
        if listing is None:
            return Price(0, NO_PRICE)
        usage, partly = _consistent(usage), listing.tier_missing
        amount = None
        if extras is not NO_EXTRAS and extras[AUDIO] != NO_EXTRAS[AUDIO]:
            amount = _calculated(model, usage, listing.lookup, at_ms, extras) if listing.audio else None
            partly |= amount is None
        if amount is None:
            rates = next((rates for rates in listing.rates if usage.input_tokens > rates.above), None)
            amount = rates.nanodollars(usage) if rates else _calculated(model, usage, listing.lookup, at_ms)
        if amount is None:
            return Price(0, NO_PRICE)
        if extras.us_only:
            amount = -(-amount * US_ONLY_PERCENT // 100)
        return Price(amount, self._source, partly)

    def fees(self, model: str, provider_hint: str, at_ms: int) -> Fees:
        """What the use of a server tool costs with a model."""
        listing = self._listing(model, provider_hint, at_ms, "")
        return NOT_LISTED if listing is None else listing.fees

    def context_window(self, model: str, provider_hint: str, at_ms: int) -> int:
        """The most tokens that a model reads at a time."""
        listing = self._listing(model, provider_hint, at_ms, "")
        return UNLISTED_WINDOW if listing is None or not listing.window else listing.window

    def _listing(self, model: str, provider_hint: str, at_ms: int, tier: str) -> _Listing | None:
        key = (model, provider_hint, at_ms // MILLISECONDS_PER_DAY, tier)
        try:
            return self._listings[key]
        except KeyError:
            pass
        if not self._source:
            self._load()
        if len(self._listings) >= REMEMBERED_MODELS:
            self._listings.clear()
        listing = None if self.problem else _list(model, provider_hint, at_ms, tier)
        self._listings[key] = listing
        return listing

    def _load(self) -> None:
        try:
            import genai_prices
            from genai_prices.data_snapshot import get_snapshot

            if not any(provider.models for provider in get_snapshot().providers):
                raise LookupError("it has no models")
        except Exception as error:  # damaged or missing: models then cost the unknown-model rate, and it is said
            self.problem = f"{type(error).__name__}: {error}"
            self._source = NO_PRICE
        else:
            self._source = f"genai-prices {genai_prices.__version__}"

    def days_old(self, at_ms: int) -> int:
        """Days since the newest price of the list that is in force; 0 where it has none."""
        self.warm()
        newest = None if self.problem else _newest_price(datetime.fromtimestamp(at_ms / 1000, UTC).date())
        return 0 if newest is None else (datetime.fromtimestamp(at_ms / 1000, UTC).date() - newest).days


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


def _list(model: str, provider_hint: str, at_ms: int, tier: str) -> _Listing | None:
    # One name for what providers call a tier, a kind of processing or a speed.
    context = {"price_context": dict.fromkeys(("service_tier", "processing", "speed"), tier)} if tier else {}
    for provider in _lookups(provider_hint):
        lookup = {**provider, **context}
        try:
            calculation = _calculate(model, Usage(), lookup, at_ms)
            if calculation.model_price.input_mtok is None and calculation.model_price.output_mtok is None:
                continue  # priced by something else than tokens: not free
            rates = _rates(model, calculation, lookup, at_ms)
        except (LookupError, ValueError, ArithmeticError):
            continue  # not listed, or at prices that are none
        variants = calculation.model.price_variants or ()
        missing = bool(tier) and tier not in CHEAPER_TIERS and all(tier not in one.when.values() for one in variants)
        prices = calculation.model_price
        audio = prices.input_audio_mtok is not None or prices.output_audio_mtok is not None
        return _Listing(lookup, rates, fees.listed(prices), missing, audio, calculation.model.context_window)
    return None


def _calculated(model: str, usage: Usage, lookup: dict[str, Any], at_ms: int, extras: Extras = NO_EXTRAS) -> int | None:
    """The price of one usage in nano-dollars; None for counts that contradict each other, or prices that are none."""
    try:
        return to_nanodollars(_calculate(model, usage, lookup, at_ms, extras).total_price)
    except (LookupError, ValueError, ArithmeticError):
        return None


def _calculate(model: str, usage: Usage, lookup: dict[str, Any], at_ms: int, extras: Extras = NO_EXTRAS) -> Any:
    import genai_prices

    calc_price: Any = genai_prices.calc_price
    audio = {
        "input_audio_tokens": extras.audio_input_tokens,
        "cache_audio_read_tokens": extras.audio_cached_tokens,
        "output_audio_tokens": extras.audio_output_tokens,
    }
    return calc_price(
        genai_prices.Usage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
            cache_write_5m_tokens=usage.cache_write_5m_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            output_tokens=usage.output_tokens,
            output_reasoning_tokens=usage.reasoning_tokens,
            **(audio if any(audio.values()) else {}),
        ),
        model,
        genai_request_timestamp=datetime.fromtimestamp(at_ms / 1000, UTC),
        **lookup,
    )


def _rates(model: str, calculation: Any, lookup: dict[str, Any], at_ms: int) -> tuple[_Rates, ...]:
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


def _newest_price(today: date) -> date | None:
    from genai_prices.data_snapshot import get_snapshot
    from genai_prices.types import StartDateConstraint

    starts = [
        price.constraint.start_date
        for provider in get_snapshot().providers
        for model in provider.models
        for price in (*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ()))
        if isinstance(price.constraint, StartDateConstraint)
    ]
    return max((start for start in starts if start <= today), default=None)
