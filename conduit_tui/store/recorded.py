"""Requests of the past with what was kept of them, in batches, for trying rules on them."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.usage import NO_EXTRAS, Extras, Usage
from conduit_tui.store.rollups import BUCKET_MS

BATCH = 2_000

_COLUMNS = (
    "id", "exchange_id", "created_at", "project", "agent", "agent_type", "session", "request_class", "dialect",
    "requested_model", "decided_model", "routed_model", "provider", "status", "routing_source", "rule_id",
    "price_source",
)  # fmt: skip
_FROM = """
    FROM usage
    WHERE usage.id > :after AND usage.id <= :last AND usage.created_at >= :since AND usage.created_at < :until
        AND (:project = '' OR usage.project = :project)
        AND usage.dialect != ''  -- what an agent said of itself is no request
        AND NOT EXISTS (
            SELECT 1 FROM usage AS later WHERE later.exchange_id = usage.exchange_id AND later.attempt > usage.attempt
        )
"""
_PART = """
    iif(session = '', usage.id, unicode(substr(session, -1)) + coalesce(unicode(substr(session, -2)), 0)) % :parts
        = :part
"""
_COST = """
    iif(usage.attempt = 1, usage.cost_nanodollars,
        (SELECT sum(cost_nanodollars) FROM usage AS each WHERE each.exchange_id = usage.exchange_id))
"""
_DECIDED = """
    iif(usage.attempt = 1, usage.routed_model, coalesce(
        (SELECT routed_model FROM usage AS each WHERE each.exchange_id = usage.exchange_id AND attempt = 1),
        usage.routed_model))
"""
_MESSAGE = "(SELECT {column} FROM captures WHERE captures.exchange_id = usage.exchange_id AND kind = 'message')"
_COLUMN_LIST = ", ".join(
    _DECIDED if name == "decided_model" else f"usage.{name}" for name in (*_COLUMNS, *Usage._fields)
)
_SELECT = f"""
    SELECT {_COLUMN_LIST}, {_COST}, usage.metadata, {{message}}, {{cut}} {_FROM} AND (:parts = 1 OR {_PART})
    ORDER BY usage.id LIMIT {BATCH}
"""
_WITH_MESSAGES = _SELECT.format(message=_MESSAGE.format(column="text"), cut=_MESSAGE.format(column="cut"))
_WITHOUT_MESSAGES = _SELECT.format(message="NULL", cut="0")


class _Metadata(msgspec.Struct):
    facts: dict[str, Any] = {}
    request_headers: msgspec.Raw = msgspec.Raw()  # read by those who ask for one
    request_bytes: int = 0
    extras: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_Metadata).decode


def span(
    connection: sqlite3.Connection, *, since: int, until: int, project: str, newest: int | None
) -> tuple[int, int]:
    """After which id and up to which one the requests of a time lie; only the `newest` of them if that is given."""
    first, last = connection.execute(
        "SELECT coalesce(min(first_usage_id), 1), coalesce(max(last_usage_id), 0) FROM usage_rollup "
        "WHERE bucket > ? - ? AND bucket < ? AND (? = '' OR project = ?)",
        (since, BUCKET_MS, until, project, project),
    ).fetchone()
    after = first - 1
    if newest is not None:
        row = connection.execute(
            f"SELECT usage.id {_FROM} ORDER BY usage.id DESC LIMIT 1 OFFSET :newest",
            {"after": after, "last": last, "since": since, "until": until, "project": project, "newest": newest},
        ).fetchone()
        after = row[0] if row else after
    return after, last


def batch(
    connection: sqlite3.Connection,
    *,
    after: int,
    last: int,
    since: int,
    until: int,
    project: str,
    messages: bool,
    part: tuple[int, int],
) -> list[RecordedRequest]:
    """The next requests after an id, in the order in which they ended; none when there are no more."""
    values = {
        "after": after, "last": last, "since": since, "until": until, "project": project, "part": part[0],
        "parts": part[1],
    }  # fmt: skip
    cursor = connection.execute(_WITH_MESSAGES if messages else _WITHOUT_MESSAGES, values)
    return [_request(row) for row in cursor]


def _request(row: Sequence[Any]) -> RecordedRequest:
    named = len(_COLUMNS)
    *texts, status, routing_source, rule_id, price_source = row[:named]
    tokens = named + len(Usage._fields)
    cost, metadata, message, cut = row[tokens:]
    try:
        kept = _decode(metadata)
    except msgspec.MsgspecError:
        kept = _Metadata()
    return RecordedRequest._make(
        (
            *texts, Usage._make(row[named:tokens]), cost, price_source != "none", status, routing_source, rule_id,
            kept.facts, bytes(kept.request_headers), kept.request_bytes, message, bool(cut), _extras(kept.extras),
        )
    )  # fmt: skip


def _extras(kept: dict[str, Any]) -> Extras:
    """What was charged beyond tokens; what an older or newer version kept otherwise counts as nothing."""
    if not kept:
        return NO_EXTRAS
    fitting = {name: kept[name] for name, usual in NO_EXTRAS._asdict().items() if type(kept.get(name)) is type(usual)}
    return NO_EXTRAS._replace(**fitting)
