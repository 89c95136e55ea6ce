"""However the bytes of a message are cut into reads, the result is the same."""

import asyncio
import socket
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.connection import Connection
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.http.server import Server
from tests.gateway.http.http_peers import HOST, Collector, Recorder, listening
from tests.waiting import until

TOKEN = st.text("abcXYZ019-_!#", min_size=1, max_size=12).map(str.encode)
VALUE = st.binary(max_size=30).map(lambda raw: bytes(b for b in raw if b == 9 or (b >= 32 and b != 127)).strip())
FIELDS = st.lists(st.tuples(TOKEN.map(lambda name: b"x-" + name), VALUE), max_size=6)
BODY = st.binary(max_size=400) | st.binary(min_size=1, max_size=60).map(lambda piece: piece * 400)
CUTS = st.lists(st.integers(0, 30_000), max_size=12)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(edges)]


def fields(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in headers)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    coded = b""
    for piece in pieces(body, draw(CUTS)):
        if piece:
            extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b c"']))
            coded += b"%x%b\r\n%b\r\n" % (len(piece), extension, piece)
    return coded + b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"])) + b"\r\n"


@st.composite
def request(draw: st.DrawFn) -> tuple[bytes, tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]]:
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT"]))
    target = b"/" + draw(st.text("ab/?=&%20~", max_size=20)).encode()
    headers = draw(FIELDS)
    body = draw(BODY)
    kind = draw(st.sampled_from(["none", "length", "chunked", "upgrade"]))
    upgrade = b""
    if kind == "none":
        body, framing, coded = b"", b"", b""
    elif kind == "chunked":
        framing, coded = b"transfer-encoding: chunked\r\n", draw(chunked(body))
    else:
        framing, coded = b"content-length: %d\r\n" % len(body), body
        if kind == "upgrade":
            upgrade = b"connection: upgrade\r\nupgrade: h2c\r\n"
    head = b"%b %b HTTP/1.1\r\nhost: x\r\n%b%b%b\r\n" % (method, target, upgrade, fields(headers), framing)
    return head + coded, (method, target, headers, body)


def run(work: Coroutine[Any, Any, None], *, uvloop: bool) -> None:
    if uvloop:
        import uvloop as loops

        loops.run(work)
    else:
        asyncio.run(work)


@pytest.mark.parametrize("uvloop", [False, True], ids=["asyncio", "uvloop"])
@settings(max_examples=150, deadline=None)
@given(requests=st.lists(request(), min_size=1, max_size=4), cuts=CUTS, every_byte=st.booleans())
def test_requests(
    uvloop: bool,
    requests: list[tuple[bytes, tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]]],
    cuts: list[int],
    every_byte: bool,
) -> None:
    async def play() -> None:
        handler = Recorder()
        server = Server(handler, Limits(pipelined=2))
        ours, theirs = socket.socketpair()
        _, connection = await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(server), ours)
        reader, writer = await asyncio.open_connection(sock=theirs)
        data = b"".join(wire for wire, _ in requests)
        for piece in pieces(data, list(range(min(len(data), 1500))) if every_byte else cuts):
            connection.data_received(piece)
        await until(lambda: len(handler.requests) == len(requests))
        for seen, (_, (method, target, headers, body)) in zip(handler.requests, requests, strict=True):
            assert (seen.method, seen.target, seen.body) == (method, target, body)
            assert [field for field in seen.headers if field[0].startswith(b"x-")] == headers
        assert handler.errors == []
        writer.write_eof()
        answers = await reader.read()
        assert answers.count(b"HTTP/1.1 200 OK\r\n") == len(requests)
        writer.transport.abort()
        await until(lambda: server.connections == 0)

    run(play(), uvloop=uvloop)


@st.composite
def response(draw: st.DrawFn) -> tuple[bytes, tuple[int, list[tuple[bytes, bytes]], bytes], bool]:
    status = draw(st.sampled_from([200, 201, 400, 429, 529]))
    headers = draw(FIELDS)
    body = draw(BODY)
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nlink: a\r\n\r\n"]))
    if framing == "length":
        line, coded = b"content-length: %d\r\n" % len(body), body
    elif framing == "chunked":
        line, coded = b"transfer-encoding: chunked\r\n", draw(chunked(body))
    else:
        line, coded = b"", body
    head = b"%bHTTP/1.1 %d Reason\r\n%b%b\r\n" % (interim, status, fields(headers), line)
    return head + coded, (status, headers, body), framing == "close"


@pytest.mark.parametrize("uvloop", [False, True], ids=["asyncio", "uvloop"])
@settings(max_examples=150, deadline=None)
@given(answer=response(), cuts=CUTS, every_byte=st.booleans())
def test_answers(
    uvloop: bool,
    answer: tuple[bytes, tuple[int, list[tuple[bytes, bytes]], bytes], bool],
    cuts: list[int],
    every_byte: bool,
) -> None:
    data, (status, headers, body), until_close = answer

    async def play() -> None:
        arrived = asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            arrived.set()
            await reader.read()
            writer.transport.abort()

        sock = listening()
        listener = await asyncio.start_server(accept, sock=sock)
        client = Upstreams()
        sink = Collector()
        call = client.send(Origin("http", HOST, sock.getsockname()[1]), b"GET", b"/", [], b"", sink)
        await arrived.wait()
        connection = call.connection
        assert connection is not None
        for piece in pieces(data, list(range(min(len(data), 1500))) if every_byte else cuts):
            assert not sink.over
            connection.data_received(piece)
        if until_close:
            assert not sink.over
            connection.eof_received()
        assert sink.failure is None
        assert sink.over
        assert sink.head is not None
        assert (sink.head.status, sink.body) == (status, body)
        assert [field for field in sink.head.headers if field[0].startswith(b"x-")] == headers
        assert len(client._open) == 1
        await client.close()
        listener.close()
        await asyncio.sleep(0.005)

    run(play(), uvloop=uvloop)


@pytest.mark.parametrize("uvloop", [False, True], ids=["asyncio", "uvloop"])
@settings(max_examples=200, deadline=None)
@given(
    data=st.binary(max_size=300)
    | request().flatmap(lambda r: st.binary(max_size=8).map(lambda x: r[0][:60] + x + r[0][60:]))
)
def test_garbage_never_raises_and_ends_in_an_answer_or_waiting(uvloop: bool, data: bytes) -> None:
    async def play() -> None:
        server = Server(Recorder())
        ours, theirs = socket.socketpair()
        _, connection = await asyncio.get_running_loop().connect_accepted_socket(lambda: Connection(server), ours)
        _, writer = await asyncio.open_connection(sock=theirs)
        connection.data_received(data)
        writer.transport.abort()
        await until(lambda: server.connections == 0)

    run(play(), uvloop=uvloop)
