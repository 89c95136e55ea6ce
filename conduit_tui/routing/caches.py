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
OPENAI_MS = 600_000  # OpenAI says five to ten minutes


class _Kept(NamedTuple):
    until: int  # milliseconds since the epoch
    tokens: int


class Simulated(NamedTuple):
    """A request's usage under other rules, with its cache as it would be.

    `lost_tokens` were read from a cache then and would not be, `gained_tokens` the other way round.
    """

    usage: Usage
    lost_tokens: int = 0
    gained_tokens: int = 0


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
            was_warm = real is not None and real.until >= at
            simulated = _simulate(dialect, scaled, was_warm, assumed.tokens if assumed and assumed.until >= at else 0)
        self._real[real_model] = _kept(at, dialect, usage)
        self._assumed[model] = self._real[real_model] if scaled is usage else _kept(at, dialect, simulated.usage)
        return simulated


def _simulate(dialect: str, usage: Usage, was_warm: bool, kept_tokens: int) -> Simulated:
    read = usage.cache_read_tokens
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if dialect == Dialect.ANTHROPIC:
        cacheable = read + written
        reads = min(cacheable, kept_tokens) if not was_warm else min(read, kept_tokens)
        an_hour = usage.cache_write_1h_tokens > usage.cache_write_5m_tokens
        writes = cacheable - reads
        after = usage._replace(
            cache_read_tokens=reads,
            cache_write_5m_tokens=0 if an_hour else writes,
            cache_write_1h_tokens=writes if an_hour else 0,
        )
    else:
        reads = min(read, kept_tokens) if was_warm else min(usage.input_tokens, kept_tokens)
        after = usage._replace(cache_read_tokens=reads)
    return Simulated(after, max(0, read - reads), max(0, reads - read))


def _kept(at: int, dialect: str, usage: Usage) -> _Kept:
    if dialect == Dialect.ANTHROPIC:
        cacheable = usage.cache_read_tokens + usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
        return _Kept(at + (HOUR_MS if usage.cache_write_1h_tokens else ANTHROPIC_MS), cacheable)
    return _Kept(at + OPENAI_MS, usage.input_tokens)
