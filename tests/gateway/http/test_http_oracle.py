"""The same exchanges through aiohttp: status, header set and decoded body must agree."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.messages import Answer, Request
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.http.responder import Responder
from tests.gateway.http.http_peers import HOST, Collector, connected, listening, serving
from tests.waiting import until

pytestmark = pytest.mark.anyio

Outcome = tuple[int, list[tuple[str, str]], bytes]
BODY = b'{"text": "caf\xc3\xa9"}' * 3_000
HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding", b"content-length"}
FRAMING = {"date", "server", "connection", "content-length", "transfer-encoding", "keep-alive"}


class Same:
    """The routes that `oracle` serves too."""

    def check_head(self, request: Request) -> Answer | None:
        return None

    def check_error(self, request: Request | None, status: int, reason: str) -> Answer:
        return Answer(status, (), reason.encode())

    def handle(self, request: Request, responder: Responder) -> None:
        path = request.target.partition(b"?")[0]
        if path == b"/stream":
            responder.start(200, b"OK", ((b"content-type", b"text/event-stream"),), None)
            for number in range(20):
                responder.write(b"data: %d\n\n" % number)
            responder.finish()
        elif path == b"/empty":
            responder.start(204, b"No Content", (), None)
            responder.finish()
        elif path == b"/not-modified":
            responder.start(304, b"Not Modified", ((b"etag", b'"1"'),), None)
            responder.finish()
        elif path == b"/large":
            responder.respond(Answer(200, ((b"content-type", b"application/json"),), BODY))
        elif path == b"/echo":
            headers = ((b"content-type", b"application/octet-stream"), (b"x-method", request.method))
            responder.respond(Answer(201, headers, request.body))
        else:
            responder.respond(Answer(404, ((b"content-type", b"text/plain"), (b"x-a", b"1"), (b"x-a", b"2")), b"none"))


async def oracle(request: web.Request) -> web.StreamResponse:
    if request.path == "/stream":
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(20):
            await answer.write(b"data: %d\n\n" % number)
        await answer.write_eof()
        return answer
    if request.path == "/empty":
        return web.Response(status=204)
    if request.path == "/not-modified":
        return web.Response(status=304, headers={"etag": '"1"'})
    if request.path == "/large":
        return web.Response(body=BODY, content_type="application/json")
    if request.path == "/echo":
        return web.Response(
            status=201,
            body=await request.read(),
            content_type="application/octet-stream",
            headers={"x-method": request.method},
        )
    response = web.Response(status=404, body=b"none", content_type="text/plain")
    response.headers.add("x-a", "1")
    response.headers.add("x-a", "2")
    return response


@asynccontextmanager
async def oracle_serving() -> AsyncIterator[int]:
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", oracle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    sock = listening()
    await web.SockSite(runner, sock).start()
    try:
        yield sock.getsockname()[1]
    finally:
        await runner.cleanup()


async def through_aiohttp(port: int, method: str, path: str, body: bytes | None, chunked: bool) -> Outcome:
    async def pieces() -> AsyncIterator[bytes]:
        for position in range(0, len(body or b""), 10_000):
            yield (body or b"")[position : position + 10_000]

    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers={"User-Agent"}) as session,
        session.request(method, f"http://{HOST}:{port}{path}", data=pieces() if chunked else body) as response,
    ):
        received = await response.read()
        outcome = response.status, seen(response.headers.items()), received
    await asyncio.sleep(0)
    return outcome


def seen(headers: object) -> list[tuple[str, str]]:
    """What must agree: everything but who serves and how it is framed."""
    return sorted((k.lower(), v) for k, v in headers if k.lower() not in FRAMING)  # type: ignore[attr-defined]


CASES = [
    ("GET", "/large", None, False),
    ("HEAD", "/large", None, False),
    ("GET", "/stream", None, False),
    ("GET", "/empty", None, False),
    ("GET", "/not-modified", None, False),
    ("GET", "/nowhere?a=b", None, False),
    ("DELETE", "/nowhere", None, False),
    ("POST", "/echo", b"", False),
    ("POST", "/echo", b"small", False),
    ("PUT", "/echo", BODY * 20, False),
    ("POST", "/echo", BODY, True),
    ("PATCH", "/echo", b"x", True),
    ("OPTIONS", "/echo", None, False),
]


@pytest.mark.parametrize(("method", "path", "body", "chunked"), CASES)
async def test_our_server_and_aiohttps_to_the_same_client(
    method: str, path: str, body: bytes | None, chunked: bool
) -> None:
    async with serving(Same()) as (_, ours), oracle_serving() as theirs:
        assert await through_aiohttp(ours, method, path, body, chunked) == await through_aiohttp(
            theirs, method, path, body, chunked
        )


@pytest.mark.parametrize(("method", "path", "body", "chunked"), [case for case in CASES if not case[3]])
async def test_our_client_and_aiohttps_to_the_same_server(
    method: str, path: str, body: bytes | None, chunked: bool
) -> None:
    async with oracle_serving() as port:
        theirs = await through_aiohttp(port, method, path, body, chunked)
        client = Upstreams()
        for _ in range(3):
            sink = Collector()
            client.send(Origin("http", HOST, port), method.encode(), path.encode(), [], body or b"", sink)
            await sink.done()
            assert sink.failure is None
            assert sink.head is not None
            headers = [(name.decode(), value.decode()) for name, value in sink.head.headers]
            assert (sink.head.status, seen(headers), sink.body) == theirs
        assert len(client._open) == (0 if method == "HEAD" else 1)
        await client.close()


class Relay:
    """The two halves joined: what a client of the relay sees must be what a client of the origin sees."""

    def __init__(self, upstreams: Upstreams, origin: Origin) -> None:
        self.upstreams = upstreams
        self.origin = origin

    def check_head(self, request: Request) -> Answer | None:
        return None

    def check_error(self, request: Request | None, status: int, reason: str) -> Answer:
        return Answer(status, (), reason.encode())

    def handle(self, request: Request, responder: Responder) -> None:
        class Back:
            def on_head(self, head: object) -> None:
                length = next((v for n, v in head.headers if n.lower() == b"content-length"), None)  # type: ignore[attr-defined]
                responder.start(
                    head.status,  # type: ignore[attr-defined]
                    head.reason,  # type: ignore[attr-defined]
                    [field for field in head.headers if field[0].lower() not in HOP_BY_HOP],  # type: ignore[attr-defined]
                    None if length is None else int(length),
                )

            def on_data(self, data: bytes) -> None:
                responder.write(data)

            def on_end(self, trailers: object) -> None:
                responder.finish()

            def on_failure(self, error: object) -> None:
                responder.abort()

        headers = [field for field in request.headers if field[0].lower() not in {b"host", *HOP_BY_HOP}]
        call = self.upstreams.send(self.origin, request.method, request.target, headers, request.body, Back())
        responder.on_gone = call.abort
        responder.on_pause = call.pause
        responder.on_resume = call.resume


@pytest.mark.parametrize(("method", "path", "body", "chunked"), CASES)
async def test_through_both_halves(method: str, path: str, body: bytes | None, chunked: bool) -> None:
    async with oracle_serving() as origin:
        upstreams = Upstreams()
        async with serving(Relay(upstreams, Origin("http", HOST, origin))) as (_, relay):
            direct = await through_aiohttp(origin, method, path, body, chunked)
            assert await through_aiohttp(relay, method, path, body, chunked) == direct
        await upstreams.close()


async def test_back_pressure_reaches_through_both_halves() -> None:
    produced = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal produced
        answer = web.StreamResponse()
        await answer.prepare(request)
        while produced < 200_000_000:
            await answer.write(b"x" * 100_000)
            produced += 100_000
        return answer

    app = web.Application()
    app.router.add_get("/", flood)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    sock = listening()
    await web.SockSite(runner, sock).start()
    upstreams = Upstreams()
    try:
        async with serving(Relay(upstreams, Origin("http", HOST, sock.getsockname()[1]))) as (server, port):
            async with connected(port) as wire:
                wire.writer.transport.pause_reading()
                await wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                before = -1
                while produced != before or not produced:
                    before = produced
                    await asyncio.sleep(0.1)
                assert produced < 50_000_000  # what the kernels hold, and no more
                (connection,) = server._open
                assert connection._transport.get_write_buffer_size() < 1_000_000
            await until(lambda: not upstreams._open)  # the client that leaves ends the upstream
    finally:
        await upstreams.close()
        await runner.cleanup()
