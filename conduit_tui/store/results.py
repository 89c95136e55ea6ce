"""What is asked of the store's reading side, and what it answers beyond the models of `domain`."""

from typing import NamedTuple

from conduit_tui.domain.rules import Group
from conduit_tui.domain.usage import Usage


class UsageFilter(NamedTuple):
    """Which usage rows to show. Empty fields filter nothing.

    `model` and `text` are case-insensitive substrings (`model` of the requested or the routed model, `text` of model,
    project, session, agent type, provider, error and reason); `project` and `session` are exact; `status` is a number
    (`429`), a class (`4xx`) or `error` (anything from 400 up, and 0, which is an answer that never came). `since` and
    `until` are milliseconds since the epoch, from the one to just before the other; 0 is no bound. `expression` is
    in the language of rules, with the log's fields.
    """

    text: str = ""
    model: str = ""
    status: str = ""
    project: str = ""
    session: str = ""
    since: int = 0
    until: int = 0
    expression: Group | None = None


class SessionSummary(NamedTuple):
    """Running totals of a session and agent. `last_at` and `first_at` are milliseconds since the epoch."""

    project: str
    session: str
    agent: str
    agent_type: str
    model: str  # the model of its newest attempt
    requests: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    first_at: int
    last_at: int
    stop: str = ""  # why its newest answer ended


class UsageTotal(NamedTuple):
    """Sums over rollup buckets. `key` is the value that was grouped by, or a bucket's start in milliseconds."""

    key: str
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    latency_p50_ms: int
    latency_p95_ms: int
    first_byte_p50_ms: int


class UsagePoint(NamedTuple):
    """Sums of one key over a stretch of time that begins `at` (milliseconds); durations are 0 if not asked for."""

    at: int
    key: str
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    latency_p50_ms: int
    latency_p95_ms: int


class RouteTotal(NamedTuple):
    """What was used where one model was asked for and one (the same or another) served."""

    requested_model: str
    routed_model: str
    provider: str
    requests: int
    tokens: Usage
    cost_nanodollars: int


class GuessedPrice(NamedTuple):
    """A model that was charged at a stated rate: as a whole where its price is `unknown`, else a fee or tier of it."""

    model: str
    unknown: bool
    requests: int
    last_at: int  # milliseconds since the epoch


class ModelPair(NamedTuple):
    """From which model to which one requests went, and how many."""

    requested: str
    routed: str
    requests: int


class RuleHits(NamedTuple):
    """What a rule did in a time. `models` begin with the busiest pair, `last_at` is in milliseconds since the epoch.

    A broken cache is a change of model in mid-session that threw the provider's prompt cache away, and what that cost.
    """

    requests: int = 0
    last_at: int = 0
    models: tuple[ModelPair, ...] = ()
    broken_caches: int = 0
    broken_cache_nanodollars: int = 0
