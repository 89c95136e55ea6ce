"""The control sockets: methods, streams, and what is refused."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from conduit_tui.control.connection import Method
from conduit_tui.control.latest import Latest
from conduit_tui.control.messages import FRAME_LIMIT
from conduit_tui.control.plane import ControlError, ProviderTest
from conduit_tui.control.remote import DaemonClient, RemoteControl
from conduit_tui.control.server import ControlServer
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.live import LiveView
from conduit_tui.domain.providers import Provider
from conduit_tui.paths import StateDir
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.anyio


def view(number: int, padding: int = 0) -> LiveView:
    return LiveView(
        at=number, in_flight=(), in_flight_count=number, last_usage_id=number, served=0, refused=0, draining=padding > 0
    )


async def test_a_model_travels_both_ways(state_dir: StateDir) -> None:
    given = Provider(name="local", base_url="http://127.0.0.1:9/v1", dialects=(Dialect.OPENAI_CHAT,))
    kept: list[Provider] = []

    async def add_provider(provider: Provider, key: str = "") -> None:
        kept.append(provider)

    async def providers() -> list[Provider]:
        return kept

    async def test_provider(name: str) -> ProviderTest:
        return ProviderTest(True, f"{name} answers", 1.5)

    methods: dict[str, Method] = {"add_provider": add_provider, "providers": providers, "test_provider": test_provider}
    server = ControlServer(state_dir.gateway_socket, role="gateway", methods=methods)
    await server.start()
    try:
        control = RemoteControl(state_dir)
        await control.add_provider(given)
        assert await control.providers() == [given]
        assert await control.test_provider("local") == ProviderTest(True, "local answers", 1.5)
    finally:
        await server.close()


async def test_refusals_keep_code_words_and_field(state_dir: StateDir) -> None:
    async def add_project(name: str) -> None:
        raise ControlError("conflict", f"there is a project {name!r} already", "name")

    async def remove_provider(name: int) -> None: ...

    async def rotate_token() -> str:
        raise ZeroDivisionError("a secret that must stay inside")

    methods: dict[str, Method] = {
        "add_project": add_project,
        "remove_provider": remove_provider,
        "rotate_token": rotate_token,
    }
    server = ControlServer(state_dir.gateway_socket, role="gateway", methods=methods)
    await server.start()
    try:
        control = RemoteControl(state_dir)
        with pytest.raises(ControlError) as refused:
            await control.add_project("x")
        assert (refused.value.code, refused.value.field) == ("conflict", "name")
        assert refused.value.message == "there is a project 'x' already"
        with pytest.raises(ControlError) as refused:
            await control.remove_provider("not-a-number")
        assert (refused.value.code, refused.value.field) == ("bad-input", "name")
        with pytest.raises(ControlError) as refused:
            await control.rotate_token()
        assert refused.value.code == "internal"
        assert "secret" not in refused.value.message
        with pytest.raises(ControlError) as refused:
            await control.projects()
        assert refused.value.code == "not-found"
    finally:
        await server.close()


async def test_nobody_there_is_unavailable(state_dir: StateDir) -> None:
    with pytest.raises(ControlError) as absent:
        await RemoteControl(state_dir).providers()
    assert absent.value.code == "unavailable"
    with pytest.raises(ControlError) as absent:
        async for _ in DaemonClient(state_dir).watch():
            pass
    assert absent.value.code == "unavailable"


async def test_a_server_that_never_answers_times_out(state_dir: StateDir) -> None:
    released = asyncio.Event()

    async def projects() -> None:
        await released.wait()

    server = ControlServer(state_dir.gateway_socket, role="gateway", methods={"projects": projects})
    await server.start()
    try:
        with pytest.raises(ControlError, match=r"did not answer projects within 0\.1 s"):
            await RemoteControl(state_dir, timeout=0.1).projects()
    finally:
        released.set()
        await server.close()


async def test_another_protocol_version_says_what_to_do(state_dir: StateDir) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = {"type": "hello", "protocol": 2, "role": "daemon", "version": "9.0", "surprise": [1]}
        writer.write(json.dumps(hello).encode() + b"\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(answer, state_dir.daemon_socket):
        with pytest.raises(ControlError, match=r"protocol 1, the running daemon 2 .*restart it with"):
            await DaemonClient(state_dir).status()


async def test_the_socket_is_private_and_replaced_whole(state_dir: StateDir) -> None:
    old_mask = os.umask(0)
    try:
        first = ControlServer(state_dir.gateway_socket, role="gateway", methods={})
        await first.start()
        second = ControlServer(state_dir.gateway_socket, role="gateway", methods={})
        await second.start()
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(state_dir.gateway_socket.lstat().st_mode) == 0o600
    await first.close()
    assert state_dir.gateway_socket.exists(), "the old server must not take the new server's socket away"
    await second.close()
    assert list(state_dir.root.iterdir()) == []


async def test_a_watch_begins_with_the_state_and_follows(state_dir: StateDir) -> None:
    latest = Latest(view(1))
    server = ControlServer(state_dir.gateway_socket, role="gateway", methods={}, streams={"live": latest.watch})
    await server.start()
    seen = []
    try:
        async with aclosing(RemoteControl(state_dir).live()) as stream:  # type: ignore[type-var]
            async for item in stream:
                seen.append(item.at)
                if item.at == 3:
                    break
                latest.set(view(item.at + 1))
        assert seen == [1, 2, 3]
        await until(lambda: not latest.watchers)
    finally:
        await server.close()


async def test_a_slow_watcher_skips_to_the_newest(state_dir: StateDir) -> None:
    produced = 0
    finish = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        nonlocal produced
        for number in range(500):
            produced = number
            yield f"{number:06d}" + "x" * 100_000
            await asyncio.sleep(0)
        await finish.wait()

    server = ControlServer(state_dir.gateway_socket, role="gateway", methods={}, streams={"live": source})
    await server.start()
    try:
        reader, writer = await asyncio.open_unix_connection(str(state_dir.gateway_socket), limit=FRAME_LIMIT)
        writer.write(b'{"type":"hello","protocol":1,"role":"client"}\n{"type":"watch","id":7,"stream":"live"}\n')
        await until(lambda: produced == 499)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reader.readline()
            numbers: list[int] = []
            while not numbers or numbers[-1] < 499:
                numbers.append(int(json.loads(await reader.readline())["value"][:6]))
        assert numbers == sorted(numbers)
        assert len(numbers) < 100
        writer.close()
        await writer.wait_closed()
    finally:
        finish.set()
        await server.close()


async def test_a_stream_that_breaks_says_so(state_dir: StateDir) -> None:
    async def source() -> AsyncIterator[LiveView]:
        yield view(1)
        raise ControlError("unavailable", "the gateway drains")

    server = ControlServer(state_dir.gateway_socket, role="gateway", methods={}, streams={"live": source})
    await server.start()
    try:
        stream = RemoteControl(state_dir).live()
        assert (await anext(stream)).at == 1
        with pytest.raises(ControlError, match="the gateway drains"):
            await anext(stream)
    finally:
        await server.close()


async def test_a_change_survives_its_caller(state_dir: StateDir) -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def remove_provider(name: str) -> None:
        begun.set()
        await go_on.wait()
        done.set()

    server = ControlServer(state_dir.gateway_socket, role="gateway", methods={"remove_provider": remove_provider})
    await server.start()
    try:
        caller = asyncio.create_task(RemoteControl(state_dir).remove_provider("x"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await begun.wait()
            caller.cancel()
            await asyncio.gather(caller, return_exceptions=True)
            go_on.set()
            await done.wait()
    finally:
        await server.close()


@pytest.mark.parametrize(
    "line",
    [b"not json\n", b'{"type":"request","id":"x"}\n', b'{"type":"result","id":1}\n', b"x" * (FRAME_LIMIT + 10) + b"\n"],
    ids=["no json", "wrong types", "a server's frame", "too long"],
)
async def test_a_bad_frame_ends_its_connection_only(state_dir: StateDir, line: bytes) -> None:
    async def projects() -> list[str]:
        return []

    server = ControlServer(state_dir.gateway_socket, role="gateway", methods={"projects": projects})
    await server.start()
    try:
        reader, writer = await asyncio.open_unix_connection(str(state_dir.gateway_socket))
        writer.write(b'{"type":"hello","protocol":1,"role":"client"}\n')
        writer.write(line)
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = (await reader.read()).splitlines()
        assert json.loads(answers[-1])["code"] == "bad-input"
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert await RemoteControl(state_dir).projects() == []
    finally:
        await server.close()
