"""The request as it goes to a provider: the client's own, but for what must not travel."""

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind
from conduit_tui.gateway.http.server import Request
from conduit_tui.gateway.registry import Upstream

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
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
_KEPT_BACK = HOP_BY_HOP | {b"host", b"content-length", b"expect", b"cookie", b"proxy-authorization"}
_CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"api-key"})
_OURS = b"x-conduit-"
_METERABLE = frozenset({b"gzip", b"deflate", b"identity"})


def request_headers(request: Request, upstream: Upstream, dialect: Dialect, *, stream: bool) -> Headers:
    """The headers to send, in the client's order and spelling. Raises KeyMissing.

    The client's credential stays only where the provider is pass-through; a key of ours replaces it. Streams ask for
    `identity`, so that events pass as they come; other answers may be compressed in ways that can be metered.
    """
    named = connection_names(request.headers)
    pass_through = upstream.provider.key.kind is KeyKind.PASS_THROUGH
    headers: Headers = []
    encodings: list[bytes] = []
    for name, value in request.headers:
        lower = name.lower()
        if lower in _KEPT_BACK or lower.startswith(_OURS) or lower in named:
            continue
        if lower in _CREDENTIALS and not pass_through:
            continue
        if lower == b"accept-encoding":
            encodings += value.split(b",")
            continue
        headers.append((name, value))
    headers.append((b"accept-encoding", b"identity" if stream else _cut_encodings(encodings)))
    key = upstream.credential()
    if key:
        headers.append(
            (b"x-api-key", key) if dialect is Dialect.ANTHROPIC else (b"authorization", b"Bearer " + key),
        )
    return headers


def response_headers(headers: Headers) -> Headers:
    """An answer's headers as they go back: all but hop-by-hop ones, the length (framing is ours) and our own names."""
    named = connection_names(headers)
    return [
        (name, value)
        for name, value in headers
        if (lower := name.lower()) not in HOP_BY_HOP
        and lower != b"content-length"
        and lower not in named
        and not lower.startswith(_OURS)
    ]


def connection_names(headers: Headers) -> frozenset[bytes]:
    """The header names that a message's Connection header makes hop-by-hop."""
    found: set[bytes] = set()
    for name, value in headers:
        if len(name) == 10 and name.lower() == b"connection":
            found.update(token.strip().lower() for token in value.split(b","))
    return frozenset(found)


def _cut_encodings(offered: list[bytes]) -> bytes:
    kept = [item.strip() for item in offered if item.partition(b";")[0].strip().lower() in _METERABLE]
    return b", ".join(kept) or b"identity"
