"""Deadlines, caps and back-pressure, with the limits scaled down."""

import asyncio
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from conduit_tui.gateway.http.limits import Limits
from tests.gateway.http.http_peers import Recorder, connected, serving
from tests.waiting import PATIENCE_SECONDS, SOON_SECONDS, until

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async with serving(Recorder(), Limits(head_seconds=0.05)) as (_, port), connected(port) as wire:
        begun = time.perf_counter()
        assert await wire.closed()
        assert 0.04 < time.perf_counter() - begun < SOON_SECONDS


async def test_a_slow_head_is_408_however_steadily_it_drips() -> None:
    handler = Recorder()
    async with serving(handler, Limits(head_seconds=0.1)) as (_, port), connected(port) as wire:
        begun = time.perf_counter()

        async def drip() -> None:
            await wire.send(b"GET / HTTP/1.1\r\n")
            while True:
                await wire.send(b"x: y\r\n")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        status, headers, _ = await wire.answer()
        dripping.cancel()
        assert (status, headers[b"connection"]) == (408, b"close")
        assert time.perf_counter() - begun < SOON_SECONDS
        assert [error[:2] for error in handler.errors] == [(408, "the request head took too long")]


@pytest.mark.parametrize("framing", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"])
async def test_a_slow_body_is_408_and_the_handler_knows_the_target(framing: bytes) -> None:
    handler = Recorder()
    async with serving(handler, Limits(body_seconds=0.1)) as (_, port), connected(port) as wire:
        await wire.send(b"POST /slow HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n5\r\nabcde\r\n" % framing)
        assert (await wire.answer())[0] == 408
        assert await wire.closed()
        assert handler.errors == [(408, "the request body took too long", b"/slow")]
        assert handler.requests == []


async def test_a_slow_body_whose_head_was_refused_is_not_answered_twice() -> None:
    handler = Recorder()
    async with serving(handler, Limits(body_seconds=0.05)) as (_, port), connected(port) as wire:
        await wire.send(b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert (await wire.answer())[0] == 401
        assert await wire.closed()
        assert handler.errors == []


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    handler = Recorder()
    limits = Limits(idle_seconds=0.05)
    async with serving(handler, limits) as (_, port), connected(port) as idle, connected(port) as busy:
        await idle.send(GET % b"a")
        await idle.answer()
        await busy.send(GET % b"hold")
        assert await idle.closed()
        await asyncio.sleep(0.15)
        handler.responders[1].start(200, b"OK", (), 0)
        handler.responders[1].finish()
        assert (await busy.answer())[0] == 200
        assert await busy.closed()


async def test_a_chunked_body_is_413_when_the_running_total_shows_it() -> None:
    handler = Recorder()
    async with serving(handler, Limits(body_bytes=100_000)) as (_, port), connected(port) as wire:
        await wire.send(b"POST /big HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            await wire.send(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        status, headers, _ = await wire.answer()
        assert (status, headers[b"connection"]) == (413, b"close")
        assert handler.errors[0][2] == b"/big"
        assert handler.requests == []


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    async with serving(Recorder(), Limits(body_bytes=100_000)) as (_, port), connected(port) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
        assert (await wire.answer())[2] == b"/|" + b"x" * 100_000
        await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + b"x" * 100_000)
        await wire.send(b"\r\n0\r\n\r\n")
        assert (await wire.answer())[2] == b"/|" + b"x" * 100_000


async def test_a_client_that_sends_its_huge_body_regardless_still_reads_the_413() -> None:
    async with serving(Recorder()) as (_, port), connected(port) as wire:
        begun = time.perf_counter()
        await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(100):
            await wire.send(b"x" * 1_000_000)
        assert (await wire.answer())[0] == 413
        assert time.perf_counter() - begun < SOON_SECONDS


async def test_tiny_chunks_and_endless_extensions_are_bounded() -> None:
    handler = Recorder()
    process = psutil.Process()
    async with serving(handler) as (_, port):
        async with connected(port) as wire:
            await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            before = process.memory_info().rss
            await wire.send(b"1\r\nx\r\n" * 500_000)
            await until(lambda: process.memory_info().rss)
            await wire.send(b"0\r\n\r\n")
            assert len((await wire.answer())[2]) == 500_002
            assert process.memory_info().rss - before < 60_000_000
        async with connected(port) as wire:
            await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            await wire.send(b"1;" + b"e" * 200_000)
            assert (await wire.answer())[0] == 400


async def test_more_connections_than_allowed_are_told_so() -> None:
    handler = Recorder()
    async with serving(handler, Limits(connections=2)) as (server, port):
        async with connected(port) as first, connected(port) as second:
            await first.send(GET % b"a")
            await first.answer()
            await second.send(GET % b"a")
            await second.answer()
            async with connected(port) as third:
                status, headers, _ = await third.answer()
                assert (status, headers[b"connection"]) == (503, b"close")
            await first.send(GET % b"b")
            assert (await first.answer())[0] == 200
        await until(lambda: server.connections == 0)
        async with connected(port) as fourth:
            await fourth.send(GET % b"a")
            assert (await fourth.answer())[0] == 200


async def test_a_client_that_reads_nothing_stops_the_writer_and_is_cut() -> None:
    handler = Recorder()
    async with serving(handler, Limits(write_seconds=0.2)) as (server, port), connected(port) as wire:
        wire.writer.transport.pause_reading()
        await wire.send(GET % b"streaming")
        await until(lambda: handler.responders)
        responder = handler.responders[0]
        written = 0
        while not handler.paused:
            responder.write(b"x" * 65_536)
            written += 65_536
            assert written < 100_000_000
            await asyncio.sleep(0)
        (connection,) = server._open
        assert connection._transport.get_write_buffer_size() < 1_000_000
        await until(lambda: handler.gone)
        assert responder.gone
        await until(lambda: server.connections == 0)


async def test_a_slow_reader_is_not_cut() -> None:
    handler = Recorder()
    async with serving(handler, Limits(write_seconds=0.1)) as (_, port), connected(port) as wire:
        wire.writer.transport.pause_reading()
        await wire.send(GET % b"streaming")
        await until(lambda: handler.responders)
        responder = handler.responders[0]
        sent = 5
        while not handler.paused:
            responder.write(b"x" * 65_536)
            sent += 65_536
            await asyncio.sleep(0)
        received = bytearray()
        wire.writer.transport.resume_reading()
        while not handler.resumed:
            piece = await wire.reader.read(20_000)
            assert piece
            received += piece
            await asyncio.sleep(0.002)
        responder.finish()
        while not received.endswith(b"\r\n0\r\n\r\n"):
            piece = await asyncio.wait_for(wire.reader.read(1_000_000), PATIENCE_SECONDS)
            assert piece
            received += piece
        assert len(received) > sent
        assert handler.gone == []


async def test_answers_to_a_client_that_reads_nothing_do_not_pile_up() -> None:
    handler = Recorder()
    async with serving(handler, Limits(write_seconds=60)) as (server, port), connected(port) as wire:
        wire.writer.transport.pause_reading()
        wire.writer.write((GET % b"stream") * 20_000)
        await until(lambda: server.stalled)
        (connection,) = server.stalled
        assert connection._transport.get_write_buffer_size() < 1_000_000
        served = len(handler.requests)
        assert served < 2_000
        wire.writer.transport.resume_reading()
        for _ in range(served + 50):
            assert len((await wire.answer())[2]) == 60_008


async def test_slow_clients_do_not_slow_the_others() -> None:
    async with serving(Recorder(), Limits(head_seconds=60)) as (server, port):
        wires = []
        for _ in range(200):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab")
            wires.append((reader, writer))
        async with connected(port) as wire:
            slowest = 0.0
            for _ in range(50):
                begun = time.perf_counter()
                await wire.send(GET % b"a")
                await wire.answer()
                slowest = max(slowest, time.perf_counter() - begun)
        assert slowest < 5
        for _, writer in wires:
            writer.transport.abort()
        await until(lambda: server.connections == 0)


FEW_DESCRIPTORS = """
import asyncio, resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
from conduit_tui.gateway.http.messages import Answer
from conduit_tui.gateway.http.server import Server
class Handler:
    def check_head(self, request): return None
    def check_error(self, request, status, reason): return Answer(status, (), reason.encode())
    def handle(self, request, responder): responder.respond(Answer(200, (), b"ok"))
async def main():
    sock = socket.socket(); sock.bind(("127.0.0.1", 0))
    await Server(Handler()).start(sock)
    print(sock.getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
if sys.argv[1] == "uvloop":
    import uvloop; uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_process_short_of_descriptors_refuses_and_recovers(
    loop: str, anyio_backend: tuple[str, dict[str, bool]]
) -> None:
    if anyio_backend[1]["use_uvloop"]:
        pytest.skip("the loop under test is the child's")
    child = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", FEW_DESCRIPTORS, loop],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        writers = []
        for _ in range(300):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writers.append(writer)
        async with connected(port) as wire:
            await wire.send(GET % b"a")
            received = b""
            with suppress(ConnectionResetError, TimeoutError):
                received = await wire.rest(3)
            assert received == b"" or received.startswith(b"HTTP/1.1 503")
        cpu = psutil.Process(child.pid).cpu_times()
        await asyncio.sleep(0.3)
        later = psutil.Process(child.pid).cpu_times()
        assert later.user + later.system - cpu.user - cpu.system < 0.2
        for writer in writers:
            writer.transport.abort()

        async def served() -> bool:
            async with connected(port) as wire:
                try:
                    await wire.send(GET % b"a")
                    return (await wire.answer())[0] == 200
                except (ConnectionError, asyncio.IncompleteReadError):
                    return False

        await until(served, "no answer after the descriptors were free again")
    finally:
        child.communicate(b"")
    assert child.returncode == 0
