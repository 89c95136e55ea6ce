"""Calls to upstreams over pooled connections."""

import asyncio
import logging
import ssl
from contextlib import suppress

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.call import Call, Sink, UpstreamError
from conduit_tui.gateway.http.client import UpstreamConnection
from conduit_tui.gateway.http.dial import dial
from conduit_tui.gateway.http.framing import FieldNames, is_path
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.messages import Headers
from conduit_tui.gateway.http.proxies import Proxies, Proxy
from conduit_tui.gateway.http.sweep import Sweep

_log = logging.getLogger(__name__)
_NAMES = FieldNames(b"host")
_STOPPING = "the gateway is stopping"
_MOST_IDLE = 256  # for each origin
_CLOSE_SECONDS = 2.0
_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"})
_NO_BODY = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})


class Pool:
    """The idle connections of one origin, the most recent last, and how to make new ones."""

    __slots__ = ("_owner", "idle", "limits", "origin", "prefix", "suffix")

    def __init__(self, owner: "Upstreams", origin: Origin, proxy: Proxy | None) -> None:
        self._owner = owner
        self.origin = origin
        self.limits = owner.limits
        self.idle: list[UpstreamConnection] = []
        authority = str(origin).partition("://")[2].encode("ascii")
        absolute = proxy is not None and origin.scheme == "http"
        self.prefix = b" " + (str(origin).encode("ascii") if absolute else b"")  # before and after the target
        self.suffix = b" HTTP/1.1\r\nhost: " + authority
        if absolute and proxy is not None and proxy.authorization:
            self.suffix += b"\r\nproxy-authorization: " + proxy.authorization

    def joined(self, connection: UpstreamConnection) -> None:
        self._owner.watch(connection)

    def left(self, connection: UpstreamConnection) -> None:
        self._owner.unwatch(connection)
        if connection in self.idle:
            self.idle.remove(connection)

    def release(self, connection: UpstreamConnection) -> None:
        self.idle.append(connection)
        if len(self.idle) > _MOST_IDLE:
            self.idle.pop(0).close()

    def retry(self, call: Call) -> None:
        call.may_retry = False
        self._owner.connect(self, call)


class Upstreams:
    """The way out: `send` requests to origins."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        proxies: Proxies | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`proxies` of None goes straight. `ssl_context` of None trusts the system's store."""
        self.limits = limits = limits or Limits()
        self._proxies = proxies or Proxies()
        self._tls = ssl_context
        self._pools: dict[Origin, Pool] = {}
        self._open: set[UpstreamConnection] = set()
        self._connecting: dict[asyncio.Task[None], Call] = {}
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._sweep = Sweep(self._look, min(limits.upstream_idle_seconds, limits.upstream_keep_alive_seconds))

    def send(self, origin: Origin, method: bytes, target: bytes, headers: Headers, body: bytes, sink: Sink) -> Call:
        """Begin a call: written at once on an idle connection, else as soon as one is made.

        Host and Content-Length are added. Raises ValueError for a target that is no path and for headers that hold
        line breaks or belong to the framing. Everything else that can go wrong is told to the sink, later.
        """
        pool = self._pools.get(origin) or self._pool(origin)
        if method not in _METHODS or not is_path(target):
            raise ValueError(f"{method!r} {target!r} is no request for an upstream")
        fields = _NAMES.join(b"", headers)
        end = b"\r\ncontent-length: %d\r\n\r\n" % len(body) if body or method not in _NO_BODY else b"\r\n\r\n"
        head = b"".join((method, pool.prefix, target, pool.suffix, fields, end))
        call = Call(head, body, sink, method == b"HEAD")
        idle = pool.idle
        while idle:
            connection = idle.pop()
            if not connection.is_closing():
                call.may_retry = True
                connection.send(call)
                return call
        self.connect(pool, call)
        return call

    async def close(self) -> None:
        """End idle connections and fail running calls; waits two seconds at most until all are gone."""
        self._closed = True
        self._sweep.stop()
        connecting = dict(self._connecting)
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        for call in connecting.values():
            if call.connection is None:
                call.fail(UpstreamError("connect", _STOPPING, sent=False))
        for connection in list(self._open):
            if connection.call is None:
                connection.abort()
            else:
                connection.fail(_STOPPING)
        with suppress(TimeoutError):  # under heavy load it was seen that the end of one is never told
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._empty.wait()

    # the pools call

    def connect(self, pool: Pool, call: Call) -> None:
        """Make a connection for a call."""
        task = asyncio.get_running_loop().create_task(self._connect(pool, call))
        call.task = task
        self._connecting[task] = call
        task.add_done_callback(self._connected)

    def watch(self, connection: UpstreamConnection) -> None:
        """Look at this connection's deadlines."""
        self._open.add(connection)
        self._empty.clear()
        if not self._closed:
            self._sweep.start()

    def unwatch(self, connection: UpstreamConnection) -> None:
        """The connection has ended."""
        self._open.discard(connection)
        if not self._open:
            self._empty.set()
            self._sweep.stop()

    # inside

    def _pool(self, origin: Origin) -> Pool:
        try:
            proxy = self._proxies.for_origin(origin)
        except ValueError:
            proxy = None  # told to the sink when connecting
        pool = self._pools[origin] = Pool(self, origin, proxy)
        return pool

    async def _connect(self, pool: Pool, call: Call) -> None:
        origin = pool.origin
        try:
            proxy = self._proxies.for_origin(origin)
            async with asyncio.timeout(self.limits.connect_seconds):
                if origin.scheme == "https" and self._tls is None:
                    self._tls = await asyncio.to_thread(_system_trust)
                connection = await dial(origin, proxy, self._tls, lambda: UpstreamConnection(pool))
        except UpstreamError as error:
            failure = error
        except ValueError as error:
            failure = UpstreamError("connect", str(error), sent=False)
        except TimeoutError:
            failure = UpstreamError("connect", f"no connection to {origin} in time", sent=False)
        else:
            if call.aborted:
                connection.abort()
                return
            if not connection.is_closing():
                connection.send(call)
                return
            failure = UpstreamError("connect", f"{origin} closed the connection at once", sent=False)
        call.fail(failure)

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting.pop(task).task = None

    def _look(self, now: float) -> None:
        silent = now - self.limits.upstream_idle_seconds
        expired = now - self.limits.upstream_keep_alive_seconds
        for connection in list(self._open):
            if connection.call is None:
                if connection.last < expired:
                    connection.close()
            elif connection.last < silent and not connection.paused:
                connection.fail(f"no byte from upstream for {self.limits.upstream_idle_seconds:g} s", timed_out=True)


def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
