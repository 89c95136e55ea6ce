"""One client connection: requests in, answers out in the same order, with back-pressure and deadlines."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from math import inf
from time import perf_counter
from typing import Protocol, cast

from conduit_tui.gateway.http import sockets
from conduit_tui.gateway.http.handler import Handler
from conduit_tui.gateway.http.line import Terms
from conduit_tui.gateway.http.receiver import BODY, CLOSED, HEAD, IDLE, SLICE, Receiver
from conduit_tui.gateway.http.responder import Responder

_log = logging.getLogger(__name__)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINGER_SECONDS = 2.0
_PROMPT = 16_384
_LARGE = 32_768  # from here on a copy costs more than a second buffer


class Host(Protocol):
    """The server as its connections see it."""

    handler: Handler
    terms: Terms
    stalled: set[Connection]

    def admit(self, connection: Connection) -> bool | None:
        """Whether a new connection may be served; None when there is not even room to refuse politely."""

    def forget(self, connection: Connection) -> None:
        """The connection has ended."""

    def flush_soon(self, connection: Connection) -> None:
        """Flush the connection at the end of this turn of the loop."""


class Connection(asyncio.Protocol):
    """The protocol that a Server makes for each accepted socket."""

    __slots__ = (
        "_backlog",
        "_close_by",
        "_closing",
        "_current",
        "_idle_until",
        "_limits",
        "_paused",
        "_queue",
        "_receiver",
        "_server",
        "_serving",
        "_stalled",
        "_transport",
        "_unsent",
        "_write_by",
        "outgoing",
        "terms",
    )

    def __init__(self, server: Host) -> None:
        self._server = server
        self.terms = server.terms
        self._limits = server.terms.limits
        self._queue: deque[Responder] = deque()
        self._current: Responder | None = None
        self.outgoing: list[bytes] = []  # written in this turn of the loop
        self._serving = False
        self._paused = False  # the transport holds as much as it may
        self._unsent = 0  # what it held when it was last looked at
        self._write_by = inf
        self._stalled = False  # the queue is full, reading is paused
        self._backlog = b""
        self._closing = False
        self._close_by = inf
        self._idle_until = perf_counter() + self._limits.head_seconds

    # the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it when there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._receiver = Receiver(self, self._server.handler, self._queue, address)
        admitted = self._server.admit(self)
        if admitted is None:
            self.abort()
        elif not admitted:
            self._receiver.refuse(503, "too many connections", None)
            self._serve()

    def data_received(self, data: bytes) -> None:
        """Parse, then serve what is complete."""
        receiver = self._receiver
        if receiver.phase == CLOSED:
            return
        if self._stalled:
            self._backlog += data
            return
        receiver.now = perf_counter()
        if len(data) <= SLICE:
            receiver.parse(data)
        else:
            rest = receiver.feed(data)
            if rest:
                self._stall(rest)
        self._serve()

    def eof_received(self) -> None:
        """A client that ends its side has left; an unfinished answer has no reader."""
        if self._current is not None or self._queue:
            self._left()
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who is answering."""
        self.outgoing.clear()
        self._receiver.close(unread=False)
        self._server.forget(self)
        self._left()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        self._paused = True
        self._unsent = self._count_unsent()
        self._write_by = perf_counter() + self._limits.write_seconds
        if self._current is not None and self._current.on_pause is not None:
            self._current.on_pause()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._paused = False
        self._write_by = inf
        if self._current is not None and self._current.on_resume is not None:
            self._current.on_resume()
        self._serve()

    # the responder calls

    def write(self, data: bytes) -> None:
        """Send, together with whatever else is written in this turn of the loop."""
        if not self.outgoing:
            self._server.flush_soon(self)
        self.outgoing.append(data)
        if len(data) > _PROMPT:  # one turn can bring many such pieces: let the transport say when to stop
            self.flush()

    def flush(self) -> None:
        """Send now what is written; there is something."""
        outgoing, self.outgoing = self.outgoing, []
        if len(outgoing[-1]) < _LARGE:
            self._transport.write(b"".join(outgoing))
        else:
            self._transport.writelines(outgoing)

    def responded(self, close: bool) -> None:
        """The current answer is complete; go on with the next request, or end."""
        if self.outgoing:
            self.flush()
        self._current = None
        if close:
            self._close()
        elif self._queue:
            self._serve()
        else:
            receiver = self._receiver
            phase = receiver.phase
            if phase == CLOSED or (phase == IDLE and self.terms.draining):
                self._close()
            else:
                self._idle_until = perf_counter() + self._limits.idle_seconds
                if self._stalled or receiver.continue_due:
                    self._serve()

    def abort(self, *, reset: bool = False) -> None:
        """Cut the connection now; with a reset where its mere end would mean that the answer is whole."""
        self._receiver.close(unread=False)
        sock = self._transport.get_extra_info("socket")
        if reset and sock is not None:
            sockets.end_with_reset(sock)
        self._transport.abort()

    # the server calls

    @property
    def busy(self) -> bool:
        """Whether a request is being received or answered."""
        return self._current is not None or bool(self._queue) or self._receiver.phase in (HEAD, BODY)

    @property
    def stalled_socket(self) -> int:
        """The descriptor to watch for a client that leaves while its bytes are not read; -1 if they are."""
        if not self._stalled or self._transport.is_closing():
            return -1
        sock = self._transport.get_extra_info("socket")
        return -1 if sock is None else cast("int", sock.fileno())

    def close_if_idle(self) -> None:
        """End the connection unless a request is under way."""
        if not self.busy and not self._closing:
            self._close()

    def client_left(self) -> None:
        """The socket says that the client is gone though nothing was read."""
        self._left()
        self.abort()

    def look(self, now: float) -> None:
        """Act on the deadlines that have passed."""
        if self._closing:
            if now > self._close_by:
                self._transport.abort()
        elif now > self._write_by:
            unsent = self._count_unsent()
            if unsent < self._unsent:
                self._unsent = unsent
                self._write_by = now + self._limits.write_seconds
            else:
                self._transport.abort()
        elif self._stalled:
            pass
        elif self._receiver.late(now):
            self._receiver.refuse_late()
            self._serve()
        elif now > self._idle_until:
            self.close_if_idle()

    # inside

    def _serve(self) -> None:
        """Hand over requests one after the other, and read on when the queue has room."""
        if self._serving:
            return
        self._serving = True
        queue = self._queue
        receiver = self._receiver
        try:
            while not self._closing:
                while queue and self._current is None and not self._paused:
                    self._current = responder = queue.popleft()
                    request, prepared = responder.request, responder.prepared
                    try:
                        if prepared is not None:
                            responder.respond(prepared)
                        elif request is not None:
                            self._server.handler.handle(request, responder)
                    except Exception:
                        self._handling_failed(responder)
                if not queue and self._current is not None:
                    return
                if len(queue) >= self._limits.pipelined:
                    if not self._stalled and receiver.phase != CLOSED:
                        self._stall(b"")
                    break
                if not self._stalled:
                    break
                self._unstall()
            if not queue and self._current is None and not self._closing:
                if receiver.continue_due:
                    receiver.continue_due = False
                    self.write(_CONTINUE)
                elif receiver.phase == CLOSED or (receiver.phase == IDLE and self.terms.draining):
                    self._close()
        finally:
            self._serving = False

    def _handling_failed(self, responder: Responder) -> None:
        _log.exception("handling a request failed")
        if responder.started:
            responder.abort()
        else:
            responder.respond(self._receiver.error(responder.request, 500, "internal error"))

    def _stall(self, rest: bytes) -> None:
        self._stalled = True
        self._backlog = rest
        self._transport.pause_reading()
        self._server.stalled.add(self)

    def _unstall(self) -> None:
        rest, self._backlog = self._backlog, b""
        self._stalled = False
        self._server.stalled.discard(self)
        self._transport.resume_reading()
        self._receiver.now = perf_counter()
        self._receiver.restart_clock()
        rest = self._receiver.feed(rest)
        if rest:
            self._stall(rest)

    def _close(self) -> None:
        """Send what is written, then end. A client that may still be sending gets time to read the answer: closing
        on unread bytes would reset the connection and take the answer away."""
        if self.outgoing:
            self.flush()
        self._closing = True
        self._queue.clear()
        linger = self._receiver.unread or self._stalled
        self._receiver.close(unread=False)
        if self._stalled:
            self._stalled = False
            self._backlog = b""
            self._server.stalled.discard(self)
            self._transport.resume_reading()
        if linger and not self._transport.is_closing():
            self._close_by = perf_counter() + min(_LINGER_SECONDS, self._limits.write_seconds)
            if self._transport.can_write_eof():
                self._transport.write_eof()
        else:
            self._close_by = perf_counter() + self._limits.write_seconds
            self._transport.close()

    def _count_unsent(self) -> int:
        """Bytes that the client's machine has not taken."""
        sock = self._transport.get_extra_info("socket")
        return self._transport.get_write_buffer_size() + (sockets.unsent(sock) if sock is not None else 0)

    def _left(self) -> None:
        responder, self._current = self._current, None
        for waiting in self._queue:
            waiting.gone = True
        self._queue.clear()
        if responder is not None and not responder.finished:
            responder.leave()
