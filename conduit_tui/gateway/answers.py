"""Answers that the gateway gives itself."""

from functools import lru_cache
from urllib.parse import quote

import msgspec

from conduit_tui.domain.decisions import Decision
from conduit_tui.domain.dialects import Dialect
from conduit_tui.gateway.http.messages import Answer
from conduit_tui.wire.errors import error_body

EXCHANGE_HEADER = b"x-conduit-exchange"
DECISION_HEADER = b"x-conduit-decision"
_JSON = (b"content-type", b"application/json")
_NO_RETRY = (b"x-should-retry", b"false")
_NO_STORE = (b"cache-control", b"no-store")


@lru_cache(maxsize=1024)
def decision_header(decision: Decision) -> bytes:
    """A decision as a header: `source=rule; model=claude-haiku-5-5; rule=explore`, values percent-encoded."""
    parts = [f"source={decision.source}", f"model={quote(decision.model, safe='/:@')}"]
    if decision.rule_id:
        parts.append(f"rule={quote(decision.rule_id)}")
    return "; ".join(parts).encode("ascii")


def json_answer(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, (_JSON, *headers), body)


def object_answer(status: int, content: object, *headers: tuple[bytes, bytes]) -> Answer:
    return json_answer(status, msgspec.json.encode(content), *headers)


def error_answer(dialect: Dialect | None, status: int, message: str, exchange_id: str = "") -> Answer:
    """An error in the dialect's own shape.

    Clients retry 401 and 403 for no good, some of them for a minute, so those say that they should not.
    """
    headers: list[tuple[bytes, bytes]] = []
    if status in (401, 403, 404):
        headers.append(_NO_RETRY)
    if exchange_id:
        headers += [(b"request-id", exchange_id.encode()), (EXCHANGE_HEADER, exchange_id.encode())]
    return json_answer(status, error_body(dialect, status, message), *headers)


def refusal_answer(dialect: Dialect, client: str, message: str, exchange_id: str) -> Answer:
    """A budget's refusal. In OpenAI's dialects its code is `insufficient_quota`."""
    return _refused(_refusal_status(dialect, client), error_body(dialect, 402, message), exchange_id)


def stopped_answer(dialect: Dialect, client: str, message: str, exchange_id: str) -> Answer:
    """The refusal of a stopped session."""
    kind = 402 if dialect is Dialect.ANTHROPIC else 400
    return _refused(_refusal_status(dialect, client), error_body(dialect, kind, message), exchange_id)


def _refusal_status(dialect: Dialect, client: str) -> int:
    """The status that no client that was tried sends again, and that none has words of its own for.

    Claude Code tries 400 six times and takes 402 at once. codex and aider, which speaks through litellm, try 402 for up
    to a minute and take 400 at once; for 429 codex says something else, and aider tries again.
    """
    return 402 if dialect is Dialect.ANTHROPIC and client != "litellm" else 400


def _refused(status: int, body: bytes, exchange_id: str) -> Answer:
    ids = exchange_id.encode()
    return json_answer(status, body, _NO_RETRY, (b"request-id", ids), (EXCHANGE_HEADER, ids))


def not_allowed(dialect: Dialect | None, methods: tuple[bytes, ...]) -> Answer:
    allowed = b", ".join(methods)
    body = error_body(dialect, 405, f"this path takes {allowed.decode()} only")
    return json_answer(405, body, (b"allow", allowed))


def draining_answer(dialect: Dialect | None) -> Answer:
    """For requests that come while the gateway drains: the next one serves in a moment."""
    body = error_body(dialect, 503, "the gateway is restarting, try again in a moment")
    return json_answer(503, body, (b"retry-after", b"2"))._replace(close=True)


def health_answer(*, draining: bool) -> Answer:
    if draining:
        return object_answer(503, {"status": "draining"}, _NO_STORE)
    return object_answer(200, {"status": "ok"}, _NO_STORE)


HELLO = Answer(200, ((b"content-type", b"text/plain; charset=utf-8"),), b"conduit-tui gateway\n")
