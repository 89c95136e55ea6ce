"""One client connection: bytes to requests, in order, within limits; answers back in the same order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

import httptools

from conduit_tui.gateway.http.framing import Refused, frame_request
from conduit_tui.gateway.http.messages import Answer, Headers, Request
from conduit_tui.gateway.http.responder import Responder

if TYPE_CHECKING:
    from conduit_tui.gateway.http.server import Server

_log = logging.getLogger(__name__)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SLICE = 8_192  # heads are parsed in pieces of this size, so that one read cannot overfill the queue of requests
_LINGER_SECONDS = 2.0
_LARGE = 32_768  # from here on a copy costs more than a second buffer
_CHUNK_OVERHEAD = 65_536


# What the next byte of the client belongs to.
_IDLE: Final = 0
_HEAD: Final = 1
_BODY: Final = 2
_CLOSED: Final = 3  # nothing more is taken; what still comes is thrown away


class _Stop(Exception):
    """Leaves the parser; what there was to say has been queued."""


class Connection(asyncio.Protocol):
    """The protocol that a Server makes for each accepted socket."""

    __slots__ = (
        "_backlog",
        "_body",
        "_body_left",
        "_body_read",
        "_closing",
        "_continue_due",
        "_current",
        "_handler",
        "_head_read",
        "_headers",
        "_limits",
        "_linger",
        "_loop",
        "_measure_heads",
        "_now",
        "_outgoing",
        "_parser",
        "_paused",
        "_peer",
        "_phase",
        "_pieces",
        "_queue",
        "_received_at",
        "_request",
        "_serving",
        "_stalled",
        "_target",
        "_transport",
        "_unparsed_body",
        "_unsent",
        "_upgrading",
        "deadline",
        "server",
        "write_deadline",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self._loop = asyncio.get_running_loop()
        self._handler = server.handler
        self._limits = server.limits
        self._measure_heads = server.limits.head_bytes < _SLICE
        self._parser = httptools.HttpRequestParser(self)
        self._phase = _IDLE
        self._queue: deque[Responder] = deque()
        self._current: Responder | None = None
        self._serving = False
        self._paused = False  # the transport holds as much as it may
        self._stalled = False  # the queue is full, reading is paused
        self._closing = False
        self._linger = False  # the client may still be sending: let it read the answer before the socket goes
        self._continue_due = False
        self._upgrading = False
        self._request: Request | None = None
        self._headers: Headers = []
        self._target = b""
        self._pieces: list[bytes] = []
        self._body = bytearray()
        self._body_left = 0
        self._body_read = 0
        self._unparsed_body = 0  # body bytes behind an Upgrade that we ignore; the parser skips them
        self._head_read = 0
        self._backlog = b""
        self._unsent = 0
        self._outgoing: list[bytes] = []
        self._now = self._received_at = perf_counter()
        self.deadline = self._now + self._limits.head_seconds  # for receiving, idling, lingering
        self.write_deadline = inf

    # the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it when there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        admitted = self.server.admit(self)
        if admitted is None:
            self._phase = _CLOSED
            self._transport.abort()
        elif not admitted:
            self._refuse(503, "too many connections", None)
            self._serve()

    def data_received(self, data: bytes) -> None:
        """Parse, then serve what is complete."""
        if self._phase == _CLOSED:
            return
        if self._stalled:
            self._backlog += data
            return
        self._now = perf_counter()
        if len(data) <= _SLICE:
            self._parse(data)
        else:
            self._take(data)
        self._serve()

    def eof_received(self) -> None:
        """A client that ends its side has left; an unfinished answer has no reader."""
        if self._current is not None or self._queue:
            self._left()
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who is answering."""
        self._phase = _CLOSED
        self.server.forget(self)
        self._left()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        self._paused = True
        self._unsent = self._transport.get_write_buffer_size()
        self.write_deadline = perf_counter() + self._limits.write_seconds
        if self._current is not None and self._current.on_pause is not None:
            self._current.on_pause()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._paused = False
        self.write_deadline = inf
        if self._current is not None and self._current.on_resume is not None:
            self._current.on_resume()
        self._serve()

    # the parser calls

    def on_message_begin(self) -> None:
        if self._phase == _CLOSED:
            raise _Stop
        self._phase = _HEAD
        self._received_at = self._now
        self.deadline = self._now + self._limits.head_seconds
        self._target = b""
        self._headers = []
        self._head_read = 0

    def on_url(self, target: bytes) -> None:
        self._target = self._target + target if self._target else target
        if len(self._target) > self._limits.target_bytes:
            self._refuse(414, "the request target is too long", None)
            raise _Stop

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._headers
        headers.append((name, value))
        if len(headers) > self._limits.header_count:
            self._refuse(431, "too many headers", self._request)
            raise _Stop

    def on_headers_complete(self) -> None:
        parser = self._parser
        limits = self._limits
        headers = self._headers
        request = Request(parser.get_method(), self._target, (1, 1), headers, self._peer, self._received_at)
        self._headers = []  # trailers are counted and dropped
        try:
            if (self._measure_heads or self._head_read) and _head_size(request) > limits.head_bytes:
                raise Refused(431, "the request head is too large")
            frame_request(request, parser.get_http_version())
            answer = self._handler.check_head(request)
            self._expect_body(request, answer)
        except Refused as refused:
            self._refuse(refused.status, refused.reason, request)
            raise _Stop from None
        except Exception:
            _log.exception("checking a request head failed")
            self._refuse(500, "internal error", request)
            raise _Stop from None
        if answer is not None:
            self._queue.append(Responder(self, request, answer))
            if not request.keep_alive:
                self._end_input(linger=True)
                raise _Stop

    def on_body(self, data: bytes) -> None:
        request = self._request
        if self._body_left:
            self._body_left -= len(data)
            if request is not None:
                self._pieces.append(data)
            return
        self._body_read += len(data)
        if self._body_read > self._limits.body_bytes:
            self._refuse(413, "the request body is too large", request)
            raise _Stop
        if request is not None:
            self._body += data

    def on_message_complete(self) -> None:
        if self._upgrading:
            self._upgrading = False
            if self._body_left:
                self._unparsed_body = self._body_left
                return
        request = self._request
        self._phase = _IDLE
        self.deadline = inf if self._current is not None or self._queue else self._now + self._limits.idle_seconds
        if request is None:
            return
        self._request = None
        pieces = self._pieces
        if pieces:
            request.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self._pieces = []
        elif self._body:
            request.body = bytes(self._body)
            self._body = bytearray()
        request.body_at = self._now
        self._continue_due = False
        self.deadline = inf
        if not request.keep_alive:
            self._end_input(linger=False)
        self._queue.append(Responder(self, request))

    # the responder calls

    def write(self, data: bytes) -> None:
        """Send, together with whatever else is written in this turn of the loop."""
        outgoing = self._outgoing
        if not outgoing:
            self._loop.call_soon(self.flush)
        outgoing.append(data)

    def flush(self) -> None:
        """Send what is written now."""
        outgoing = self._outgoing
        if outgoing:
            self._outgoing = []
            if len(outgoing) == 1:
                self._transport.write(outgoing[0])
            elif sum(map(len, outgoing)) < _LARGE:
                self._transport.write(b"".join(outgoing))
            else:
                self._transport.writelines(outgoing)

    def responded(self, last: bytes, close: bool) -> None:
        """The current answer is complete with these bytes; go on with the next request, or end."""
        if last:
            self._outgoing.append(last)
        self.flush()
        self._current = None
        if close:
            self._close()
            return
        if not self._queue:
            if self._phase == _CLOSED or (self.server.draining and self._phase == _IDLE):
                self._close()
                return
            if self._phase == _IDLE:
                self.deadline = perf_counter() + self._limits.idle_seconds
        self._serve()

    def abort(self) -> None:
        """Cut the connection now."""
        self._phase = _CLOSED
        self._transport.abort()

    # the server calls

    @property
    def busy(self) -> bool:
        """Whether a request is being received or answered."""
        return self._current is not None or bool(self._queue) or self._phase in (_HEAD, _BODY)

    @property
    def stalled_socket(self) -> int:
        """The descriptor to watch for a client that leaves while its bytes are not read; -1 if they are."""
        if not self._stalled or self._transport.is_closing():
            return -1
        sock = self._transport.get_extra_info("socket")
        return -1 if sock is None else sock.fileno()

    def close_if_idle(self) -> None:
        """End the connection unless a request is under way."""
        if not self.busy and not self._closing:
            self._close()

    def client_left(self) -> None:
        """The socket says that the client is gone though nothing was read."""
        self._left()
        self.abort()

    def expire(self, now: float) -> None:
        """The deadline for receiving, idling or lingering has passed."""
        self.deadline = inf
        if self._closing:
            self._transport.abort()
        elif self._phase == _HEAD or self._phase == _BODY:
            part = "head" if self._phase == _HEAD else "body"
            self._refuse(408, f"the request {part} took too long", self._request)
            self._serve()
        else:
            self._close()

    def expire_write(self, now: float) -> None:
        """The client has taken too little for too long: cut it, unless something did move."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent = unsent
            self.write_deadline = now + self._limits.write_seconds
        else:
            self.write_deadline = inf
            self._transport.abort()

    # inside

    def _parse(self, data: bytes | memoryview) -> None:
        if self._unparsed_body:
            data = self._take_unparsed_body(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            if len(rest):
                self._parse(rest)
            return
        except httptools.HttpParserError as error:
            if self._phase != _CLOSED:
                self._refuse_garbage(error, data)
            return
        phase = self._phase
        if phase == _HEAD:
            self._head_read += len(data)
            if self._head_read > self._limits.head_bytes:
                self._refuse(431, "the request head is too large", None)
        elif phase == _BODY and not self._body_left:
            self._head_read += len(data)
            if self._head_read > _CHUNK_OVERHEAD + 16 * self._body_read:
                self._refuse(400, "too much overhead in a chunked body", self._request)

    def _take(self, data: bytes) -> None:
        """Parse a large read in slices, until the queue of requests is full."""
        view = memoryview(data)
        offset = 0
        while offset < len(view) and self._phase != _CLOSED:
            if len(self._queue) >= self._limits.pipelined:
                self._stall(data[offset:])
                return
            step = max(_SLICE, self._body_left if self._phase == _BODY else 0)
            self._parse(view[offset : offset + step])
            offset += step

    def _take_unparsed_body(self, data: bytes | memoryview) -> bytes | memoryview:
        body = bytes(data[: self._unparsed_body])
        self._unparsed_body -= len(body)
        self.on_body(body)
        if not self._unparsed_body:
            self.on_message_complete()
        return data[len(body) :]

    def _expect_body(self, request: Request, answer: Answer | None) -> None:
        """Prepare for the body of a request, or refuse it; the body of one that has its answer is thrown away.

        Raises Refused.
        """
        length = request.content_length
        self._request = request if answer is None else None
        self._phase = _BODY
        self._body_left = length or 0
        self._body_read = 0
        self._head_read = 0
        if length == 0:
            request.keep_alive = request.keep_alive and (answer is None or not answer.close)
            return
        self.deadline = self._now + self._limits.body_seconds
        too_large = length is not None and length > self._limits.body_bytes
        upgrade = self._parser.should_upgrade()  # then the parser takes the body for another protocol's
        if answer is not None:
            if answer.close or too_large or upgrade or request.expects_continue:
                request.keep_alive = False
            return
        if too_large:
            raise Refused(413, "the request body is too large")
        if upgrade:
            if length is None:
                raise Refused(501, "upgrade of a request with a chunked body")
            self._upgrading = True
        if request.expects_continue:
            if self._current is None and not self._queue:
                self.write(_CONTINUE)
            else:
                self._continue_due = True

    def _serve(self) -> None:
        """Hand over requests one after the other, and read on when the queue has room."""
        if self._serving:
            return
        self._serving = True
        queue = self._queue
        try:
            while True:
                while queue and self._current is None and not self._paused and not self._closing:
                    self._answer(queue.popleft())
                if self._closing:
                    return
                if len(queue) >= self._limits.pipelined:
                    if not self._stalled and self._phase != _CLOSED:
                        self._stall(b"")
                    return
                if not self._stalled:
                    break
                self._unstall()
            if self._continue_due and self._current is None and not queue:
                self._continue_due = False
                self.write(_CONTINUE)
        finally:
            self._serving = False

    def _answer(self, responder: Responder) -> None:
        self._current = responder
        try:
            if responder._prepared is not None:
                responder.respond(responder._prepared)
            else:
                self._handler.handle(cast("Request", responder.request), responder)
        except Exception:
            _log.exception("handling a request failed")
            if responder.started:
                responder.abort()
            else:
                responder.respond(self._error(responder.request, 500, "internal error"))

    def _stall(self, rest: bytes) -> None:
        self._stalled = True
        self._backlog = rest
        self.deadline = inf
        self._transport.pause_reading()
        self.server.stalled.add(self)

    def _unstall(self) -> None:
        rest, self._backlog = self._backlog, b""
        self._stalled = False
        self.server.stalled.discard(self)
        self._now = perf_counter()
        if self._phase == _HEAD:
            self.deadline = self._now + self._limits.head_seconds
        elif self._phase == _BODY:
            self.deadline = self._now + self._limits.body_seconds
        self._take(rest)
        if not self._stalled:
            self._transport.resume_reading()

    def _refuse_garbage(self, error: httptools.HttpParserError, data: bytes | memoryview) -> None:
        if isinstance(error, httptools.HttpParserInvalidMethodError) and data[:1] != b"\x16":
            self._refuse(501, "unknown method", None)
        elif data[:1] == b"\x16" and self._phase == _HEAD:
            self._refuse(400, "TLS on a port that speaks plain HTTP", None)
        else:
            self._refuse(400, f"malformed request: {error}", self._request)

    def _refuse(self, status: int, reason: str, request: Request | None) -> None:
        """Take no more, and answer an error behind what was asked before."""
        discarding = self._phase == _BODY and self._request is None  # answered at its head already
        self._end_input(linger=True)
        if not discarding:
            self._queue.append(Responder(self, request, self._error(request, status, reason)))
        elif self._current is None and not self._queue:
            self._close()

    def _error(self, request: Request | None, status: int, reason: str) -> Answer:
        try:
            return self._handler.check_error(request, status, reason)._replace(close=True)
        except Exception:
            _log.exception("shaping an error answer failed")
            return Answer(status, (), b"", close=True)

    def _end_input(self, *, linger: bool) -> None:
        self._phase = _CLOSED
        self._linger = self._linger or linger
        self._request = None
        self._pieces = []
        self._body = bytearray()
        self._continue_due = False
        self.deadline = inf

    def _close(self) -> None:
        """Send what is written, then end."""
        self.flush()
        self._closing = True
        self._phase = _CLOSED
        self._queue.clear()
        if self._stalled:
            self._stalled = False
            self._backlog = b""
            self.server.stalled.discard(self)
            self._linger = True
            self._transport.resume_reading()
        if self._linger and not self._transport.is_closing():
            self.deadline = perf_counter() + min(_LINGER_SECONDS, self._limits.write_seconds)
            if self._transport.can_write_eof():
                self._transport.write_eof()
        else:
            self.deadline = perf_counter() + self._limits.write_seconds
            self._transport.close()

    def _left(self) -> None:
        responder, self._current = self._current, None
        for waiting in self._queue:
            waiting.gone = True
        self._queue.clear()
        if responder is not None and not responder.finished:
            responder.gone = True
            if responder.on_gone is not None:
                responder.on_gone()


def _head_size(request: Request) -> int:
    return len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
