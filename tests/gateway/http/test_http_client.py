"""The way out over real sockets: every framing of an answer, every way to break it, and what the pool keeps."""

import asyncio
import time

import pytest

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.call import UpstreamError
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.pool import Upstreams
from tests.gateway.http.http_peers import HOST, Collector, Upstream, UpstreamWire, answering, listening, upstream
from tests.ports import free_port
from tests.waiting import SOON_SECONDS, until

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Client(Upstreams):
    async def ask(
        self, origin: Origin, method: bytes = b"POST", body: bytes = b"", target: bytes = b"/v1/x"
    ) -> Collector:
        sink = Collector()
        self.send(origin, method, target, [(b"X-Case", b"Kept")], body, sink)
        return await sink.done()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def test_the_request_is_what_was_asked_and_connections_are_reused() -> None:
    async with Client() as client, upstream(answering(OK)) as peer:
        for body in (b"", b"small", b"x" * 300_000):
            sink = await client.ask(peer.origin, body=body)
            assert sink.head is not None
            assert (sink.head.status, sink.head.reason, sink.body) == (200, b"OK", b"ok")
            assert sink.head.headers == [(b"Content-Length", b"2")]
            assert sink.trailers == []
        assert peer.connections == 1
        assert [body for _, body in peer.requests] == [b"", b"small", b"x" * 300_000]
        assert peer.requests[1][0] == (
            b"POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nX-Case: Kept\r\ncontent-length: 5\r\n\r\n" % peer.origin.port
        )
        await client.ask(peer.origin, method=b"GET")
        assert b"content-length" not in peer.requests[-1][0]


WHOLE = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", True),
    "no body": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, b"", True),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        200,
        b"hello",
        True,
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, b"", False),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", False),
    "304": (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b"", True),
    "100 before": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
    "103 twice before": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 2 + OK, 200, b"ok", True),
    "connection close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "HTTP/1.0 keep-alive": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        200,
        b"ok",
        True,
    ),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "unusual status": (b"HTTP/1.1 529 Overloaded\r\nContent-Length: 2\r\n\r\nok", 529, b"ok", True),
    "bytes behind": (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 200, b"ok", False),
    "garbage behind": (OK + b"\0", 200, b"ok", False),
    "a part of a head behind": (OK + b"HT", 200, b"ok", False),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("drip", [False, True], ids=["at once", "byte by byte"])
async def test_whole_answers(name: str, drip: bool) -> None:
    data, status, body, reused = WHOLE[name]

    async def script(wire: UpstreamWire) -> None:
        while True:
            await wire.request()
            for piece in [data[i : i + 1] for i in range(len(data))] if drip else [data]:
                wire.writer.write(piece)
                await asyncio.sleep(0)

    async with Client() as client, upstream(script) as peer:
        for _ in range(2):
            sink = await client.ask(peer.origin)
            assert sink.head is not None
            assert (sink.head.status, sink.body, sink.failure) == (status, body, None)
            if "behind" in name:
                await until(lambda: not client._open)
        assert peer.connections == (1 if reused else 2)


@pytest.mark.parametrize("head", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_an_answer_to_head_has_no_body_whatever_its_head_says(head: bytes) -> None:
    async with Client() as client, upstream(answering(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")) as peer:
        for _ in range(2):
            sink = await client.ask(peer.origin, method=b"HEAD")
            assert sink.failure is None
            assert sink.body == b""
            assert sink.trailers == []


async def test_trailers_are_told_and_not_mixed_with_headers() -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n"
    async with Client() as client, upstream(answering(data)) as peer:
        sink = await client.ask(peer.origin)
        assert sink.trailers == [(b"X-Sum", b"7")]
        assert sink.head is not None
        assert sink.head.headers == [(b"Transfer-Encoding", b"chunked")]


async def test_the_end_delimits_an_answer_without_a_length() -> None:
    async with Client() as client, upstream(answering(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True)) as peer:
        for _ in range(2):
            assert (await client.ask(peer.origin)).body == b"all of it"
        assert peer.connections == 2


async def test_a_reset_does_not_delimit_an_answer() -> None:
    async def script(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\nnot all")
        await asyncio.sleep(0.05)
        wire.reset()

    async with Client() as client, upstream(script) as peer:
        sink = await client.ask(peer.origin)
        assert sink.body == b"not all"
        assert sink.failure is not None
        assert sink.failure.stage == "body"


BROKEN = {
    "no answer": (b"", "head"),
    "not HTTP": (b"SSH-2.0-OpenSSH\r\n", "head"),
    "HTTP/2": (b"HTTP/2 200 OK\r\n\r\n", "head"),
    "a part of a head": (b"HTTP/1.1 200 OK\r\nX: y\r\n", "head"),
    "a part of a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "body"),
    "a part of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "body"),
    "no last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", "body"),
    "a bad chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\nzz\r\n", "body"),
    "CL and TE": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "head"),
    "two CL": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nhell", "head"),
    "malformed CL": (b"HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nhel", "head"),
    "TE gzip": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhel", "head"),
    "TE gzip, chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "head"),
    "TE in 1.0": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "head"),
    "TE in 204": (b"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "head"),
    "101 unasked": (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nxyz", "head"),
    "101 alone": (b"HTTP/1.1 101 Switching\r\n\r\n", "head"),
    "only 100": (b"HTTP/1.1 100 Continue\r\n\r\n", "head"),
    "100 with a body": (b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nabc" + OK, "head"),
    "endless 1xx": (b"HTTP/1.1 102 Processing\r\n\r\n" * 50 + OK, "head"),
    "many headers": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"Content-Length: 0\r\n\r\n", "head"),
    "endless head": (b"HTTP/1.1 200 OK\r\na: " + b"b" * 400_000, "head"),
    "folded header": (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", "head"),
    "NUL in a header": (b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n", "head"),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "head"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_answers(name: str) -> None:
    data, stage = BROKEN[name]
    async with Client() as client, upstream(answering(data, close=True)) as peer:
        sink = await client.ask(peer.origin, body=b"x")
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.sent) == (stage, True)
        assert sink.failure.detail
        assert sink.trailers is None
        if stage == "body":
            assert sink.body == b"hel"
        else:
            assert sink.head is None
        assert peer.connections == 1  # never sent twice
        await until(lambda: not client._open)


async def test_a_kept_connection_that_died_is_replaced_once_and_only_when_nothing_was_answered() -> None:
    async def one_each(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.request()  # and then the connection dies without a byte

    async with Client() as client, upstream(one_each) as peer:
        await client.ask(peer.origin, body=b"1")
        sink = await client.ask(peer.origin, body=b"2")
        assert (sink.failure, sink.body) == (None, b"ok")
        assert peer.connections == 2
        assert [body for _, body in peer.requests] == [b"1", b"2", b"2"]

    async def a_byte_more(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.request()
        await wire.send(b"H")

    async with Client() as client, upstream(a_byte_more) as peer:
        await client.ask(peer.origin)
        sink = await client.ask(peer.origin)
        assert sink.failure is not None
        assert sink.failure.stage == "head"
        assert peer.connections == 1


async def test_a_new_connection_that_dies_is_not_tried_again() -> None:
    async def nothing(wire: UpstreamWire) -> None:
        await wire.request()

    async with Client() as client, upstream(nothing) as peer:
        sink = await client.ask(peer.origin)
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.sent) == ("head", True)
        assert peer.connections == 1


async def test_the_retry_of_a_retry_is_not_tried_again() -> None:
    served = 0

    async def first_only(wire: UpstreamWire) -> None:
        nonlocal served
        await wire.request()
        served += 1
        if served == 1:
            await wire.send(OK)
            await wire.request()

    async with Client() as client, upstream(first_only) as peer:
        await client.ask(peer.origin)
        sink = await client.ask(peer.origin)
        assert sink.failure is not None
        assert peer.connections == 2


async def test_a_connection_closed_while_idle_is_not_used() -> None:
    async with Client() as client, upstream(answering(OK, close=True)) as peer:
        for _ in range(3):
            assert (await client.ask(peer.origin)).body == b"ok"
            await until(lambda: not client._open)
        assert len(peer.requests) == 3


async def test_a_byte_out_of_turn_ends_an_idle_connection() -> None:
    talk = asyncio.Event()

    async def chatty(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(OK)
        await talk.wait()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await wire.reader.read()

    async with Client() as client, upstream(chatty) as peer:
        await client.ask(peer.origin)
        talk.set()
        await until(lambda: not client._open)
        assert (await client.ask(peer.origin)).body == b"ok"


async def test_an_answer_before_the_request_was_sent_costs_the_connection() -> None:
    async def early(wire: UpstreamWire) -> None:
        await wire.reader.readuntil(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.sleep(1)

    async with Client() as client, upstream(early, limit=1000) as peer:
        sink = await client.ask(peer.origin, body=b"x" * 30_000_000)
        assert sink.head is not None
        assert (sink.head.status, sink.body) == (413, b"no")
        await until(lambda: not client._open)


async def test_the_newest_idle_connection_is_used_first_and_old_ones_expire() -> None:
    async def slow(wire: UpstreamWire) -> None:
        while True:
            await wire.request()
            await asyncio.sleep(0.05)
            await wire.send(OK)

    limits = Limits(upstream_keep_alive_seconds=0.2)
    async with Client(limits) as client, upstream(slow) as peer:
        await asyncio.gather(*(client.ask(peer.origin) for _ in range(5)))
        assert peer.connections == 5
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            await client.ask(peer.origin)
        assert peer.connections == 5
        assert len(client._open) == 1
        await until(lambda: not client._open)
        await until(lambda: peer.closed == 5)


async def test_silence_is_a_failure_and_a_drip_is_not() -> None:
    async def silent(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        await wire.reader.read()

    async with Client(Limits(upstream_idle_seconds=0.1)) as client, upstream(silent) as peer:
        begun = time.perf_counter()
        sink = await client.ask(peer.origin)
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.detail) == ("body", "no byte from upstream for 0.1 s")
        assert time.perf_counter() - begun < SOON_SECONDS

    async def drip(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.1)
            await wire.send(b"x")

    async with Client(Limits(upstream_idle_seconds=0.8)) as client, upstream(drip) as peer:
        assert (await client.ask(peer.origin)).body == b"x" * 10


async def test_a_reused_connection_that_is_only_silent_is_not_tried_again() -> None:
    async def once(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.request()
        await wire.reader.read()

    async with Client(Limits(upstream_idle_seconds=0.1)) as client, upstream(once) as peer:
        await client.ask(peer.origin)
        sink = await client.ask(peer.origin)
        assert sink.failure is not None
        assert sink.failure.stage == "head"
        assert len(peer.requests) == 2


async def test_abort_closes_the_upstream_at_once_and_silences_the_sink() -> None:
    async def stream(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        while True:
            await wire.send(b"1\r\nb\r\n")
            await asyncio.sleep(0.01)

    async with Client() as client, upstream(stream) as peer:
        for phase in ("connecting", "waiting", "streaming"):
            sink = Collector()
            call = client.send(peer.origin, b"POST", b"/", [], b"", sink)
            if phase == "waiting":
                await until(lambda: client._open)
            elif phase == "streaming":
                await until(lambda s=sink: s.body)
            call.abort()
            seen = sink.body
            await until(lambda: not client._open)
            await asyncio.sleep(0.03)
            assert sink.body == seen
            assert not sink.over
            call.abort()
            call.pause()
            call.resume()
        await until(lambda: peer.closed == peer.connections)


async def test_abort_from_within_the_sink() -> None:
    class Quitter(Collector):
        def on_head(self, head: object) -> None:
            call.abort()

    async with Client() as client, upstream(answering(OK)) as peer:
        sink = Quitter()
        call = client.send(peer.origin, b"POST", b"/", [], b"", sink)
        await until(lambda: peer.requests)
        await until(lambda: not client._open)
        assert sink.body == b""
        assert not sink.over


async def test_a_bug_in_a_sink_fails_its_call_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Buggy(Collector):
        def on_head(self, head: object) -> None:
            raise RuntimeError("a bug")

    async with Client() as client, upstream(answering(OK)) as peer:
        sink = Buggy()
        client.send(peer.origin, b"POST", b"/", [], b"", sink)
        await sink.done()
        assert sink.failure is not None
        assert sink.failure.detail == "internal error"
        assert "a bug" in caplog.text
        assert (await client.ask(peer.origin)).body == b"ok"


async def test_pausing_stops_the_upstream() -> None:
    sent = 0

    async def flood(wire: UpstreamWire) -> None:
        nonlocal sent
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        while sent < 50_000_000:
            await wire.send(b"x" * 100_000)
            sent += 100_000

    async with Client(Limits(upstream_idle_seconds=0.2)) as client, upstream(flood) as peer:
        sink = Collector()
        call = client.send(peer.origin, b"POST", b"/", [], b"", sink)
        await until(lambda: sink.received)
        call.pause()
        call.pause()
        received = len(sink.received)
        before = -1
        while sent != before:  # until the kernels hold all they may
            before = sent
            await asyncio.sleep(0.3)  # longer than the idle deadline, which a pause suspends
        assert sent < 50_000_000
        assert len(sink.received) == received
        call.resume()
        await sink.done()
        assert len(sink.received) == 50_000_000


async def test_a_call_paused_at_its_end_does_not_pause_the_next() -> None:
    class Pausing(Collector):
        def on_head(self, head: object) -> None:
            super().on_head(head)  # type: ignore[arg-type]
            call.pause()

    async with Client() as client, upstream(answering(OK)) as peer:
        sink = Pausing()
        call = client.send(peer.origin, b"POST", b"/", [], b"", sink)
        await sink.done()
        assert (await client.ask(peer.origin)).body == b"ok"
        assert peer.connections == 1


async def test_the_next_call_may_be_sent_from_on_end_over_the_same_connection() -> None:
    second = Collector()

    class Chained(Collector):
        def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
            super().on_end(trailers)
            client.send(peer.origin, b"POST", b"/second", [], b"", second)

    async with Client() as client, upstream(answering(OK)) as peer:
        client.send(peer.origin, b"POST", b"/first", [], b"", Chained())
        assert (await second.done()).body == b"ok"
        assert peer.connections == 1


async def test_refused_and_unreachable() -> None:
    async with Client() as client:
        sink = await client.ask(Origin("http", HOST, free_port()))
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.sent) == ("connect", False)
        assert "refused" in sink.failure.detail
        sink = await client.ask(Origin("http", "no-such-host.invalid", 80))
        assert sink.failure is not None
        assert sink.failure.stage == "connect"


async def test_connecting_has_a_deadline() -> None:
    full = listening()
    full.listen(0)
    port = full.getsockname()[1]
    # The queue of connections is full after the first.
    waiting = [asyncio.create_task(asyncio.open_connection(HOST, port)) for _ in range(3)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    async with Client(Limits(connect_seconds=0.2)) as client:
        sink = await client.ask(Origin("http", HOST, port))
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.detail) == (
            "connect",
            f"no connection to http://127.0.0.1:{port} in time",
        )
    for task in waiting:
        task.cancel()
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        if isinstance(result, tuple):
            result[1].transport.abort()
    full.close()
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        (b"POST", b"http://evil/", (b"x", b"y")),
        (b"POST", b"/a b", (b"x", b"y")),
        (b"POST", b"/a\r\nx: y", (b"x", b"y")),
        (b"CONNECT", b"/", (b"x", b"y")),
        (b"POST / HTTP/1.1\r\nx: y\r\n", b"/", (b"x", b"y")),
        (b"POST", b"/", (b"x", b"a\r\nHost: b")),
        (b"POST", b"/", (b"x", b"a\0b")),
        (b"POST", b"/", (b"x:", b"y")),
        (b"POST", b"/", (b"Host", b"y")),
        (b"POST", b"/", (b"content-length", b"3")),
        (b"POST", b"/", (b"Transfer-Encoding", b"chunked")),
        (b"POST", b"/", (b"Connection", b"close")),
    ],
)
async def test_what_must_not_be_sent_is_refused(method: bytes, target: bytes, header: tuple[bytes, bytes]) -> None:
    async with Client() as client:
        with pytest.raises(ValueError):
            client.send(Origin("http", HOST, 1), method, target, [header], b"", Collector())


async def test_closing_fails_what_runs() -> None:
    async def hold(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.reader.read()

    async with upstream(hold) as peer:
        client = Client()
        waiting, connecting = Collector(), Collector()
        client.send(peer.origin, b"POST", b"/", [], b"", waiting)
        await until(lambda: peer.requests)
        client.send(peer.origin, b"POST", b"/", [], b"", connecting)
        await client.close()
        for sink in (waiting, connecting):
            assert isinstance(sink.failure, UpstreamError)
            assert "stopping" in sink.failure.detail
        await until(lambda: peer.closed == peer.connections)


async def test_a_hundred_calls_at_once() -> None:
    async def echo(wire: UpstreamWire) -> None:
        while True:
            _, body = await wire.request()
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def one(client: Client, peer: Upstream, number: int) -> None:
        for turn in range(5):
            body = b"%d.%d" % (number, turn)
            assert (await client.ask(peer.origin, body=body)).body == body

    async with Client() as client, upstream(echo) as peer:
        await asyncio.gather(*(one(client, peer, number) for number in range(100)))
        assert peer.connections <= 100
        assert len(peer.requests) == 500
