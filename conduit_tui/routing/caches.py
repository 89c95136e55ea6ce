"""Prompt caches of a conversation, as they were and as they would be if other models had served it.

A provider keeps the beginning of a prompt for some minutes, for one model. When a conversation goes on with another
model, that one has nothing yet: what was read from the cache at a tenth of the price is written anew, or paid in full.
"""

from typing import NamedTuple

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.usage import Usage

ANTHROPIC_MS = (
    300_000  # Anthropic keeps a cache five minutes after it was last used, or an hour where that was asked for
)
HOUR_MS = 3_600_000
WHOLE = 0.95  # of a kept prompt that was read: all of it, but for what is at its very end
OPENAI_MS = 600_000  # OpenAI says five to ten minutes


class _Kept(NamedTuple):
    until: int  # milliseconds since the epoch
    tokens: int


class Simulated(NamedTuple):
    """A request's usage under other rules, with its cache as it would be.

    `lost_tokens` were read from a cache then and would not be, `gained_tokens` the other way round. A cache is `broken`
    if less than half of what was read would be left.
    """

    usage: Usage
    lost_tokens: int = 0
    gained_tokens: int = 0

    @property
    def broken(self) -> bool:
        return self.lost_tokens > self.usage.cache_read_tokens


class Conversation:
    """The caches of one agent's conversation: what each model kept in fact, and what it would have kept."""

    __slots__ = ("_assumed", "_real")

    def __init__(self) -> None:
        self._real: dict[str, _Kept] = {}
        self._assumed: dict[str, _Kept] = {}

    def next(self, at: int, dialect: str, usage: Usage, real_model: str, model: str, scaled: Usage) -> Simulated:
        """The next request, served by `real_model` in fact and by `model` under other rules.

        `scaled` is its usage in tokens of `model`; it comes back with the cache that there would be.
        """
        real, assumed = self._real.get(real_model), self._assumed.get(model)
        first = not self._real and not self._assumed
        if first or (model == real_model and real == assumed):
            # The first request reads what other conversations left, which would have moved along.
            simulated = Simulated(scaled)
        else:
            was_kept = real.tokens if real and real.until >= at else 0
            is_kept = assumed.tokens if assumed and assumed.until >= at else 0
            simulated = _simulate(dialect, scaled, is_kept, whole=usage.cache_read_tokens >= was_kept * WHOLE)
        self._real[real_model] = _kept(at, dialect, usage)
        self._assumed[model] = self._real[real_model] if scaled is usage else _kept(at, dialect, simulated.usage)
        return simulated


def _simulate(dialect: str, usage: Usage, kept_tokens: int, *, whole: bool) -> Simulated:
    """The usage where so many tokens are kept. `whole`: all that was kept in fact was read, so more would be, too."""
    read = usage.cache_read_tokens
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if dialect == Dialect.ANTHROPIC:
        cacheable = read + written
        reads = min(cacheable if whole else read, kept_tokens)
        an_hour = usage.cache_write_1h_tokens > usage.cache_write_5m_tokens
        writes = cacheable - reads
        after = usage._replace(
            cache_read_tokens=reads,
            cache_write_5m_tokens=0 if an_hour else writes,
            cache_write_1h_tokens=writes if an_hour else 0,
        )
    else:
        reads = min(usage.input_tokens if whole else read, kept_tokens)
        after = usage._replace(cache_read_tokens=reads)
    return Simulated(after, max(0, read - reads), max(0, reads - read))


def _kept(at: int, dialect: str, usage: Usage) -> _Kept:
    if dialect == Dialect.ANTHROPIC:
        cacheable = usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        return _Kept(at + (HOUR_MS if usage.cache_write_1h_tokens else ANTHROPIC_MS), cacheable)
    return _Kept(at + OPENAI_MS, usage.input_tokens)
