"""What a client sends: bytes to requests, with every limit and every refusal on the way."""

import logging
from collections import deque
from typing import Final

import httptools

from conduit_tui.gateway.http.framing import Refused, frame_request
from conduit_tui.gateway.http.handler import Handler
from conduit_tui.gateway.http.line import Line
from conduit_tui.gateway.http.messages import Answer, Headers, Request
from conduit_tui.gateway.http.responder import Responder

_log = logging.getLogger(__name__)
SLICE = 8_192  # large reads are parsed in pieces of this size, so that one cannot overfill the queue of requests
_CHUNK_OVERHEAD = 65_536

# What the next byte belongs to.
IDLE: Final = 0
HEAD: Final = 1
BODY: Final = 2
CLOSED: Final = 3  # nothing more is taken; what still comes is thrown away


class _Stop(Exception):
    """Leaves the parser; what there was to say has been queued."""


class Receiver:
    """Feeds a parser and queues a responder for each whole request, and for each refused one with its answer."""

    __slots__ = (
        "_body_length",
        "_body_read",
        "_chunks",
        "_connection",
        "_counted",
        "_handler",
        "_headers",
        "_limits",
        "_measure_heads",
        "_parser",
        "_peer",
        "_pieces",
        "_queue",
        "_raw_read",
        "_received_at",
        "_request",
        "_target",
        "_unparsed_body",
        "_upgrading",
        "continue_due",
        "now",
        "on_body",
        "on_url",
        "phase",
        "since",
        "unread",
    )

    def __init__(self, connection: Line, handler: Handler, queue: deque[Responder], peer: str) -> None:
        self._connection = connection
        self._handler = handler
        self._limits = connection.terms.limits
        self._queue = queue
        self._peer = peer
        self._measure_heads = min(self._limits.head_bytes, self._limits.target_bytes) < SLICE  # else one slice fits
        self.phase: int = IDLE
        self.since = 0.0  # when the phase began, where it has a deadline
        self.continue_due = False  # the client waits for a 100 before it sends the body
        self.unread = False  # it may still be sending what is not taken
        self._request: Request | None = None  # None in phase BODY: answered at its head, the body is thrown away
        self._headers: Headers = []
        self._target: list[bytes] = []
        self._pieces: list[bytes] = []
        self._chunks = bytearray()
        self._counted = 0  # pieces whose bytes are in _body_read
        self._body_length: int | None = 0  # None: chunked
        self._body_read = 0
        self._raw_read = 0  # of the present head, or of a chunked body
        self._unparsed_body = 0  # bytes behind an Upgrade that is ignored; the parser skips them
        self._upgrading = False
        self._received_at = self.now = 0.0  # when the present read came
        self.on_url = self._target.append  # the parser calls these for every piece: spare it the Python frame
        self.on_body = self._pieces.append
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> bytes:
        """Take a read of any size; returns what was left over when the queue was full."""
        if len(data) <= SLICE:
            self.parse(data)
            return b""
        view = memoryview(data)
        offset = 0
        while offset < len(view) and self.phase != CLOSED:
            if len(self._queue) >= self._limits.pipelined:
                return data[offset:]
            step = SLICE
            if self.phase == BODY and self._body_length is not None:
                step = max(SLICE, self._body_length - self._body_read)
            self.parse(view[offset : offset + step])
            offset += step
        return b""

    def parse(self, data: bytes | memoryview) -> None:
        """Take a slice."""
        if self._unparsed_body:
            data = self._take_unparsed_body(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            if len(rest):
                self.parse(rest)
            return
        except httptools.HttpParserError as error:
            if self.phase != CLOSED:
                self._refuse_garbage(error, data)
            return
        phase = self.phase
        if phase in (HEAD, BODY):
            self._check_progress(len(data))

    def restart_clock(self) -> None:
        """Time in which nothing was read is not the client's."""
        self.since = self.now

    def late(self, now: float) -> bool:
        """Whether the request under way takes too long to arrive."""
        if self.phase == HEAD:
            return now - self.since > self._limits.head_seconds
        return self.phase == BODY and now - self.since > self._limits.body_seconds

    def refuse_late(self) -> None:
        """Refuse the request that takes too long."""
        part = "head" if self.phase == HEAD else "body"
        self.refuse(408, f"the request {part} took too long", self._request)

    def refuse(self, status: int, reason: str, request: Request | None) -> None:
        """Take no more, and queue an error behind what was asked before."""
        answered = self.phase == BODY and self._request is None
        self.close(unread=True)
        if not answered:
            self._queue.append(Responder(self._connection, request, self.error(request, status, reason)))

    def error(self, request: Request | None, status: int, reason: str) -> Answer:
        """The handler's shape of an error."""
        try:
            return self._handler.check_error(request, status, reason)._replace(close=True)
        except Exception:
            _log.exception("shaping an error answer failed")
            return Answer(status, (), b"", close=True)

    def close(self, *, unread: bool) -> None:
        """Take no more."""
        self.phase = CLOSED
        self.unread = self.unread or unread
        self.continue_due = False
        self._request = None
        self._pieces.clear()
        self._chunks.clear()
        self._counted = 0

    # the parser calls

    def on_message_begin(self) -> None:
        if self.phase == CLOSED:
            raise _Stop
        self.phase = HEAD
        self.since = self._received_at = self.now
        self._headers = []
        self._target.clear()
        self._raw_read = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        headers = self._headers
        target = self._target[0] if len(self._target) == 1 else b"".join(self._target)
        request = Request(parser.get_method(), target, headers, self._peer, self._received_at)
        try:
            if self._raw_read or self._measure_heads or len(headers) > self._limits.header_count:
                self._measure_head()
            self._headers = []  # trailers are dropped
            frame_request(request, parser.get_http_version())
            answer = self._handler.check_head(request)
            length = request.content_length
            self.phase = BODY
            self.since = self.now
            if answer is None and length is not None and length <= self._limits.body_bytes and request.plain:
                self._request = request
                self._body_length = length
                self._body_read = 0
                return
            self._expect_body(request, answer)
        except Refused as refused:
            self.refuse(refused.status, refused.reason, request)
            raise _Stop from None
        except Exception:
            _log.exception("checking a request head failed")
            self.refuse(500, "internal error", request)
            raise _Stop from None
        if answer is not None:
            self._queue.append(Responder(self._connection, request, answer))
            if answer.close or not request.keep_alive:
                request.keep_alive = False
                self.close(unread=True)
                raise _Stop

    def on_message_complete(self) -> None:
        if self._upgrading:
            self._upgrading = False
            self._unparsed_body = self._body_length or 0
            return
        request = self._request
        pieces = self._pieces
        if request is None:
            pieces.clear()
            self._counted = 0
            self.phase = IDLE
            return
        if self._body_length is None:
            self._count_body()
            if self.phase == CLOSED:
                raise _Stop
            request.body = bytes(self._chunks)
            self._chunks.clear()
        elif pieces:
            request.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
        self._counted = 0
        self._request = None
        self.phase = IDLE
        request.body_at = self.now
        self.continue_due = False
        if not request.keep_alive:
            self.close(unread=False)
        self._queue.append(Responder(self._connection, request))

    # inside

    def _check_progress(self, size: int) -> None:
        """Refuse what grows without ending."""
        self._raw_read += size
        if self.phase == HEAD:
            try:
                self._measure_head()
            except Refused as refused:
                self.refuse(refused.status, refused.reason, None)
        else:
            self._count_body()
            if self._body_length is None and self._raw_read > _CHUNK_OVERHEAD + 16 * self._body_read:
                self.refuse(400, "too much overhead in a chunked body", self._request)

    def _count_body(self) -> None:
        """Account for the pieces that this slice brought."""
        pieces = self._pieces
        self._body_read += sum(map(len, pieces[self._counted :]))
        if self._request is None:
            pieces.clear()
        elif self._body_length is None:
            self._chunks += b"".join(pieces)  # a million tiny chunks must not become a million objects
            pieces.clear()
        self._counted = len(pieces)
        if self._body_read > self._limits.body_bytes:
            self.refuse(413, "the request body is too large", self._request)

    def _measure_head(self) -> None:
        """Raises Refused."""
        limits = self._limits
        if sum(map(len, self._target)) > limits.target_bytes:
            raise Refused(414, "the request target is too long")
        if len(self._headers) > limits.header_count:
            raise Refused(431, "too many headers")
        # What was read may begin with the end of another message.
        if self._raw_read > limits.head_bytes + SLICE or self._head_size() > limits.head_bytes:
            raise Refused(431, "the request head is too large")

    def _head_size(self) -> int:
        return sum(map(len, self._target)) + sum(len(name) + len(value) + 4 for name, value in self._headers)

    def _expect_body(self, request: Request, answer: Answer | None) -> None:
        """Prepare for the body, or refuse it; that of a request which has its answer is thrown away.

        Raises Refused.
        """
        length = request.content_length
        self._request = request if answer is None else None
        self._body_length = length
        self._body_read = self._raw_read = 0
        too_large = length is not None and length > self._limits.body_bytes
        upgrade = self._parser.should_upgrade()  # then the parser takes the body for another protocol's
        if answer is not None:
            if too_large or upgrade or request.expects_continue:
                request.keep_alive = False
            return
        if too_large:
            raise Refused(413, "the request body is too large")
        if upgrade:
            if length is None:
                raise Refused(501, "upgrade of a request with a chunked body")
            self._upgrading = length > 0
        self.continue_due = request.expects_continue

    def _take_unparsed_body(self, data: bytes | memoryview) -> bytes | memoryview:
        body = bytes(data[: self._unparsed_body])
        self._unparsed_body -= len(body)
        self._pieces.append(body)
        if not self._unparsed_body:
            self.on_message_complete()
        return data[len(body) :]

    def _refuse_garbage(self, error: httptools.HttpParserError, data: bytes | memoryview) -> None:
        if data[:1] == b"\x16" and self.phase == HEAD:
            self.refuse(400, "TLS on a port that speaks plain HTTP", None)
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self.refuse(501, "unknown method", None)
        else:
            self.refuse(400, f"malformed request: {error}", self._request)
