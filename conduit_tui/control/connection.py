"""One client of a control socket: its requests and its streams."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError

from conduit_tui import __version__
from conduit_tui.control.messages import (
    PROTOCOL,
    End,
    Failure,
    FrameError,
    Hello,
    Item,
    Request,
    Result,
    Watch,
    encode,
    read_frame,
)
from conduit_tui.control.plane import ControlError
from conduit_tui.control.validation import bad_input
from conduit_tui.store.interface import StoreError

Method = Callable[..., Awaitable[Any]]
Stream = Callable[[], AsyncIterator[Any]]

_HELLO_SECONDS = 5.0
_TASKS = 32

_log = logging.getLogger(__name__)


class Connection:
    """One client: its requests run at the same time, its frames are written one after the other."""

    def __init__(
        self,
        role: str,
        methods: Mapping[str, Method],
        streams: Mapping[str, Stream],
        requests: set[asyncio.Task[None]],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._role = role
        self._methods = methods
        self._streams = streams
        self._all_requests = requests
        self._reader = reader
        self._writer = writer
        self._writing = asyncio.Lock()
        self._requests = 0
        self._watches: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve until it ends. Raises ConnectionError, FrameError, TimeoutError."""
        # nothing may queue here behind what the kernel holds
        self._writer.transport.set_write_buffer_limits(high=0)
        await self._send(Hello(role=self._role, version=__version__, pid=os.getpid()))
        async with asyncio.timeout(_HELLO_SECONDS):
            hello = await read_frame(self._reader)
        if not isinstance(hello, Hello) or hello.protocol != PROTOCOL:
            return  # the client has our hello and can tell its user what differs
        try:
            while (frame := await read_frame(self._reader)) is not None:
                if self._requests + len(self._watches) >= _TASKS:
                    await self._fail(0, ControlError("unavailable", "too many requests at once on one connection"))
                    return
                if isinstance(frame, Request):
                    self._begin(frame)
                elif isinstance(frame, Watch):
                    task = asyncio.create_task(self._watch(frame))
                    self._watches.add(task)
                    task.add_done_callback(self._watches.discard)
                else:
                    await self._fail(0, ControlError("bad-input", f"a client does not send {frame.type!r} frames"))
                    return
        except FrameError as error:
            await self._fail(0, ControlError("bad-input", str(error)))
        finally:
            for task in self._watches:
                task.cancel()
            await asyncio.gather(*self._watches, return_exceptions=True)

    def _begin(self, request: Request) -> None:
        # A request outlives its connection: who hangs up loses the answer, not the change.
        def done(task: asyncio.Task[None]) -> None:
            self._requests -= 1
            self._all_requests.discard(task)

        task = asyncio.create_task(self._answer(request))
        self._requests += 1
        self._all_requests.add(task)
        task.add_done_callback(done)

    async def _answer(self, request: Request) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                method = self._methods.get(request.method)
                if method is None:
                    raise ControlError("not-found", f"the {self._role} has no method {request.method!r}")
                value = await method(**request.params)
                await self._send(Result(id=request.id, value=value))
            except Exception as error:
                await self._fail(request.id, _as_control_error(error, request.method))

    async def _watch(self, watch: Watch) -> None:
        source = self._streams.get(watch.stream)
        with contextlib.suppress(ConnectionError):
            if source is None:
                await self._fail(
                    watch.id, ControlError("not-found", f"the {self._role} has no stream {watch.stream!r}")
                )
                return
            try:
                async for value in _newest(source()):
                    await self._send(Item(id=watch.id, value=value))
                await self._send(End(id=watch.id))
            except Exception as error:
                await self._fail(watch.id, _as_control_error(error, watch.stream))

    async def _fail(self, request_id: int, error: ControlError) -> None:
        await self._send(Failure(id=request_id, code=error.code, message=error.message, field=error.field))

    async def _send(self, frame: Hello | Result | Failure | Item | End) -> None:
        line = encode(frame)
        async with self._writing:
            self._writer.write(line)
            await self._writer.drain()


async def _newest(source: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The items of a source, read as fast as they come; those that nobody took in time are dropped for newer ones."""
    slot: list[Any] = []
    something = asyncio.Event()

    async def read() -> None:
        try:
            async for value in source:
                slot[:] = [value]
                something.set()
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    reader = asyncio.create_task(read())
    reader.add_done_callback(lambda _task: something.set())
    try:
        while True:
            await something.wait()
            something.clear()
            if slot:
                yield slot.pop()
            elif reader.done():
                reader.result()
                return
            if reader.done():
                something.set()
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


def _as_control_error(error: Exception, what: str) -> ControlError:
    if isinstance(error, ControlError):
        return error
    if isinstance(error, ValidationError):
        return bad_input(error)
    if isinstance(error, StoreError):
        return ControlError("unavailable", str(error))
    if isinstance(error, FrameError):
        return ControlError("internal", f"the answer of {what} is too large: {error}")
    _log.error("control request %s failed", what, exc_info=error)
    return ControlError("internal", f"{what} failed inside ({type(error).__name__}); the process log says where")
