"""Requests of the past, as rules are tried on them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from conduit_tui.domain.usage import NO_EXTRAS, Extras, Usage


class RecordedRequest(NamedTuple):
    """An exchange as it went: its last attempt, with the cost of all of them.

    `facts` are the numbers, flags and hashes that were kept of the request; `message` is the text that was captured,
    None where none was. Where a header's value was masked it has `…` in it.
    """

    id: int  # of the last attempt's usage row
    exchange_id: str
    created_at: int  # milliseconds since the epoch
    project: str
    agent: str
    agent_type: str
    session: str
    request_class: str
    dialect: str
    requested_model: str
    decided_model: str  # the first attempt's; another one than `routed_model` where a fallback served
    routed_model: str
    provider: str
    usage: Usage
    cost_nanodollars: int
    priced: bool  # whether a price was known for `routed_model`
    status: int
    routing_source: str
    rule_id: str
    facts: Mapping[str, Any]
    headers: bytes  # JSON: a list of pairs, empty where none were kept
    body_bytes: int
    message: str | None
    message_cut: bool
    extras: Extras = NO_EXTRAS
