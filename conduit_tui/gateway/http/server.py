"""The listening side: accepts connections, watches their deadlines, drains and ends them."""

import asyncio
import resource
import socket
import ssl
from email.utils import formatdate

from conduit_tui.gateway.http import sockets
from conduit_tui.gateway.http.connection import Connection
from conduit_tui.gateway.http.handler import Handler
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.line import Terms
from conduit_tui.gateway.http.sweep import Sweep

_BACKLOG = 4096
_SPARE_DESCRIPTORS = 64  # the database, logs, sockets that are being refused


class Server:
    """An HTTP/1.1 server for one handler."""

    def __init__(self, handler: Handler, limits: Limits | None = None) -> None:
        self.handler = handler
        limits = limits or Limits()
        self.terms = Terms(limits)
        self.stalled: set[Connection] = set()
        self._open: set[Connection] = set()
        self._most = limits.connections
        self._listener: asyncio.Server | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        deadlines = (limits.head_seconds, limits.body_seconds, limits.idle_seconds, limits.write_seconds)
        self._sweep = Sweep(self._look, min(deadlines))
        self._written: list[Connection] = []

    async def start(self, sock: socket.socket, *, tls: ssl.SSLContext | None = None) -> None:
        """Accept on a bound socket. At most as many connections as descriptors allow, two for each exchange."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            self._most = max(1, min(self.terms.limits.connections, (soft - _SPARE_DESCRIPTORS) // 2))
        self._tell_date()
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self),
            sock=sock,
            backlog=_BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=self.terms.limits.head_seconds if tls else None,
        )
        self._sweep.start()

    @property
    def connections(self) -> int:
        """How many client connections are open."""
        return len(self._open)

    @property
    def busy(self) -> int:
        """How many of them are receiving or answering a request."""
        return sum(connection.busy for connection in self._open)

    def close_listener(self) -> None:
        """Accept no more; open connections go on."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._rest()

    def end_after_next_answer(self) -> None:
        """Accept no more; each open connection ends with its next answer, so that who still sends on it gets one."""
        self.close_listener()
        self.terms.draining = True

    async def drain(self, seconds: float) -> None:
        """Accept no more, end idle connections now and busy ones after their answer; return when all have ended, or
        after so many seconds with some still open."""
        self.close_listener()
        self.terms.draining = True
        for connection in list(self._open):
            connection.close_if_idle()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            pass

    def abort_all(self) -> None:
        """Accept no more and cut every connection."""
        self.close_listener()
        for connection in list(self._open):
            connection.abort()

    # the connections call

    def admit(self, connection: Connection) -> bool | None:
        self._open.add(connection)
        self._empty.clear()
        if len(self._open) <= self._most:
            return True
        return False if len(self._open) <= self._most + _SPARE_DESCRIPTORS // 2 else None

    def forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self.stalled.discard(connection)
        self._rest()

    def flush_soon(self, connection: Connection) -> None:
        if not self._written:
            asyncio.get_running_loop().call_soon(self._flush)
        self._written.append(connection)

    def _flush(self) -> None:
        written, self._written = self._written, []
        for connection in written:
            if connection.outgoing:
                connection.flush()

    def _rest(self) -> None:
        if not self._open:
            self._empty.set()
            if self._listener is None:
                self._sweep.stop()

    def _look(self, now: float) -> None:
        self._tell_date()
        for connection in list(self._open):
            connection.look(now)
        if self.stalled:
            self._look_for_leavers()

    def _look_for_leavers(self) -> None:
        """A client whose bytes are not read can leave unnoticed by the event loop: ask the sockets."""
        watched = {one.stalled_socket: one for one in self.stalled if one.stalled_socket >= 0}
        for descriptor in sockets.left(watched):
            watched[descriptor].client_left()

    def _tell_date(self) -> None:
        self.terms.date = b"\r\ndate: %b" % formatdate(usegmt=True).encode()
