"""The other sides of the HTTP rooms: handlers, raw clients, upstreams that send exactly what a test says."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.call import ResponseHead, UpstreamError
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.messages import Answer, Request
from conduit_tui.gateway.http.responder import Responder
from conduit_tui.gateway.http.server import Server
from tests.waiting import PATIENCE_SECONDS, until

HOST = "127.0.0.1"


@dataclass
class Recorder:
    """A handler that answers by the target's path and remembers what it saw."""

    requests: list[Request] = field(default_factory=list)
    responders: list[Responder] = field(default_factory=list)
    errors: list[tuple[int, str, bytes | None]] = field(default_factory=list)
    gone: list[float] = field(default_factory=list)
    paused: int = 0
    resumed: int = 0

    def check_head(self, request: Request) -> Answer | None:
        if request.target.startswith(b"/refused"):
            return Answer(401, ((b"x-refused", b"yes"),), b"no", close=request.target.endswith(b"close"))
        if request.target == b"/broken-check":
            raise RuntimeError("a bug in the handler")
        return None

    def check_error(self, request: Request | None, status: int, reason: str) -> Answer:
        self.errors.append((status, reason, request.target if request else None))
        return Answer(status, ((b"content-type", b"text/plain"),), reason.encode())

    def handle(self, request: Request, responder: Responder) -> None:
        self.requests.append(request)
        self.responders.append(responder)
        responder.on_gone = lambda: self.gone.append(time.perf_counter())
        responder.on_pause = self._pause
        responder.on_resume = self._resume
        path = request.target.partition(b"?")[0]
        if path == b"/hold":
            return
        if path == b"/broken":
            raise RuntimeError("a bug in the handler")
        if path == b"/stream":
            responder.start(200, b"OK", ((b"content-type", b"text/event-stream"),), None)
            for piece in (b"one", b"", b"two" * 20_000, b"three"):
                responder.write(piece)
            responder.finish()
        elif path == b"/streaming":
            responder.start(200, b"OK", (), None)
            responder.write(b"first")
        elif path == b"/empty":
            responder.start(204, b"No Content", (), None)
            responder.finish()
        else:
            responder.respond(Answer(200, ((b"x-method", request.method),), request.target + b"|" + request.body))

    def _pause(self) -> None:
        self.paused += 1

    def _resume(self) -> None:
        self.resumed += 1


def listening() -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, 0))
    return sock


@asynccontextmanager
async def serving(
    handler: object, limits: Limits | None = None, **options: object
) -> AsyncIterator[tuple[Server, int]]:
    """A server on a free port."""
    server = Server(handler, limits)  # type: ignore[arg-type]
    sock = listening()
    await server.start(sock, **options)  # type: ignore[arg-type]
    port = sock.getsockname()[1]
    try:
        yield server, port
    finally:
        server.abort_all()
        await until(lambda: server.connections == 0)


@dataclass
class Wire:
    """A client's socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, head: bool = False) -> tuple[int, dict[bytes, bytes], bytes]:
        """Read one answer: status, headers in lower case, body without its framing."""
        lines = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)).split(b"\r\n")
        status = int(lines[0].split(b" ")[1])
        headers = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(b": ")
            assert name.lower() not in headers, f"{name!r} twice"
            headers[name.lower()] = value
        if head or status < 200 or status in (204, 304):
            return status, headers, b""
        if b"content-length" in headers:
            return status, headers, await self.reader.readexactly(int(headers[b"content-length"]))
        if headers.get(b"transfer-encoding") != b"chunked":
            return status, headers, await self.reader.read()
        body = b""
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
            if not size:
                return status, headers, body

    async def rest(self, seconds: float = PATIENCE_SECONDS) -> bytes:
        """Everything until the server closes."""
        return await asyncio.wait_for(self.reader.read(), seconds)

    async def closed(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether nothing but the end is left, be it a FIN or a reset."""
        try:
            return await self.rest(seconds) == b""
        except ConnectionResetError:
            return True

    def reset(self) -> None:
        """Leave with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.writer.transport.abort()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()
        await until(writer.transport.is_closing)
        await asyncio.sleep(0)


Script = Callable[["UpstreamWire"], Awaitable[None]]


class UpstreamWire(Wire):
    """One connection that an upstream accepted."""

    async def request(self) -> tuple[bytes, bytes]:
        """Head and body of the next request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return head, await self.reader.readexactly(length)


@dataclass
class Upstream:
    """Counts connections and keeps what arrived."""

    origin: Origin
    connections: int = 0
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    closed: int = 0


@asynccontextmanager
async def upstream(script: Script, **options: object) -> AsyncIterator[Upstream]:
    """An upstream that plays the script on every connection."""
    sock = listening()
    seen = Upstream(Origin("https" if options.get("ssl") else "http", HOST, sock.getsockname()[1]))
    tasks: set[asyncio.Task[None]] = set()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        seen.connections += 1
        wire = UpstreamWire(reader, writer)
        wire_request = wire.request

        async def request() -> tuple[bytes, bytes]:
            received = await wire_request()
            seen.requests.append(received)
            return received

        wire.request = request  # type: ignore[method-assign]
        try:
            await script(wire)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except RuntimeError as error:  # uvloop's word for a write after the end
            if "closed" not in str(error):
                raise
        finally:
            seen.closed += 1
            writer.transport.abort()

    server = await asyncio.start_server(play, sock=sock, **options)  # type: ignore[arg-type]
    try:
        yield seen
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)


def answering(data: bytes, *, close: bool = False) -> Script:
    """Answer every request with the same bytes."""

    async def script(wire: UpstreamWire) -> None:
        while True:
            await wire.request()
            await wire.send(data)
            if close:
                wire.writer.close()
                return

    return script


class Collector:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.received = bytearray()
        self.trailers: list[tuple[bytes, bytes]] | None = None
        self.failure: UpstreamError | None = None
        self._done = asyncio.Event()

    def on_head(self, head: ResponseHead) -> None:
        assert self.head is None
        assert not self._done.is_set()
        self.head = head

    def on_data(self, data: bytes) -> None:
        assert self.head is not None
        assert not self._done.is_set()
        self.received += data

    def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        assert not self._done.is_set()
        self.trailers = trailers
        self._done.set()

    def on_failure(self, error: UpstreamError) -> None:
        assert not self._done.is_set()
        self.failure = error
        self._done.set()

    @property
    def body(self) -> bytes:
        return bytes(self.received)

    @property
    def over(self) -> bool:
        return self._done.is_set()

    async def done(self) -> "Collector":
        await asyncio.wait_for(self._done.wait(), PATIENCE_SECONDS)
        return self
