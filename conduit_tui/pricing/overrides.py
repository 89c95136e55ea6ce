"""Which of the user's own prices counts for a model."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from conduit_tui.domain.prices import UNKNOWN, UNKNOWN_RATE, PriceOverride
from conduit_tui.domain.usage import Usage

TOKENS_PER_RATE = 1_000_000
REMEMBERED_MODELS = 4096  # names come from clients, so their number has no end


class Overrides:
    """A set of prices. `unknown` is the rate of models whose price nobody knows."""

    def __init__(self, overrides: Iterable[PriceOverride] = ()) -> None:
        ranked = sorted(overrides, key=_rank)
        self.unknown = next((one for one in ranked if one.model == UNKNOWN), UNKNOWN_RATE)
        self._ranked = [one for one in ranked if one.model != UNKNOWN]
        self._found: dict[tuple[str, str], PriceOverride | None] = {}

    def find(self, model: str, provider: str) -> PriceOverride | None:
        """The price of a model at a provider: a name before a pattern, a longer pattern before a shorter one.

        Among equals one for this provider comes before one for all.
        """
        if not self._ranked:
            return None
        key = (model, provider)
        if key not in self._found:
            if len(self._found) >= REMEMBERED_MODELS:
                self._found.clear()
            matching = (one for one in self._ranked if one.provider in ("", provider) and fnmatchcase(model, one.model))
            self._found[key] = next(matching, None)
        return self._found[key]


def cost(rates: PriceOverride, usage: Usage) -> int:
    """What a usage costs in nano-dollars, rounded up: what is not free is never 0."""
    if rates.free:
        return 0
    read, write_5m, write_1h = usage.cache_read_tokens, usage.cache_write_5m_tokens, usage.cache_write_1h_tokens
    plain = max(0, usage.input_tokens - read - write_5m - write_1h)
    units = (
        rates.input * plain
        + _or_input(rates.cache_read, rates) * read
        + _or_input(rates.cache_write_5m, rates) * write_5m
        + _or_input(rates.cache_write_1h, rates) * write_1h
        + rates.output * usage.output_tokens
    )
    return -(-units // TOKENS_PER_RATE)


def _or_input(rate: int | None, rates: PriceOverride) -> int:
    return rates.input if rate is None else rate


def _rank(one: PriceOverride) -> tuple[bool, int, bool, str]:
    pattern = "*" in one.model or "?" in one.model
    return pattern, -len(one.model), not one.provider, one.model
