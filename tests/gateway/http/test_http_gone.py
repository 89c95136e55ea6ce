"""A client that leaves is noticed at once, in whatever phase it leaves and however."""

import asyncio
import time

import pytest

from conduit_tui.gateway.http.limits import Limits
from tests.gateway.http.http_peers import Recorder, Wire, connected, serving
from tests.waiting import until

pytestmark = pytest.mark.anyio

GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
SOON = 0.6


def leave(wire: Wire, how: str) -> float:
    if how == "reset":
        wire.reset()
    elif how == "half-close":
        wire.writer.write_eof()
    else:
        wire.writer.close()
    return time.perf_counter()


HOW = pytest.mark.parametrize("how", ["close", "half-close", "reset"])


@HOW
@pytest.mark.parametrize("target", [b"hold", b"streaming"])
async def test_leaving_before_and_in_the_middle_of_the_answer(how: str, target: bytes) -> None:
    handler = Recorder()
    async with serving(handler) as (server, port), connected(port) as wire:
        await wire.send(GET % target)
        await until(lambda: handler.responders)
        if target == b"streaming":
            await wire.reader.readuntil(b"first")
        left = leave(wire, how)
        await until(lambda: handler.gone)
        assert handler.gone[0] - left < SOON
        responder = handler.responders[0]
        assert responder.gone
        assert not responder.finished
        responder.write(b"into the void")
        if not responder.started:
            responder.start(200, b"OK", (), None)
        responder.finish()
        await until(lambda: server.connections == 0)
        assert len(handler.gone) == 1


@HOW
async def test_leaving_while_writes_are_paused(how: str) -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        wire.writer.transport.pause_reading()
        await wire.send(GET % b"streaming")
        await until(lambda: handler.responders)
        while not handler.paused:
            handler.responders[0].write(b"x" * 65_536)
            await asyncio.sleep(0)
        left = leave(wire, how)
        await until(lambda: handler.gone)
        assert handler.gone[0] - left < SOON


@HOW
async def test_leaving_while_reads_are_paused_behind_a_full_pipeline(how: str) -> None:
    handler = Recorder()
    async with serving(handler, Limits(pipelined=2)) as (server, port), connected(port) as wire:
        await wire.send((GET % b"hold") * 2_000)
        await until(lambda: server.stalled)
        await wire.send(GET % b"unread")
        left = leave(wire, how)
        await until(lambda: handler.gone)
        assert handler.gone[0] - left < SOON
        await until(lambda: server.connections == 0)
        assert not server.stalled
        assert len(handler.requests) == 1


@HOW
async def test_leaving_in_head_or_body_reaches_no_handler(how: str) -> None:
    handler = Recorder()
    for part in (b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"):
        async with serving(handler) as (server, port), connected(port) as wire:
            await wire.send(part)
            await until(lambda s=server: s.connections == 1)
            leave(wire, how)
            await until(lambda s=server: s.connections == 0)
    assert handler.requests == []
    assert handler.gone == []


async def test_an_answer_that_was_complete_is_nobodys_loss() -> None:
    handler = Recorder()
    async with serving(handler) as (server, port), connected(port) as wire:
        await wire.send(GET % b"a")
        wire.writer.write_eof()
        assert (await wire.answer())[2] == b"/a|"
        await until(lambda: server.connections == 0)
        assert handler.gone == []


async def test_a_handler_that_cuts_the_connection_hears_no_echo() -> None:
    handler = Recorder()
    async with serving(handler) as (server, port), connected(port) as wire:
        await wire.send(GET % b"streaming")
        await until(lambda: handler.responders)
        handler.responders[0].abort()
        await until(lambda: server.connections == 0)
        assert handler.gone == []
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await wire.answer()


async def test_cutting_an_answer_that_only_the_end_delimits_is_a_reset() -> None:
    handler = Recorder()
    async with serving(handler) as (_, port), connected(port) as wire:
        await wire.send(b"GET /streaming HTTP/1.0\r\n\r\n")
        await wire.reader.readuntil(b"first")
        handler.responders[0].abort()
        with pytest.raises(ConnectionResetError):
            await wire.rest()
