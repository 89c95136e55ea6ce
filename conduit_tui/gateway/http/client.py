"""One connection to an upstream: a request out, its answer in, strict about where the answer ends."""

from __future__ import annotations

import asyncio
import logging
import ssl
from time import perf_counter
from typing import Protocol, cast

import httptools

from conduit_tui.gateway.http.call import NOBODY, Call, ResponseHead, Stage, UpstreamError
from conduit_tui.gateway.http.framing import Refused, answer_length
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.messages import Headers

_log = logging.getLogger(__name__)
_LARGE = 32_768  # from here on a copy costs more than a second buffer
_MOST_INTERIM = 16


class _Stop(Exception):
    """Leaves the parser."""


class Owner(Protocol):
    """Whoever keeps a connection while no call is on it."""

    limits: Limits

    def joined(self, connection: UpstreamConnection) -> None:
        """It was made."""

    def left(self, connection: UpstreamConnection) -> None:
        """It was lost."""

    def release(self, connection: UpstreamConnection) -> None:
        """It may carry the next call."""

    def retry(self, call: Call) -> None:
        """Send a call once more, over a new connection."""


class UpstreamConnection(asyncio.Protocol):
    """Carries one call at a time; between two it lies in its pool."""

    __slots__ = (
        "_answer_begun",
        "_answered",
        "_complete",
        "_head_read",
        "_headers",
        "_interim",
        "_limits",
        "_parser",
        "_pieces",
        "_pool",
        "_reason",
        "_reusable",
        "_transport",
        "_until_close",
        "call",
        "is_closing",
        "last",
        "on_body",
        "on_status",
        "paused",
    )

    def __init__(self, pool: Owner) -> None:
        self._pool = pool
        self._limits = pool.limits
        self.call: Call | None = None
        self.last = perf_counter()  # when a byte came or the last answer ended
        self.paused = False
        self._answer_begun = False  # a byte of the answer came
        self._answered = False  # the final head was passed on
        self._complete = False
        self._reusable = False
        self._until_close = False
        self._interim = 0
        self._head_read = 0
        self._reason: list[bytes] = []
        self._headers: Headers = []
        self._pieces: list[bytes] = []
        self.on_status = self._reason.append  # the parser calls these for every piece: spare it the Python frame
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)

    # the pool calls

    def send(self, call: Call) -> None:
        """Write the request of a call and receive for it."""
        self.call = call
        call.connection = self
        self.last = perf_counter()
        self._answer_begun = self._answered = self._complete = self._reusable = self._until_close = False
        self._interim = self._head_read = 0
        body = call.body
        if not body:
            self._transport.write(call.head)
        elif len(body) < _LARGE:
            self._transport.write(call.head + body)
        else:
            self._transport.writelines((call.head, body))

    def abort(self) -> None:
        """Cut the connection; a call on it hears nothing more."""
        self.call = None
        self._transport.abort()

    def close(self) -> None:
        """End an idle connection."""
        self._transport.close()

    def pause(self) -> None:
        """Take no more of the answer until `resume`."""
        if not self.paused and not self._transport.is_closing():
            self.paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take the answer again."""
        if self.paused:
            self.paused = False
            self.last = perf_counter()
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def fail(self, detail: str, *, retry: bool = False, timed_out: bool = False) -> None:
        """Cut the connection and tell the call, or let the pool try once more."""
        call, self.call = self.call, None
        unsent = self._transport.get_write_buffer_size() if not self._transport.is_closing() else 0
        self._transport.abort()
        if call is None:
            return
        call.connection = None
        if retry and not self._answer_begun and call.may_retry:
            self._pool.retry(call)
            return
        stage: Stage = "body" if self._answered else "send" if unsent and not self._answer_begun else "head"
        call.fail(UpstreamError(stage, detail, sent=True, timed_out=timed_out))

    # the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the pool's watched connections."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_closing = self._transport.is_closing
        self._pool.joined(self)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which feeds the sink."""
        if self.call is None:
            self._transport.abort()  # nothing was asked
            return
        self.last = perf_counter()
        self._answer_begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._deliver()  # what came before it in the same read
            if not self._complete:
                self._refuse(error)
                return
            self._reusable = False
        if self._pieces:
            self._deliver()
        if self._complete:
            self._end()
        else:
            self._check_progress(len(data))

    def eof_received(self) -> None:
        """The end of an answer without a length, else a failure."""
        if self.call is None:
            return
        if self._until_close and self._answered and self._ended_properly():
            self._reusable = False
            self._end()
        else:
            self.fail(self._closed_detail(), retry=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the pool; a call that still runs has failed."""
        self._pool.left(self)
        if self.call is not None:
            detail = f"connection lost: {exc}" if exc is not None else self._closed_detail()
            self.fail(detail, retry=True)

    # the parser calls

    def on_message_begin(self) -> None:
        if self._complete:
            raise _Stop  # more than the answer
        self._headers = []
        self._reason.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        call = self.call
        if call is None:
            raise _Stop
        status = parser.get_status_code()
        headers = self._headers
        self._headers = []  # for trailers
        if len(headers) > self._limits.header_count:
            raise Refused(502, "too many headers")
        length = answer_length(status, headers)
        if length == -1 and parser.get_http_version() != "1.1":
            raise Refused(502, "transfer-encoding in an HTTP/1.0 answer")
        if status < 200:
            self._interim += 1
            if status == 101:
                raise Refused(502, "upstream switched protocols unasked")
            if length or self._interim > _MOST_INTERIM:
                raise Refused(502, "unusable interim answers")
            return
        self._answered = True
        reason = self._reason[0] if self._reason else b""
        call.sink.on_head(tuple.__new__(ResponseHead, (status, reason, headers)))  # without a Python frame
        if call.bodiless or status == 204 or status == 304:
            if call.bodiless or length is not None:
                # There is no body, whatever the headers say; the parser would wait for one.
                self._complete = True
                raise _Stop
        elif length is None:
            self._until_close = True

    def on_message_complete(self) -> None:
        if self._answered:
            self._complete = True
            self._reusable = self._parser.should_keep_alive()

    # inside

    def _end(self) -> None:
        """The answer is whole: back into the pool, then tell the sink, which may send again at once."""
        call, self.call = self.call, None
        transport = self._transport
        if self.paused:
            self.resume()
        # An answer before the whole request was sent: the rest would be taken for the next one.
        if self._reusable and not transport.get_write_buffer_size():
            self._pool.release(self)
        else:
            transport.abort()
        if call is not None:
            call.connection = None
            sink, call.sink = call.sink, NOBODY
            sink.on_end(self._headers)

    def _deliver(self) -> None:
        pieces = self._pieces
        if pieces:
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            if self.call is not None:
                self.call.sink.on_data(body)

    def _check_progress(self, size: int) -> None:
        """Refuse a head, or trailers, that grow without ending."""
        if not self._answered:
            self._head_read += size
            if self._head_read > self._limits.head_bytes:
                self.fail("the head of the answer is too large")
        if len(self._headers) > self._limits.header_count:
            self.fail("too many headers in the answer")

    def _refuse(self, error: httptools.HttpParserError | httptools.HttpParserUpgrade) -> None:
        cause = error.__context__
        if isinstance(cause, Refused):
            self.fail(f"malformed answer: {cause.reason}")
        elif isinstance(cause, _Stop):
            self._transport.abort()  # the call was aborted by its sink
        elif isinstance(cause, Exception) and isinstance(error, httptools.HttpParserCallbackError):
            _log.error("receiving an answer failed", exc_info=cause)
            self.fail("internal error")
        elif isinstance(error, httptools.HttpParserUpgrade):
            self.fail("malformed answer: upstream switched protocols unasked")
        else:
            self.fail(f"malformed answer: {error}")

    def _ended_properly(self) -> bool:
        """Whether a TLS peer said goodbye: without that, anybody on the way could have cut the answer short."""
        tls = self._transport.get_extra_info("ssl_object")
        if tls is None:
            return True
        try:
            return not tls.read(1)
        except ssl.SSLError:
            return False

    def _closed_detail(self) -> str:
        if self._answered:
            return "upstream closed the connection in the middle of the answer"
        return "upstream closed the connection without an answer"
