"""An SQLite connection in a thread of its own, asked with whole functions."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import aiosqlite

T = TypeVar("T")


class _Connection(aiosqlite.Connection):
    """Knows when its thread has ended, also after `connect` has failed."""

    stopped: "asyncio.Future[None] | None" = None

    def stop(self) -> "asyncio.Future[None] | None":
        self.stopped = super().stop()
        return self.stopped


async def _begin(connection: _Connection) -> None:
    try:
        await connection
    except BaseException:
        if connection.stopped:
            await connection.stopped
        raise


class ThreadConnection:
    """One SQLite connection and the aiosqlite thread that alone uses it."""

    def __init__(self, connection: aiosqlite.Connection, raw: sqlite3.Connection) -> None:
        self._connection = connection
        self._raw = raw
        self._lock = threading.Lock()  # between `interrupt` and the end of the call that it is meant for
        self._running: object | None = None

    @classmethod
    async def open(cls, connect: Callable[[], sqlite3.Connection]) -> "ThreadConnection":
        """Run `connect` in the new thread; its errors come out here, and then no thread is left."""
        raw: list[sqlite3.Connection] = []

        def connector() -> sqlite3.Connection:
            raw.append(connect())
            return raw[0]

        connection = _Connection(connector, iter_chunk_size=64)
        opening = asyncio.ensure_future(_begin(connection))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            with suppress(Exception):  # whoever is cancelled wants to hear of nothing else
                await opening
                await connection.close()
            raise
        return cls(connection, raw[0])

    async def call(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function` in the thread. If the caller is cancelled meanwhile, the function still runs to its end."""
        # aiosqlite's public methods cost a hop between threads per statement and let other callers' statements in
        # between. One function per hop is what makes a transaction whole, and only its private `_execute` offers that.
        result: T = await self._connection._execute(function, self._raw)  # type: ignore[no-untyped-call]
        return result

    async def query(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Like `call`, for reading: when the caller is cancelled, the function is interrupted or not begun."""
        token = object()
        cancelled = False

        def guarded(raw: sqlite3.Connection) -> T:
            with self._lock:
                if cancelled:
                    raise sqlite3.OperationalError("interrupted")
                self._running = token
            try:
                return function(raw)
            finally:
                with self._lock:
                    self._running = None

        try:
            return await self.call(guarded)
        except asyncio.CancelledError:
            with self._lock:
                cancelled = True
                if self._running is token:
                    self._raw.interrupt()
            raise

    def interrupt(self) -> None:
        """Make the statement that runs now fail, if one does."""
        with suppress(sqlite3.ProgrammingError):  # closed already
            self._raw.interrupt()

    async def close(self) -> None:
        """Finish what was asked before, close the connection and end the thread."""
        await self._connection.close()
