"""From an attempt to its usage row: what was used, what it cost, how long it took."""

import time
from functools import lru_cache
from typing import Any

import msgspec

from conduit_tui.domain.usage import Usage, UsageFlag, UsageRow
from conduit_tui.gateway.exchange import CHARACTERS_PER_TOKEN, Attempt, Exchange
from conduit_tui.observe.redact import redact_headers, redact_text
from conduit_tui.pricing.catalog import Catalog, Price
from conduit_tui.wire.meter import estimate

_encode = msgspec.json.Encoder().encode
_NO_PRICE = Price(0, "none")
_LONGEST_HEADER = 1024  # bytes of a value that are kept


def used(exchange: Exchange, attempt: Attempt) -> tuple[Usage, list[UsageFlag]]:
    """The tokens of an attempt and what is not ordinary about them.

    The provider's figure where there is one. A stream that was cut has used its prompt and at least the text that was
    seen; an answer that never came after the request was sent may still be charged for its prompt.
    """
    meter = attempt.meter
    cut = bool(attempt.client_gone or attempt.aborted or attempt.error)
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
    seen = meter.output_characters // CHARACTERS_PER_TOKEN
    if not meter.complete and cut and seen > meter.usage.output_tokens:
        return meter.usage._replace(output_tokens=seen), [*flags, UsageFlag.ESTIMATED]
    return meter.usage, flags


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


def usage_row(exchange: Exchange, attempt: Attempt, catalog: Catalog) -> UsageRow:
    """The row of an attempt that is over."""
    now = time.perf_counter()
    identity = exchange.identity
    usage, flags = used(exchange, attempt)
    price = _NO_PRICE
    if usage != Usage():
        price = catalog.price(exchange.decision.model, usage, attempt.upstream.name, exchange.created_at)
        if price.source == "none":
            flags.append(UsageFlag.UNPRICED)
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
        routed_model=exchange.decision.model,
        provider=attempt.upstream.name,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_nanodollars=price.nanodollars,
        cost_currency="USD",
        price_source=price.source,
        routing_source=exchange.decision.source,
        routing_reason=exchange.decision.reason,
        rule_id=exchange.decision.rule_id,
        status=attempt.status,
        error_type=error_type(attempt),
        latency_ms=_milliseconds(body_at, now),
        first_byte_ms=_milliseconds(body_at, attempt.first_byte),
        overhead_us=int((attempt.sent - body_at) * 1_000_000) if attempt.sent else 0,
        flags=",".join(flags),
        metadata=_encode(_metadata(exchange, attempt, now)).decode(),
        created_at=exchange.created_at,
    )


def _metadata(exchange: Exchange, attempt: Attempt, now: float) -> dict[str, Any]:
    """What the detail view shows beyond the columns."""
    request = exchange.request
    facts: dict[str, Any] = {
        "target": _shown_target(request.target),
        "peer": request.peer,
        "request_bytes": len(request.body),
        "response_bytes": attempt.response_bytes,
        "stream": exchange.peek.stream,
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
    if attempt.error is not None:
        facts["error"] = attempt.error.detail
    if attempt.meter is not None and attempt.meter.message_id:
        facts["message_id"] = attempt.meter.message_id
    return facts


@lru_cache(maxsize=4096)
def _shown(name: bytes, value: bytes) -> tuple[str, str]:
    """A header as it may be kept. Most come again with every request of a client, so the look through is remembered."""
    return redact_headers([(name, value[:_LONGEST_HEADER])])[0]


@lru_cache(maxsize=256)
def _shown_target(target: bytes) -> str:
    return redact_text(target.decode("latin-1"))


def _milliseconds(since: float, until: float) -> int:
    return int((until - since) * 1000) if until else 0
