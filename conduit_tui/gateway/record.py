"""From an attempt to its usage row: what was used, what it cost, how long it took."""

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from conduit_tui.domain.captures import PREVIEW_CHARACTERS, Capture, CaptureKind
from conduit_tui.domain.projects import CaptureMode
from conduit_tui.domain.usage import NO_EXTRAS, Extras, Usage, UsageFlag, UsageRow
from conduit_tui.gateway.exchange import CHARACTERS_PER_TOKEN, Attempt, Exchange
from conduit_tui.gateway.house import House
from conduit_tui.gateway.prompt_cache import BrokenCache
from conduit_tui.observe.redact import redact_headers, redact_text
from conduit_tui.pricing.catalog import Price
from conduit_tui.pricing.prices import UNKNOWN_MODEL
from conduit_tui.wire.meter import Meter, estimate
from conduit_tui.wire.server_tools import asked

_encode = msgspec.json.Encoder().encode
_NO_USAGE = Usage()
_NO_PRICE = Price(0, "none")
_NOT_TRACKED = Price(0, "not tracked")
TRACED_RULES = 20  # of those that did not decide; telling what a rule answered takes time
_LONGEST_HEADER = 1024  # bytes of a value that are kept
_LONGEST_ID = 128


def used(exchange: Exchange, attempt: Attempt) -> tuple[Usage, list[UsageFlag]]:
    """The tokens of an attempt and what is not ordinary about them.

    The provider's figure where there is one. A stream that was cut has used its prompt and at least the text that was
    seen; an answer that never came after the request was sent may still be charged for its prompt.
    """
    meter = attempt.meter
    cut = bool(attempt.sent and (attempt.client_gone or attempt.aborted or attempt.error))
    flags = [UsageFlag.ABORTED] if cut else []
    body_bytes = len(exchange.request.body)
    if meter is None:
        if not attempt.sent or (attempt.error and not attempt.error.sent):
            return Usage(), flags
        return estimate(body_bytes, 0), [*flags, UsageFlag.ESTIMATED]
    if meter.usage is None:
        if attempt.status >= 400:
            return Usage(), flags
        return estimate(body_bytes, meter.output_characters), [*flags, UsageFlag.ESTIMATED]
    if meter.doubts:
        return _believable(meter, meter.usage, body_bytes), [*flags, UsageFlag.ESTIMATED]
    seen = meter.output_characters // CHARACTERS_PER_TOKEN
    if not meter.complete and cut and seen > meter.usage.output_tokens:
        return meter.usage._replace(output_tokens=seen), [*flags, UsageFlag.ESTIMATED]
    return meter.usage, flags


def _believable(meter: Meter, usage: Usage, body_bytes: int) -> Usage:
    """A usage with at least what is likely in place of counts that cannot be meant: a slip is no credit."""
    likely = estimate(body_bytes, meter.output_characters)
    if any(not doubt.of_output for doubt in meter.doubts):
        usage = usage._replace(input_tokens=max(usage.input_tokens, likely.input_tokens))
    if any(doubt.of_output for doubt in meter.doubts):
        usage = usage._replace(output_tokens=max(usage.output_tokens, likely.output_tokens))
    return usage


def extras_of(exchange: Exchange, attempt: Attempt) -> Extras:
    """What an attempt is charged for beyond its tokens; the tier that was asked for until one is reported."""
    meter = attempt.meter
    if meter is None:
        return NO_EXTRAS
    if meter.complete or meter.extras.tier:
        return meter.extras
    return meter.extras._replace(tier=asked(exchange.request.body, exchange.dialect).expected.tier)


def error_type(attempt: Attempt) -> str:
    """One word for what went wrong: the provider's own where it gave one, else the stage that failed."""
    if attempt.meter is not None and attempt.meter.error_type:
        return attempt.meter.error_type
    if attempt.client_gone:
        return "client_gone"
    if attempt.aborted:
        return attempt.aborted
    if attempt.error is not None:
        return f"upstream_{attempt.error.stage}"
    return ""


def usage_row(exchange: Exchange, attempt: Attempt, house: House) -> UsageRow:
    """The row of an attempt that is over."""
    now = time.perf_counter()
    identity, decision, provider = exchange.identity, attempt.decision, attempt.upstream.name
    usage, flags = used(exchange, attempt)
    extras = extras_of(exchange, attempt)
    price, broken = _NO_PRICE, None
    project = house.projects.get(identity.project)
    if project is not None and not project.config.features.cost_tracking:
        price = _NOT_TRACKED
    elif usage != _NO_USAGE or extras != NO_EXTRAS:
        price = house.prices.price(decision.model, usage, provider, exchange.created_at, extras)
        if price.source == UNKNOWN_MODEL:
            flags.append(UsageFlag.UNPRICED)
        elif price.partly:
            flags.append(UsageFlag.PARTLY_PRICED)
        conversation = (identity.session, identity.agent, identity.request_class)
        broken = house.caches.note(conversation, decision.model, usage, provider, exchange.created_at, house.prices)
    body_at = exchange.request.body_at
    return UsageRow(
        exchange_id=exchange.id,
        attempt=attempt.number,
        project=identity.project,
        agent=identity.agent,
        agent_type=identity.agent_type,
        session=identity.session,
        request_class=identity.request_class,
        client=identity.client,
        dialect=identity.dialect,
        requested_model=exchange.peek.model,
        routed_model=decision.model,
        provider=provider,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_nanodollars=price.nanodollars,
        cost_currency="USD",
        price_source=price.source,
        routing_source=decision.source,
        routing_reason=decision.reason,
        rule_id=decision.rule_id,
        status=attempt.status,
        error_type=error_type(attempt),
        latency_ms=_milliseconds(body_at, now),
        first_byte_ms=_milliseconds(body_at, attempt.first_byte),
        overhead_us=int((attempt.sent - body_at) * 1_000_000) if attempt.sent else 0,
        flags=",".join(flags),
        metadata=_encode(_metadata(exchange, attempt, now, broken, extras)).decode(),
        created_at=exchange.created_at,
    )


def captured(exchange: Exchange, attempt: Attempt, house: House) -> Sequence[Capture]:
    """The texts of an exchange that its project keeps; once, with the first attempt.

    `preview` keeps the beginning of what the user said last, `full` all of it and the whole request.
    """
    project = house.projects.get(exchange.identity.project)
    mode = project.config.capture if project is not None else CaptureMode.NONE
    if mode is CaptureMode.NONE or attempt.number != 1:
        return ()
    texts = [(CaptureKind.MESSAGE, exchange.facts.contents.message)]
    if mode is CaptureMode.FULL:
        texts.append((CaptureKind.REQUEST, exchange.request.body.decode("utf-8", "replace")))
    longest = PREVIEW_CHARACTERS if mode is CaptureMode.PREVIEW else None
    return [
        Capture(
            exchange.id,
            exchange.identity.project,
            kind,
            longest is not None and len(text) > longest,
            exchange.created_at,
            redact_text(text[:longest]),
        )
        for kind, text in texts
        if text
    ]


def _metadata(
    exchange: Exchange, attempt: Attempt, now: float, broken: BrokenCache | None, extras: Extras
) -> dict[str, Any]:
    """What the detail view shows beyond the columns."""
    request = exchange.request
    facts: dict[str, Any] = {
        "target": _shown_target(request.target),
        "peer": request.peer,
        "request_bytes": len(request.body),
        "response_bytes": attempt.response_bytes,
        "stream": exchange.peek.stream,
        "facts": exchange.facts.kept(),
        "decision": _decision(exchange, attempt, broken),
        "trace": exchange.trace,
        "timings": {
            "body_ms": _milliseconds(request.received_at, request.body_at),
            "sent_us": int((attempt.sent - request.body_at) * 1_000_000) if attempt.sent else 0,
            "first_byte_ms": _milliseconds(request.body_at, attempt.first_byte),
            "done_ms": _milliseconds(request.body_at, now),
        },
        "request_headers": [_shown(*pair) for pair in request.headers],
        "response_headers": [_shown(*pair) for pair in attempt.response_headers],
    }
    if exchange.run is not None:
        facts["run"] = exchange.run.id
    if attempt.error is not None:
        facts["error"] = attempt.error.detail
    if attempt.meter is not None and attempt.meter.message_id:
        facts["message_id"] = attempt.meter.message_id
    if attempt.meter is not None and attempt.meter.stop_reason:
        facts["stop"] = attempt.meter.stop_reason
    for name, value in attempt.response_headers:
        if name.lower() == b"request-id":
            facts["request_id"] = value.decode("latin-1")[:_LONGEST_ID]
    prompt_id = request.header(b"x-claude-code-prompt-id")
    if prompt_id:
        facts["prompt_id"] = prompt_id.decode("latin-1")[:_LONGEST_ID]
    if extras != NO_EXTRAS:
        facts["extras"] = {name: value for name, value in extras._asdict().items() if value}
    if attempt.meter is not None and attempt.meter.doubts:
        facts["doubts"] = list(map(str, attempt.meter.doubts))
    return facts


def _decision(exchange: Exchange, attempt: Attempt, broken: BrokenCache | None) -> dict[str, Any]:
    """The decision trace: what was chosen, and what each rule that was asked answered."""
    decision = attempt.decision
    found: dict[str, Any] = {"source": decision.source, "model": decision.model, "reason": decision.reason}
    if exchange.routing is not None:
        found["steps"] = [
            {**step._asdict(), "conditions": [condition._asdict() for condition in step.conditions]}
            for step in exchange.routing.trace(TRACED_RULES)
        ]
    if broken is not None:
        found["broken_cache"] = broken._asdict()
    return found


@lru_cache(maxsize=4096)
def _shown(name: bytes, value: bytes) -> tuple[str, str]:
    """A header as it may be kept. Most come again with every request of a client, so the look through is remembered."""
    return redact_headers([(name, value[:_LONGEST_HEADER])])[0]


@lru_cache(maxsize=256)
def _shown_target(target: bytes) -> str:
    return redact_text(target.decode("latin-1"))


def _milliseconds(since: float, until: float) -> int:
    return int((until - since) * 1000) if until else 0
