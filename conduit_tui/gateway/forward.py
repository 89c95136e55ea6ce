"""The request as it goes to a provider: the client's own, but for what must not travel."""

from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind
from conduit_tui.gateway.http.messages import Request
from conduit_tui.gateway.loops import marked
from conduit_tui.gateway.registry import Upstream

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# The pool sets Host and Content-Length; cookies and proxy credentials are none of a provider's business.
_KEPT_BACK = _HOP_BY_HOP | {b"host", b"content-length", b"expect", b"cookie", b"proxy-authorization"}
_CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"api-key"})
_OURS = b"x-conduit-"
_METERABLE = frozenset({b"gzip", b"deflate", b"identity"})


class _Fate(Enum):
    """What becomes of a header on its way."""

    PASSED = auto()
    KEPT_BACK = auto()
    CREDENTIAL = auto()  # of a request
    ENCODINGS = auto()  # Accept-Encoding of a request
    CONTENT_TYPE = auto()  # of an answer; passed
    CONTENT_ENCODING = auto()  # of an answer; passed
    LENGTH = auto()  # of an answer; kept back, as framing is ours
    CONNECTION = auto()  # kept back, and may name others


class AnswerHeaders(NamedTuple):
    """The headers of an answer: those that go back, and what the relay needs to know of them."""

    passed: Headers
    content_type: str
    content_encoding: str
    length: int | None


def request_headers(request: Request, upstream: Upstream, dialect: Dialect, *, stream: bool, mark: bytes) -> Headers:
    """The headers to send, in the client's order and spelling. Raises KeyMissing.

    The client's credential stays only where the provider is pass-through; a key of ours replaces it. Streams ask for
    `identity`, so that events pass as they come; other answers may be compressed in ways that can be metered. `mark` is
    by which a request that comes round is known.
    """
    pass_through = upstream.provider.key.kind is KeyKind.PASS_THROUGH
    headers: Headers = []
    encodings: list[bytes] = []
    named: set[bytes] = set()
    for header in request.headers:
        fate = _fate_in_request(header[0])
        if fate is _Fate.PASSED or (fate is _Fate.CREDENTIAL and pass_through):
            headers.append(header)
        elif fate is _Fate.ENCODINGS:
            encodings += header[1].split(b",")
        elif fate is _Fate.CONNECTION:
            named |= _names(header[1])
    if named:
        headers = _without(headers, named)
    headers.append((b"accept-encoding", b"identity" if stream else _cut_encodings(encodings)))
    headers += marked(request, mark, upstream.origin.host)
    key = upstream.credential()
    if key:
        headers.append(
            (b"x-api-key", key) if dialect is Dialect.ANTHROPIC else (b"authorization", b"Bearer " + key),
        )
    return headers


def response_headers(headers: Headers) -> AnswerHeaders:
    """An answer's headers as they go back: all but hop-by-hop ones, the length (framing is ours) and our own names."""
    passed: Headers = []
    content_type = content_encoding = ""
    length: int | None = None
    named: set[bytes] = set()
    for header in headers:
        fate = _fate_in_answer(header[0])
        if fate is _Fate.PASSED:
            passed.append(header)
        elif fate is _Fate.CONTENT_TYPE:
            content_type = header[1].decode("latin-1")
            passed.append(header)
        elif fate is _Fate.LENGTH:
            length = int(header[1])
        elif fate is _Fate.CONTENT_ENCODING:
            content_encoding = header[1].decode("latin-1")
            passed.append(header)
        elif fate is _Fate.CONNECTION:
            named |= _names(header[1])
    return AnswerHeaders(_without(passed, named) if named else passed, content_type, content_encoding, length)


# The same few spellings come again and again; the number of possible ones has no end.
@lru_cache(maxsize=1024)
def _fate_in_request(name: bytes) -> _Fate:
    lower = name.lower()
    if lower == b"connection":
        return _Fate.CONNECTION
    if lower in _KEPT_BACK or lower.startswith(_OURS):
        return _Fate.KEPT_BACK
    if lower in _CREDENTIALS:
        return _Fate.CREDENTIAL
    return _Fate.ENCODINGS if lower == b"accept-encoding" else _Fate.PASSED


@lru_cache(maxsize=1024)
def _fate_in_answer(name: bytes) -> _Fate:
    lower = name.lower()
    special = {
        b"connection": _Fate.CONNECTION,
        b"content-type": _Fate.CONTENT_TYPE,
        b"content-encoding": _Fate.CONTENT_ENCODING,
        b"content-length": _Fate.LENGTH,
    }
    if lower in special:
        return special[lower]
    return _Fate.KEPT_BACK if lower in _HOP_BY_HOP or lower.startswith(_OURS) else _Fate.PASSED


def _names(connection: bytes) -> set[bytes]:
    """The header names that a Connection header makes hop-by-hop, beside those that always are."""
    return {token.strip().lower() for token in connection.split(b",")} - {b"keep-alive", b"close"}


def _without(headers: Headers, named: set[bytes]) -> Headers:
    return [header for header in headers if header[0].lower() not in named]


def _cut_encodings(offered: list[bytes]) -> bytes:
    kept = [item.strip() for item in offered if item.partition(b";")[0].strip().lower() in _METERABLE]
    return b", ".join(kept) or b"identity"
