"""What a handler sees and gives: a received request, a whole answer."""

from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]


class Request:
    """One received request. `headers` keep the order and case of the wire.

    Times are `time.perf_counter()` seconds: `received_at` at the first byte of the head, `body_at` at the last byte.
    """

    __slots__ = (
        "_index",
        "body",
        "body_at",
        "content_length",
        "expects_continue",
        "headers",
        "keep_alive",
        "method",
        "peer",
        "plain",
        "received_at",
        "target",
        "version",
    )

    def __init__(self, method: bytes, target: bytes, headers: Headers, peer: str, received_at: float) -> None:
        self.method = method
        self.target = target
        self.version = (1, 1)
        self.headers = headers
        self.peer = peer
        self.received_at = received_at
        self.body_at = received_at
        self.body = b""
        self.keep_alive = False
        self.content_length: int | None = 0  # None: chunked
        self.expects_continue = False
        self.plain = True  # neither Expect nor Upgrade
        self._index: dict[bytes, bytes] = {}

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header; `name` in lower case."""
        return self._index.get(name)

    def headers_named(self, name: bytes) -> list[bytes]:
        """Every value of a header in order; `name` in lower case."""
        if name not in self._index:
            return []
        return [value.rstrip() for key, value in self.headers if key.lower() == name]


class Answer(NamedTuple):
    """A whole answer; Content-Length, Date and Connection are added. `close` ends the connection after it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    close: bool = False
