"""The asking end of a control socket: one question and its answer, or a stream of them, on a connection of its own."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from conduit_tui import __version__
from conduit_tui.control.messages import (
    FRAME_LIMIT,
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
    mismatch,
    read_frame,
)
from conduit_tui.control.plane import ControlError

T = TypeVar("T")


class _AbsentError(ControlError):
    """Nobody is at the socket."""


class SocketEnd:
    """One end of a control socket."""

    def __init__(self, path: Path, role: str, timeout: float) -> None:
        self._path = path
        self._role = role
        self._timeout = timeout

    async def call(self, method: str, returns: TypeAdapter[T], seconds: float | None = None, **params: Any) -> T:
        try:
            async with asyncio.timeout(seconds or self._timeout), self._connection() as (reader, writer):
                writer.write(encode(Request(id=1, method=method, params=params)))
                await writer.drain()
                frame = await read_frame(reader)
        except TimeoutError:
            raise ControlError(
                "unavailable", f"the {self._role} did not answer {method} within {seconds or self._timeout:g} s"
            ) from None
        except (FrameError, ConnectionError) as error:
            raise self._broken(error) from None
        if isinstance(frame, Result):
            return self._read(returns, frame.value)
        raise self._refusal(frame)

    async def answers(self) -> bool:
        try:
            async with asyncio.timeout(self._timeout), self._connection():
                return True
        except (_AbsentError, TimeoutError, FrameError, ConnectionError):
            return False

    async def watch(self, stream: str, yields: TypeAdapter[T]) -> AsyncIterator[T]:
        try:
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(self._timeout):
                    reader, writer = await stack.enter_async_context(self._connection())
                    writer.write(encode(Watch(id=1, stream=stream)))
                    await writer.drain()
                while isinstance(frame := await read_frame(reader), Item):
                    yield self._read(yields, frame.value)
        except TimeoutError:
            raise ControlError("unavailable", f"the {self._role} did not answer within {self._timeout:g} s") from None
        except (FrameError, ConnectionError) as error:
            raise self._broken(error) from None
        if not isinstance(frame, End):
            raise self._refusal(frame)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._path), limit=FRAME_LIMIT)
        except OSError as error:
            raise self._absent(error) from None
        try:
            writer.write(encode(Hello(role="client", version=__version__, pid=os.getpid())))
            hello = await read_frame(reader)
            if not isinstance(hello, Hello):
                raise FrameError("no hello came")
            if hello.protocol != PROTOCOL:
                raise ControlError("unavailable", mismatch(hello))
            if hello.role != self._role:
                raise ControlError("unavailable", f"at {self._path} a {hello.role} answers, not the {self._role}")
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                await writer.wait_closed()

    def _absent(self, error: OSError) -> ControlError:
        if isinstance(error, PermissionError):
            return ControlError("unavailable", f"{self._path} is not open to this user")
        return _AbsentError(
            "unavailable", f"no {self._role} is running for {self._path.parent}; `conduit-tui up` starts one"
        )

    def _broken(self, error: Exception) -> ControlError:
        return ControlError("unavailable", f"the {self._role}'s answer broke off: {error or type(error).__name__}")

    def _refusal(self, frame: object) -> ControlError:
        if isinstance(frame, Failure):
            return ControlError(frame.code, frame.message, frame.field)
        if frame is None:
            return ControlError("unavailable", f"the {self._role} went away before it answered")
        return ControlError("internal", f"the {self._role} answered with a frame that was not asked for")

    def _read(self, adapter: TypeAdapter[T], value: Any) -> T:
        try:
            return adapter.validate_python(value)
        except ValidationError:
            raise ControlError(
                "internal", f"the {self._role} is of another version and answers in words not known here; restart it"
            ) from None
