"""The server over raw sockets: what is understood, what is refused, in which order it is answered."""

import asyncio

import pytest

from conduit_tui.gateway.http.limits import Limits
from tests.gateway.http.http_peers import Recorder, connected, serving
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_connection_serves_one_request_after_the_other() -> None:
    handler = Recorder()
    async with serving(handler) as (server, port), connected(port) as wire:
        for number in range(3):
            await wire.send(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" % number)
            status, headers, body = await wire.answer()
            assert (status, body) == (200, b"/%d|abc" % number)
            assert b"connection" not in headers
            assert headers[b"date"].endswith(b"GMT")
        assert server.connections == 1
        assert server.busy == 0
        request = handler.requests[0]
        assert request.peer == "127.0.0.1"
        assert request.version == (1, 1)
        assert 0 < request.received_at <= request.body_at
        assert request.header(b"host") == b"x"
        assert request.headers == [(b"Host", b"x"), (b"Content-Length", b"3")]


async def test_headers_keep_order_case_and_repetition() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(b"GET / HTTP/1.1\r\nHost: x \r\nX-A: 1\r\nx-b:\t2 \t\r\nx-a: 3\r\n\r\n")
        await wire.answer()
    request = handler.requests[0]
    assert [(name, value.rstrip()) for name, value in request.headers] == [
        (b"Host", b"x"),
        (b"X-A", b"1"),
        (b"x-b", b"2"),
        (b"x-a", b"3"),
    ]
    assert request.header(b"host") == b"x"
    assert request.header(b"x-b") == b"2"
    assert request.header(b"x-a") == b"1"
    assert request.headers_named(b"x-a") == [b"1", b"3"]
    assert request.header(b"x-c") is None
    assert request.headers_named(b"x-c") == []


async def test_pipelined_requests_are_answered_in_order_also_when_answers_come_late() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(GET % b"hold" + GET % b"a" + GET % b"stream" + GET % b"refused" + GET % b"b")
        await until(lambda: handler.responders)
        assert len(handler.requests) == 1
        handler.responders[0].start(200, b"OK", (), 5)
        handler.responders[0].write(b"first")
        handler.responders[0].finish()
        assert (await wire.answer())[2] == b"first"
        assert (await wire.answer())[2] == b"/a|"
        assert (await wire.answer())[2] == b"one" + b"two" * 20_000 + b"three"
        assert (await wire.answer())[0] == 401
        assert (await wire.answer())[2] == b"/b|"


async def test_a_long_pipeline_is_answered_whole_with_a_bounded_queue() -> None:
    handler = Recorder()
    async with serving(handler, Limits(pipelined=4)) as (server, port), connected(port) as wire:
        await wire.send(GET % b"hold" + b"".join(GET % b"%d" % number for number in range(3000)))
        await until(lambda: server.stalled)
        (connection,) = server.stalled
        assert len(connection._queue) < 4 + 8192 // len(GET)
        handler.responders[0].start(200, b"OK", (), 0)
        handler.responders[0].finish()
        await wire.answer()
        for number in range(3000):
            assert (await wire.answer())[2] == b"/%d|" % number
        assert not server.stalled


async def test_an_error_waits_for_the_answers_before_it_and_ends_the_connection() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(GET % b"hold" + GET % b"a" + b"GET / HTTP/1.1\r\nHost : x\r\n\r\n" + GET % b"never")
        await until(lambda: handler.responders)
        handler.responders[0].start(200, b"OK", (), 0)
        handler.responders[0].finish()
        assert (await wire.answer())[0] == 200
        assert (await wire.answer())[2] == b"/a|"
        status, headers, _ = await wire.answer()
        assert (status, headers[b"connection"]) == (400, b"close")
        assert await wire.closed()
    assert [request.target for request in handler.requests] == [b"/hold", b"/a"]


async def test_what_follows_connection_close_spoils_nothing() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + GET % b"never" + b"\0garbage")
        status, headers, body = await wire.answer()
        assert (status, headers[b"connection"], body) == (200, b"close", b"/last|")
        assert await wire.closed()
    assert handler.errors == []
    assert len(handler.requests) == 1


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: x, close\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: x\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n", True),
        (b"GET / HTTP/1.0\r\n", False),
        (b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n", True),
    ],
)
async def test_the_client_says_whether_the_connection_lives_on(head: bytes, kept: bool) -> None:
    async with serving(Recorder()) as (_, port), connected(port) as wire:
        await wire.send(head + b"\r\n")
        _, headers, body = await wire.answer()
        assert body == b"/|"
        if kept:
            await wire.send(GET % b"again")
            assert (await wire.answer())[2] == b"/again|"
        else:
            assert headers[b"connection"] == b"close"
            assert await wire.closed()


async def test_http_1_0_gets_no_transfer_encoding() -> None:
    async with serving(Recorder()) as (_, port), connected(port) as wire:
        await wire.send(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        status, headers, body = await wire.answer()
        assert status == 200
        assert b"transfer-encoding" not in headers
        assert b"content-length" not in headers
        assert headers[b"connection"] == b"close"
        assert body == b"one" + b"two" * 20_000 + b"three"


async def test_head_and_204_have_no_body() -> None:
    async with serving(Recorder()) as (_, port), connected(port) as wire:
        await wire.send(b"HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers, _ = await wire.answer(head=True)
        assert (status, headers[b"content-length"]) == (200, b"5")
        await wire.send(b"HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await wire.answer(head=True)
        await wire.send(GET % b"empty")
        status, headers, _ = await wire.answer()
        assert status == 204
        assert b"content-length" not in headers
        assert b"transfer-encoding" not in headers
        await wire.send(GET % b"after")
        assert (await wire.answer())[2] == b"/after|"


async def test_chunked_bodies_with_extensions_and_trailers() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(
            b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
            b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\nAuthorization: evil\r\n\r\n" + GET % b"next"
        )
        assert (await wire.answer())[2] == b"/c|abcde"
        assert (await wire.answer())[2] == b"/next|"
    assert handler.requests[0].header(b"authorization") is None
    assert handler.requests[0].headers == [(b"Host", b"x"), (b"Transfer-Encoding", b"Chunked")]
    assert handler.requests[1].headers == [(b"Host", b"x")]


async def test_expect_100_continue() -> None:
    handler = Recorder()
    expecting = b"POST /%b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(expecting % b"a")
        assert (await wire.answer())[0] == 100
        await wire.send(b"abc")
        assert (await wire.answer())[2] == b"/a|abc"
        # Behind an answer that is still due, the 100 waits for its turn.
        await wire.send(GET % b"hold" + expecting % b"b")
        await until(lambda: len(handler.responders) == 2)
        handler.responders[1].start(200, b"OK", (), 2)
        handler.responders[1].write(b"ok")
        handler.responders[1].finish()
        assert (await wire.answer())[2] == b"ok"
        assert (await wire.answer())[0] == 100
        await wire.send(b"abc")
        assert (await wire.answer())[2] == b"/b|abc"
        # A refusal comes instead of the 100, and no body is waited for.
        await wire.send(expecting % b"refused")
        status, headers, _ = await wire.answer()
        assert (status, headers[b"connection"]) == (401, b"close")
        assert await wire.closed()


async def test_an_unknown_expectation_is_417_and_http_1_0_has_none() -> None:
    async with serving(Recorder()) as (_, port):
        async with connected(port) as wire:
            await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\n")
            assert (await wire.answer())[0] == 417
        async with connected(port) as wire:
            await wire.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")
            assert (await wire.answer())[0] == 200


@pytest.mark.parametrize("split", [False, True])
async def test_an_offered_upgrade_is_ignored_and_the_body_is_read(split: bool) -> None:
    request = (
        b"POST /h2c HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAA\r\nContent-Length: 44\r\n\r\n" + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n".ljust(44)
    )
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        if split:
            for position in range(0, len(request), 50):
                await wire.send(request[position : position + 50])
                await asyncio.sleep(0.005)
            await wire.send(GET % b"next")
        else:
            await wire.send(request + GET % b"next")
        assert (await wire.answer())[2].startswith(b"/h2c|GET /smuggled")
        assert (await wire.answer())[2] == b"/next|"
        await wire.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert (await wire.answer())[0] == 200
        await wire.send(GET % b"last")
        assert (await wire.answer())[2] == b"/last|"
    assert len(handler.requests) == 4


async def test_an_upgrade_with_a_chunked_body_is_refused_also_when_the_handler_refuses_it() -> None:
    for target, status in ((b"up", 501), (b"refused", 401)):
        handler = Recorder()
        async with serving(handler) as (_, port), connected(port) as wire:
            await wire.send(
                b"POST /%b HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % target + GET % b"smuggled"
            )
            assert (await wire.answer())[0] == status
            assert await wire.closed()
        assert handler.requests == []


async def test_a_refused_head_keeps_the_connection_and_no_byte_of_the_body() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
        status, headers, _ = await wire.answer()  # before the body
        assert (status, headers[b"x-refused"]) == (401, b"yes")
        await wire.send(b"x" * 200_000 + b"POST /refused HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await wire.answer())[0] == 401
        await wire.send(b"5\r\nabcde\r\n0\r\n\r\n" + GET % b"next")
        assert (await wire.answer())[2] == b"/next|"
        await wire.send(GET % b"refused-close")
        status, headers, _ = await wire.answer()
        assert (status, headers[b"connection"]) == (401, b"close")
        assert await wire.closed()
    assert len(handler.requests) == 1


BAD = {
    "bare line feeds": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "folded header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "header without colon": (b"GET / HTTP/1.1\r\nHost: x\r\nX\r\n\r\n", 400),
    "empty header name": (b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400),
    "NUL in value": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 400),
    "CR in value": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", 400),
    "control in value": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n", 400),
    "non-ASCII name": (b"GET / HTTP/1.1\r\nHost: x\r\nX\xe9: a\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n", 400),
    "the same host twice": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    "two hosts in 1.0": (b"GET / HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n", 400),
    "empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "host with a path": (b"GET / HTTP/1.1\r\nHost: x/?\r\n\r\n", 400),
    "host with user": (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    "host list": (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    "absolute form": (b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "authority form": (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "CONNECT with a path": (b"CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "fragment": (b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "backslash": (b"GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "control in target": (b"GET /a\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "non-ASCII target": (b"GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "space in target": (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 400),
    "HTTP/2": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "unknown method": (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "lower case method": (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "CL and TE": (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "TE and CL": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two CL": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400),
    "the same CL twice": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
    "CL list": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na", 400),
    "signed CL": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", 400),
    "negative CL": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na", 400),
    "empty CL": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", 400),
    "hex CL": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\na", 400),
    "huge CL": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
    "TE gzip, chunked": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "TE chunked, gzip": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "TE twice": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "TE identity": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 501),
    "TE xchunked": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "TE with vertical tab": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "TE in 1.0": (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunk size with 0x": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        400,
    ),
    "chunk size with space": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
        400,
    ),
    "chunk with line feeds": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", 400),
    "chunk longer than said": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        400,
    ),
    "chunk size overflow": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\na\r\n",
        400,
    ),
    "long target": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "endless target": (b"GET /" + b"a" * 200_000, 414),
    "many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 257 + b"\r\n", 431),
    "endless headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 100_000, 431),
    "large head": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: " + b"b" * 66_000 + b"\r\n\r\n", 431),
    "endless header": (b"GET / HTTP/1.1\r\nHost: x\r\na: " + b"b" * 300_000, 431),
    "large body": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 33554433\r\n\r\n", 413),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("behind", [False, True], ids=["first", "behind another"])
async def test_what_is_refused(name: str, behind: bool) -> None:
    data, expected = BAD[name]
    if behind and name == "TLS":
        expected = 501  # in the middle of a connection it is only an unknown method
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send((GET % b"good" if behind else b"") + data + GET % b"smuggled")
        if behind:
            assert (await wire.answer())[2] == b"/good|"
        status, headers, body = await wire.answer()
        assert (status, headers[b"connection"]) == (expected, b"close")
        assert body
        assert await wire.closed()
    assert len(handler.requests) == behind
    assert [error[0] for error in handler.errors] == [expected]


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"//v1/messages",
        b"/%2e%2e/",
        b"/a/../b",
        b"/a?b=c&d=%20",
        b"/~a!$&'()*+,;=:@[]{}|^`\"<>",
        b"/" + b"a" * 8191,
    ],
)
async def test_targets_reach_the_handler_as_sent(target: bytes) -> None:
    async with serving(Recorder()) as (_, port), connected(port) as wire:
        await wire.send(b"GET %b HTTP/1.1\r\nHost: localhost:4141\r\n\r\n" % target)
        assert (await wire.answer())[2] == target + b"|"


async def test_a_bug_in_the_handler_is_a_500_and_not_the_end_of_the_server() -> None:
    async with serving(Recorder()) as (_, port):
        for target in (b"broken", b"broken-check"):
            async with connected(port) as wire:
                await wire.send(GET % target)
                assert (await wire.answer())[0] == 500
        async with connected(port) as wire:
            await wire.send(GET % b"fine")
            assert (await wire.answer())[0] == 200


async def test_an_answer_shorter_than_promised_cuts_the_connection() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(GET % b"hold")
        await until(lambda: handler.responders)
        responder = handler.responders[0]
        responder.start(200, b"OK", (), 10)
        responder.write(b"short")
        responder.finish()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await wire.answer()
        assert handler.gone == []


async def test_an_answer_longer_than_promised_is_refused() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(GET % b"hold")
        await until(lambda: handler.responders)
        responder = handler.responders[0]
        responder.start(200, b"OK", (), 3)
        with pytest.raises(ValueError, match="more body"):
            responder.write(b"long")


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"x\r\ny", b"a"),
        (b"x y", b"a"),
        (b"", b"a"),
        (b"Content-Length", b"3"),
        (b"transfer-encoding", b"chunked"),
        (b"Connection", b"x-secret"),
    ],
)
async def test_headers_that_would_break_the_framing_cannot_be_written(header: tuple[bytes, bytes]) -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(GET % b"hold")
        await until(lambda: handler.responders)
        with pytest.raises(ValueError, match="header"):
            handler.responders[0].start(200, b"OK", (header,), 0)
        handler.responders[0].start(200, b"OK", ((b"Date", b"then"),), 0)
        handler.responders[0].finish()
        _, headers, _ = await wire.answer()
        assert headers == {b"date": b"then", b"content-length": b"0"}


async def test_draining_ends_idle_connections_now_and_busy_ones_after_their_answer() -> None:
    handler = Recorder()
    async with serving(handler) as (server, port), connected(port) as idle, connected(port) as busy:
        await idle.send(GET % b"a")
        await idle.answer()
        await busy.send(GET % b"hold")
        await until(lambda: handler.requests[1:])
        assert (server.connections, server.busy) == (2, 1)
        draining = asyncio.create_task(server.drain(5))
        assert await idle.closed()
        with pytest.raises(ConnectionRefusedError):
            async with connected(port):
                pass
        assert not draining.done()
        handler.responders[1].start(200, b"OK", (), 0)
        handler.responders[1].finish()
        _, headers, _ = await busy.answer()
        assert headers[b"connection"] == b"close"
        await asyncio.wait_for(draining, PATIENCE_SECONDS)
        assert server.connections == 0


async def test_draining_gives_up_in_time_and_what_is_left_can_be_cut() -> None:
    handler = Recorder()
    async with serving(handler) as (server, port), connected(port) as wire:
        await wire.send(GET % b"hold")
        await until(lambda: handler.responders)
        await asyncio.wait_for(server.drain(0.05), PATIENCE_SECONDS)
        assert server.busy == 1
        server.abort_all()
        assert await wire.closed()
        assert len(handler.gone) == 1
