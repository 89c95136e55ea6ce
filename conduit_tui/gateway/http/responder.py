"""Writes one answer: status line, headers, framing. What is written and when is the handler's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from conduit_tui.gateway.http.framing import FieldNames, check_lines
from conduit_tui.gateway.http.messages import Answer, Request

if TYPE_CHECKING:
    from conduit_tui.gateway.http.connection import Connection

_NAMES = FieldNames()
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_LARGE = 32_768  # from here on a copy costs more than a second buffer


class Responder:
    """The answer to one request. After `gone` everything is accepted and nothing is written."""

    __slots__ = (
        "_chunked",
        "_close",
        "_connection",
        "_left",
        "_prepared",
        "finished",
        "gone",
        "on_gone",
        "on_pause",
        "on_resume",
        "request",
        "started",
    )

    def __init__(self, connection: Connection, request: Request | None, prepared: Answer | None = None) -> None:
        self.request = request
        self.started = False
        self.finished = False
        self.gone = False
        self.on_gone: Callable[[], None] | None = None  # the client left before the answer was finished
        self.on_pause: Callable[[], None] | None = None  # the client takes less than is written
        self.on_resume: Callable[[], None] | None = None
        self._connection = connection
        self._prepared = prepared
        self._left: int | None = None  # bytes of the body still owed; None: no length was promised
        self._chunked = False
        self._close = False

    def start(self, status: int, reason: bytes, headers: Sequence[tuple[bytes, bytes]], length: int | None) -> None:
        """Write the head. `length` of None: chunked for HTTP/1.1 clients, until close for HTTP/1.0.

        Raises ValueError for headers that hold line breaks or are the framing's own (Content-Length,
        Transfer-Encoding, Connection).
        """
        head = self._head(status, reason, headers, length)
        if not self.gone:
            self._connection.write(head)

    def write(self, data: bytes) -> None:
        """Write a piece of the body. Raises ValueError for more than the promised length."""
        size = len(data)
        if self.gone or not size or self.finished:
            return
        if self._left is None:
            if not self._chunked:
                self._connection.write(data)
            elif size < _LARGE:
                self._connection.write(b"%x\r\n%b\r\n" % (size, data))
            else:
                self._connection.write(b"%x\r\n" % size)
                self._connection.write(data)
                self._connection.write(b"\r\n")
        elif size <= self._left:
            self._left -= size
            self._connection.write(data)
        elif self._left >= 0:
            self.abort()
            raise ValueError("more body than the promised length")

    def finish(self) -> None:
        """End the answer. Less than the promised length cuts the connection, so that the client knows."""
        if self.finished:
            return
        if not self.started:
            raise RuntimeError("finish before start")
        if self._left is not None and self._left > 0:
            self.abort()
            return
        self.finished = True
        self._forget()
        if self.gone:
            return
        self._connection.responded(b"0\r\n\r\n" if self._chunked else b"", self._close)

    def respond(self, answer: Answer) -> None:
        """Write a whole answer. Raises as `start` does."""
        body = answer.body
        head = self._head(answer.status, _REASONS.get(answer.status, b""), answer.headers, len(body), answer.close)
        self.finished = True
        self._forget()
        if self.gone:
            return
        self._connection.write(head)
        self._connection.responded(body if self._left is not None and self._left > 0 else b"", self._close)

    def abort(self) -> None:
        """Cut the connection; the client sees that the answer is not whole. `on_gone` is not called."""
        self.finished = True
        self._forget()
        self._connection.abort()

    def _forget(self) -> None:
        """Let go of who was to be told: they hold this responder, and only the collector would free the ring."""
        self.on_gone = self.on_pause = self.on_resume = None

    def _head(
        self,
        status: int,
        reason: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        length: int | None,
        close: bool = False,
    ) -> bytes:
        if self.started:
            raise RuntimeError("the answer has begun already")
        request = self.request
        server = self._connection.server
        known = _NAMES.known
        parts = [b"HTTP/1.1 %d " % status, reason]
        for name, value in headers:
            parts += (known.get(name) or _NAMES.learn(name), value)
        fields = check_lines(b"".join(parts), len(headers))
        date = b"" if b"\r\ndate: " in fields.lower() else server.date
        if request is None:
            modern, keep_alive = True, False
        else:
            modern = request.version == (1, 1)
            keep_alive = request.keep_alive and not (close or server.draining)
        if status < 200 or status == 204 or status == 304:
            self._left = -1
            framing = b""
        elif length is not None:
            self._left = length
            framing = b"\r\ncontent-length: %d" % length
        elif modern:
            self._chunked = True
            framing = b"\r\ntransfer-encoding: chunked"
        else:
            keep_alive = False
            framing = b""
        if request is not None and request.method == b"HEAD":
            self._left = -1
            self._chunked = False
        if not keep_alive:
            end = b"\r\nconnection: close\r\n\r\n"
        elif modern:
            end = b"\r\n\r\n"
        else:
            end = b"\r\nconnection: keep-alive\r\n\r\n"
        self._close = not keep_alive
        self.started = True
        return b"%b%b%b%b" % (fields, date, framing, end)
