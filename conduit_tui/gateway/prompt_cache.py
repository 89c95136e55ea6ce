"""What a change of model in mid-conversation throws away: the prompt cache that the provider kept for the old one."""

from collections import OrderedDict
from typing import NamedTuple

from conduit_tui.domain.usage import Usage
from conduit_tui.pricing.prices import Prices

CONVERSATIONS = 10_000
SHORT_SECONDS = 300  # how long a provider keeps a cache after its last use
LONG_SECONDS = 3600  # with an hour's write


class _Last(NamedTuple):
    model: str
    cached: int  # tokens that the provider holds for this conversation
    until: float  # seconds since the epoch


class BrokenCache(NamedTuple):
    """A cache that was thrown away: how many tokens it held, and what writing them anew cost more than reading them."""

    before: str
    tokens: int
    nanodollars: int


class PromptCaches:
    """The caches that are thought to live, by conversation (session, agent, request class)."""

    def __init__(self, kept: int = CONVERSATIONS) -> None:
        self._kept = kept
        self._last: OrderedDict[tuple[str, str, str], _Last] = OrderedDict()

    def note(
        self, conversation: tuple[str, str, str], model: str, usage: Usage, provider: str, at_ms: int, prices: Prices
    ) -> BrokenCache | None:
        """Take in an exchange that is over; tells whether it broke the cache of the one before."""
        if not conversation[0]:
            return None
        last = self._last.pop(conversation, None)
        cached = usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        lives = LONG_SECONDS if usage.cache_write_1h_tokens else SHORT_SECONDS
        if cached or last is None or last.model != model:
            self._last[conversation] = _Last(model, cached, at_ms / 1000 + lives)
        else:
            self._last[conversation] = last
        if len(self._last) > self._kept:
            self._last.popitem(last=False)
        if last is None or last.model == model or not last.cached or at_ms / 1000 > last.until:
            return None
        lost = min(last.cached, usage.input_tokens) - usage.cache_read_tokens
        if lost <= 0:
            return None
        paid = prices.price(model, usage, provider, at_ms).nanodollars
        kept = prices.price(model, _as_read(usage, lost), provider, at_ms).nanodollars
        return BrokenCache(last.model, lost, max(0, paid - kept))


def _as_read(usage: Usage, tokens: int) -> Usage:
    """The same usage, had these tokens come out of the cache: fewer written, where any were."""
    written = min(tokens, usage.cache_write_5m_tokens)
    return usage._replace(
        cache_read_tokens=usage.cache_read_tokens + tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens - written,
        cache_write_1h_tokens=max(0, usage.cache_write_1h_tokens - (tokens - written)),
    )
