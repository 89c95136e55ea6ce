"""Writes one answer: status line, headers, framing. What is written and when is the handler's."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

from conduit_tui.gateway.http.framing import FieldNames
from conduit_tui.gateway.http.line import Line
from conduit_tui.gateway.http.messages import Answer, Request

_NAMES = FieldNames()
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_STATUS_LINES = {(status, reason): b"HTTP/1.1 %d %b" % (status, reason) for status, reason in _REASONS.items()}
_LARGE = 32_768  # from here on a copy costs more than a second buffer


class Responder:
    """The answer to one request. After `gone` everything is accepted and nothing is written."""

    __slots__ = (
        "_chunked",
        "_close",
        "_connection",
        "_left",
        "finished",
        "gone",
        "on_gone",
        "on_pause",
        "on_resume",
        "prepared",
        "request",
        "started",
    )

    def __init__(self, connection: Line, request: Request | None, prepared: Answer | None = None) -> None:
        self.request = request
        self.started = False
        self.finished = False
        self.gone = False
        self.on_gone: Callable[[], None] | None = None  # the client left before the answer was finished
        self.on_pause: Callable[[], None] | None = None  # the client takes less than is written
        self.on_resume: Callable[[], None] | None = None
        self._connection = connection
        self.prepared = prepared
        self._left: int | None = None  # bytes of the body still owed; None: no length was promised
        self._chunked = False
        self._close = False

    def start(self, status: int, reason: bytes, headers: Sequence[tuple[bytes, bytes]], length: int | None) -> None:
        """Write the head. `length` of None: chunked for HTTP/1.1 clients, until close for HTTP/1.0.

        Raises ValueError for headers that hold line breaks or are the framing's own (Content-Length,
        Transfer-Encoding, Connection).
        """
        if self.started:
            raise RuntimeError("the answer has begun already")
        connection = self._connection
        request = self.request
        head = _NAMES.join(_STATUS_LINES.get((status, reason)) or _status_line(status, reason), headers)
        if b"\r\ndate: " not in head.lower():
            head += connection.terms.date
        if request is None:
            modern, keep_alive = True, False
        else:
            modern = request.version == (1, 1)
            keep_alive = request.keep_alive and not connection.terms.draining
        if status < 200 or status == 204 or status == 304:
            self._left = -1
        elif length is not None:
            self._left = length
            head += b"\r\ncontent-length: %d" % length
        elif modern:
            self._chunked = True
            head += b"\r\ntransfer-encoding: chunked"
        else:
            keep_alive = False
        if request is not None and request.method == b"HEAD":
            self._left = -1
            self._chunked = False
        if not keep_alive:
            self._close = True
            head += b"\r\nconnection: close\r\n\r\n"
        elif modern:
            head += b"\r\n\r\n"
        else:
            head += b"\r\nconnection: keep-alive\r\n\r\n"
        self.started = True
        if not self.gone:
            connection.write(head)

    def write(self, data: bytes) -> None:
        """Write a piece of the body. Raises ValueError for more than the promised length."""
        size = len(data)
        if self.gone or not size or self.finished:
            return
        left = self._left
        if left is None:
            if not self._chunked:
                self._connection.write(data)
            elif size < _LARGE:
                self._connection.write(b"%x\r\n%b\r\n" % (size, data))
            else:
                self._connection.write(b"%x\r\n" % size)
                self._connection.write(data)
                self._connection.write(b"\r\n")
        elif size <= left:
            self._left = left - size
            self._connection.write(data)
        elif left >= 0:
            self.abort()
            raise ValueError("more body than the promised length")

    def finish(self) -> None:
        """End the answer. Less than the promised length cuts the connection, so that the client knows."""
        if self.finished:
            return
        if not self.started:
            raise RuntimeError("finish before start")
        left = self._left
        if left is not None and left > 0:
            self.abort()
            return
        self.finished = True
        # Who was to be told holds this responder, and only the collector would free the ring.
        self.on_gone = self.on_pause = self.on_resume = None
        if not self.gone:
            if self._chunked:
                self._connection.write(b"0\r\n\r\n")
            self._connection.responded(self._close)

    def respond(self, answer: Answer) -> None:
        """Write a whole answer. Raises as `start` does."""
        if answer.close and self.request is not None:
            self.request.keep_alive = False
        body = answer.body
        self.start(answer.status, _REASONS.get(answer.status, b""), answer.headers, len(body))
        if self._left:
            self.write(body)
        self.finish()

    def abort(self) -> None:
        """Cut the connection; the client sees that the answer is not whole. `on_gone` is not called."""
        self.finished = True
        self.on_gone = self.on_pause = self.on_resume = None
        until_close = self.started and self._left is None and not self._chunked
        self._connection.abort(reset=until_close)

    def leave(self) -> None:
        """The client has left."""
        self.gone = True
        on_gone = self.on_gone
        self.on_gone = self.on_pause = self.on_resume = None
        if on_gone is not None:
            on_gone()


def _status_line(status: int, reason: bytes) -> bytes:
    """Raises ValueError."""
    if not 100 <= status <= 999 or b"\r" in reason or b"\n" in reason or b"\0" in reason:
        raise ValueError(f"impossible status {status} {reason!r}")
    return b"HTTP/1.1 %d %b" % (status, reason)
