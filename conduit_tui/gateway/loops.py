"""A provider's base URL may lead back to this gateway; a request that comes round is known by a mark that it carries.

Only what goes to this machine or its neighbours is marked: other providers learn nothing of us.
"""

import hashlib
from functools import lru_cache

from conduit_tui.gateway.http.addresses import literal
from conduit_tui.gateway.http.messages import Request

HEADER = b"x-conduit-via"


def mark_of(token_digest: bytes) -> bytes:
    """What marks requests of one state directory's gateways, and tells nothing of its token."""
    return hashlib.sha256(HEADER + token_digest).hexdigest()[:16].encode()


def has_been_here(request: Request, mark: bytes) -> bool:
    """Whether a request carries the mark."""
    return any(mark in value for value in request.headers_named(HEADER))


def marked(request: Request, mark: bytes, host: str) -> list[tuple[bytes, bytes]]:
    """The header for a request that goes to `host`; the marks of other gateways on its way stay."""
    if not _is_near(host):
        return []
    return [(HEADER, b", ".join([*request.headers_named(HEADER), mark]))]


@lru_cache
def _is_near(host: str) -> bool:
    return literal(host) is not None or host.lower().rstrip(".") == "localhost"
