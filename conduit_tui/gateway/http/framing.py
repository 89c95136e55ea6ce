"""The rules of RFC 9112 that the parser leaves to us: where a message ends, and what a head may hold.

httptools refuses bare line feeds, folded headers, control characters and most length conflicts. What is checked here
either passes it or must not depend on its version, because a mistake about the end of a message is request smuggling.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from conduit_tui.gateway.http.messages import Headers, Request

_REMEMBERED = 256  # the same few targets, hosts and field names come again and again

is_path = lru_cache(_REMEMBERED)(re.compile(rb"/[!-\"$-\[\]-~]*").fullmatch)  # visible ASCII, neither "#" nor "\"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_authority = lru_cache(_REMEMBERED)(
    re.compile(rb"(?:[\w.~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?").fullmatch
)
_ONCE = frozenset({b"host", b"content-length", b"transfer-encoding"})
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})


class Refused(Exception):
    """A message that must not be processed: the status to answer and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


def frame_request(request: Request, version: str) -> None:
    """Check a received head and note on the request how its body ends and whether the connection lives on.

    Raises Refused.
    """
    headers = request.headers
    index = request._index
    for name, value in headers:
        index[name.lower()] = value.rstrip()
    if len(index) < len(headers):
        _keep_first(headers, index)
    modern = version == "1.1"
    if not modern:
        if version != "1.0":
            raise Refused(505, f"HTTP/{version} is not spoken here")
        request.version = (1, 0)
    if not is_path(request.target) or request.method == b"CONNECT":
        raise Refused(400, "the request target must be a path")
    host = index.get(b"host")
    if host is None:
        if modern:
            raise Refused(400, "no host header")
    elif not _is_authority(host):
        raise Refused(400, "malformed host header")
    connection = index.get(b"connection")
    if connection is None:
        request.keep_alive = modern
    else:
        options = connection_options(request.headers)
        request.keep_alive = b"close" not in options and (modern or b"keep-alive" in options)
    length = index.get(b"content-length")
    coding = index.get(b"transfer-encoding")
    if coding is not None:
        if not modern:
            raise Refused(400, "transfer-encoding in an HTTP/1.0 request")
        if length is not None:
            raise Refused(400, "both content-length and transfer-encoding")
        if coding.lower() != b"chunked":
            raise Refused(501, "the only transfer coding understood is chunked")
        request.content_length = None
    elif length is not None:
        if not _is_length(length):
            raise Refused(400, "malformed content-length")
        request.content_length = int(length)
    expectation = index.get(b"expect")
    if expectation is not None and modern:
        if expectation.lower() != b"100-continue":
            raise Refused(417, "unknown expectation")
        request.expects_continue = True
        request.plain = False
    if b"upgrade" in index:
        request.plain = False


def _keep_first(headers: Headers, index: dict[bytes, bytes]) -> None:
    """Where a header is repeated, index its first value. Raises Refused for those that may not be."""
    seen = set()
    for name, value in reversed(headers):
        key = name.lower()
        if key in seen and key in _ONCE:
            raise Refused(400, f"more than one {key.decode()} header")
        seen.add(key)
        index[key] = value.rstrip()


def answer_length(status: int, headers: Headers) -> int | None:
    """The length of an answer's body: bytes, -1 for chunked, None for "until the connection closes".

    Raises Refused. The caller knows about answers that never have a body.
    """
    length = coding = None
    for name, value in headers:
        size = len(name)
        if size == 14 and name.lower() == b"content-length":
            if length is not None:
                raise Refused(502, "more than one content-length")
            length = value
        elif size == 17 and name.lower() == b"transfer-encoding":
            if coding is not None:
                raise Refused(502, "more than one transfer-encoding")
            coding = value
    if coding is None:
        if length is None:
            return None
        if not _is_length(length):
            raise Refused(502, "malformed content-length")
        return int(length)
    if length is not None:
        raise Refused(502, "both content-length and transfer-encoding")
    if coding.lower() != b"chunked":
        raise Refused(502, "unknown transfer coding")
    if status < 200 or status == 204:
        raise Refused(502, f"transfer-encoding in a {status}")
    return -1


def _is_length(value: bytes) -> bool:
    return value.isdigit() and len(value) < 19


def connection_options(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """The options of every Connection header, in lower case."""
    return {
        option.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for option in value.split(b",")
    }


class FieldNames:
    """Writes the fields of heads; each name is checked once and then known."""

    def __init__(self, *forbidden: bytes) -> None:
        """`forbidden` names (lower case) are refused beside those that are always the framing's."""
        self._known: dict[bytes, bytes] = {}  # to what stands between the value before it and its own value
        self._forbidden = _FRAMING.union(forbidden)

    def join(self, start: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """The first line of a head, without its end, and the fields. Raises ValueError.

        Refused are names that are no token or the framing's, and values with a line break or a NUL.
        """
        try:
            known = self._known
            head = b"".join([start, *[known[name] + value for name, value in headers]])
        except KeyError:
            head = b"".join([start, *[self._separator(name) + value for name, value in headers]])
        if len(head.translate(None, b"\r\n\0")) != len(head) - 2 * len(headers):
            raise ValueError("a header's value holds a line break or a NUL")
        return head

    def _separator(self, name: bytes) -> bytes:
        if name.lower() in self._forbidden or not _TOKEN(name):
            raise ValueError(f"header {name!r} may not be set here")
        separator = b"\r\n%b: " % name
        if len(self._known) < _REMEMBERED:  # names come from outside
            self._known[name] = separator
        return separator
