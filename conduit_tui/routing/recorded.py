"""What is still known of a request of the past, as facts for rules: what was not kept is unknown, never false."""

from collections.abc import Collection, Hashable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.rules import Group
from conduit_tui.routing.compiler import compile_group
from conduit_tui.routing.facts import UNKNOWN, Bounds, Cut, Facts, Source, Value
from conduit_tui.routing.tokens import family_ratio

MASK = "…"  # stands where a header's value was masked
KEPT_HEADER_CHARACTERS = 1024
COUNT_DOUBT = 0.15  # by how much the provider's count of a prompt may differ from ours
_decode_headers = msgspec.json.Decoder(list[tuple[str, str]]).decode
_SLOW = ("tokenCount",)
_UNKNOWN_SOURCES = dict.fromkeys(
    (
        "tokenCount", "message", "flags", "maxTokens", "toolCount", "messageCount", "system", "hour", "weekday",
        "budgetUsed",
    ),
    UNKNOWN,
)  # fmt: skip


class Matches(NamedTuple):
    """How many requests meet a condition tree, how many there are, and of how many that cannot be said."""

    yes: int
    of: int
    unknown: int


class _RecordedFacts(Facts):
    """Facts of which a number that is not known is looked for by its bounds each time."""

    __slots__ = ()

    def __missing__(self, name: str) -> Value:
        value = super().__missing__(name)
        if value is UNKNOWN:
            del self[name]
        return value


def facts_of(request: RecordedRequest, needs: Collection[str], *, numbers: bool = True) -> Facts:
    """The facts of a recorded request; `needs` are the names that will be asked for.

    Without `numbers` all numbers are unknown, as if only the request's kind were known.
    """
    kept = request.facts
    sources: dict[str, Source] = dict(_UNKNOWN_SOURCES)
    sources["model"] = request.requested_model
    sources["agentType"] = request.agent_type or None
    sources["requestClass"] = request.request_class or None
    sources["session"] = request.session or None
    sources["agent"] = request.agent or None
    sources["project"] = request.project
    sources["dialect"] = request.dialect
    if request.message is not None:
        sources["message"] = Cut(request.message) if request.message_cut else request.message
    if kept:
        sources["flags"] = kept.get("flags", ())
    bounds = None
    if numbers:
        if kept:
            sources["maxTokens"] = kept.get("maxTokens") or None
            sources["toolCount"], sources["messageCount"] = kept.get("toolCount"), kept.get("messageCount")
        if "tokenCount" in needs:
            sources["tokenCount"] = kept.get("tokenCount", UNKNOWN)
            bounds = {"tokenCount": lambda: token_bounds(request)}
        if "hour" in needs or "weekday" in needs:
            at = datetime.fromtimestamp(request.created_at / 1000, UTC)
            sources["hour"], sources["weekday"] = at.hour, at.isoweekday()
    facts = _RecordedFacts(
        sources,
        families={"header": lambda name: _header(request, name), "metadata": _not_kept},
        bounds=bounds,
        slow=_SLOW,
    )
    facts.patient = True
    return facts


def kind_of(request: RecordedRequest, needs: Collection[str]) -> Hashable:
    """What requests have in common that differ in numbers only, as far as rules with these needs can tell."""
    return (
        request.requested_model,
        request.agent_type,
        request.request_class,
        request.dialect,
        request.message_cut,
        request.message if "message" in needs else None,
        tuple(request.facts.get("flags", ())) if "flags" in needs and request.facts else None,
        request.session if "session" in needs else None,
        request.agent if "agent" in needs else None,
        request.headers if any(name.startswith("header.") for name in needs) else None,
    )


def token_bounds(request: RecordedRequest) -> Bounds | None:
    """Between which values the token count of a request lies, where it was not counted at the time."""
    count = request.facts.get("tokenCount")
    if count is not None:
        return Bounds(count, count)
    most = request.body_bytes or request.facts.get("bytes") or 0
    if request.usage.input_tokens:
        ratio = family_ratio(request.requested_model) / family_ratio(request.routed_model)
        counted = request.usage.input_tokens * ratio
        high = counted * (1 + COUNT_DOUBT)
        return Bounds(counted * (1 - COUNT_DOUBT), min(high, most) if most > counted else high)
    return Bounds(0, most) if most else None


def count_matches(conditions: Group, requests: Iterable[RecordedRequest]) -> Matches:
    """How many of these requests meet the conditions. Raises PatternError for a pattern that RE2 refuses."""
    compiled = compile_group(conditions)
    yes = of = unknown = 0
    for request in requests:
        answer = compiled.evaluate(facts_of(request, compiled.needs))
        of += 1
        yes += answer is True
        unknown += answer is UNKNOWN
    return Matches(yes, of, unknown)


def _header(request: RecordedRequest, name: str) -> Value:
    if not request.headers:
        return UNKNOWN
    for header, value in _headers(request.headers):
        if header.lower() == name:
            if MASK in value:
                return UNKNOWN
            return Cut(value) if len(value) >= KEPT_HEADER_CHARACTERS else value
    return None


@lru_cache(maxsize=1024)
def _headers(pairs: bytes) -> list[tuple[str, str]]:
    """The headers of a request; the next one of its session has the same but for one or two."""
    return _decode_headers(pairs)


def _not_kept(_name: str) -> Any:
    return UNKNOWN
