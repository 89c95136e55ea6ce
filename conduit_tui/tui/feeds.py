"""The workers that listen: daemon, gateway and database, each attached again with patience when it goes away.

They post messages and touch no widget.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

from textual.message import Message

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.live import LiveView
from conduit_tui.store.interface import Reader, StoreError
from conduit_tui.tui.messages import (
    DaemonLost,
    DaemonStarting,
    LiveChanged,
    LiveLost,
    StatusChanged,
    StoreOpened,
    StoreUnreadable,
)
from conduit_tui.tui.sources import Sources, StartFailed

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 5.0

Post = Callable[[Message], object]
T = TypeVar("T")


class Feeds:
    """Runs the listening side of the app. `data_repaints` bounds how often per second live data is posted."""

    def __init__(self, sources: Sources, post: Post, *, data_repaints: float) -> None:
        self._sources = sources
        self._post = post
        self._pause = 1 / data_repaints
        self._try_now = asyncio.Event()
        self._try_gateway_now = asyncio.Event()
        self.reader: Reader | None = None

    def try_now(self) -> None:
        """End the waiting before the next attempt to attach to the daemon."""
        self._try_now.set()

    def try_gateway_now(self) -> None:
        """End the waiting before the next attempt to attach to the gateway."""
        self._try_gateway_now.set()

    async def daemon(self) -> None:
        """Attach to the daemon; when none answers at first, start one. Later a lost one is only waited for."""
        try:
            await self._sources.process.status()
        except (ControlError, OSError):
            await self.start_daemon()
        waits = _Patience()
        while True:
            try:
                async with _closing(self._sources.process.watch()) as statuses:
                    async for status in statuses:
                        waits.reset()
                        self._post(StatusChanged(status))
                self._post(DaemonLost("the daemon has ended"))
            except (ControlError, OSError) as error:
                self._post(DaemonLost(str(error)))
            await _wait(self._try_now, waits.next())

    async def start_daemon(self) -> None:
        """Start a daemon; what comes of it is posted."""
        self._post(DaemonStarting())
        try:
            await self._sources.start_daemon()
        except (StartFailed, OSError) as error:
            self._post(DaemonLost(str(error), failed=True))
        else:
            self.try_now()

    async def gateway(self) -> None:
        """Follow the gateway's live state; between two posts only the newest view is kept."""
        waits = _Patience()
        while True:
            newest = _Newest()
            listening = asyncio.create_task(self._listen(newest))
            try:
                while (view := await newest.take()) is not None:
                    waits.reset()
                    self._post(LiveChanged(view))
                    await asyncio.sleep(self._pause)
                self._post(LiveLost(newest.reason))
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listening
            await _wait(self._try_gateway_now, waits.next())

    async def _listen(self, newest: "_Newest") -> None:
        try:
            async with _closing(self._sources.live.live()) as views:
                async for view in views:
                    newest.put(view)
            newest.end("the gateway has ended")
        except (ControlError, OSError) as error:
            newest.end(str(error))

    async def store(self) -> None:
        """Open the database as soon as there is one."""
        waits = _Patience()
        while self.reader is None:
            try:
                self.reader = await self._sources.open_reader()
            except (StoreError, OSError) as error:
                if self._sources.state_dir.database.exists():
                    self._post(StoreUnreadable(str(error)))
                await asyncio.sleep(waits.next())
        self._post(StoreOpened())

    async def close(self) -> None:
        """Close the database."""
        if self.reader is not None:
            await self.reader.close()
            self.reader = None


async def _wait(signal: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until the signal, which is used up by that."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(signal.wait(), seconds)
    signal.clear()


class _Patience:
    """Longer and longer waits, in seconds."""

    def __init__(self) -> None:
        self._seconds = FIRST_WAIT_SECONDS

    def next(self) -> float:
        seconds = self._seconds
        self._seconds = min(LONGEST_WAIT_SECONDS, seconds * 2)
        return seconds

    def reset(self) -> None:
        self._seconds = FIRST_WAIT_SECONDS


class _Newest:
    """A place for one view: a newer one replaces it."""

    def __init__(self) -> None:
        self._view: LiveView | None = None
        self._over = False
        self._changed = asyncio.Event()
        self.reason = ""

    def put(self, view: LiveView) -> None:
        self._view = view
        self._changed.set()

    def end(self, reason: str) -> None:
        self.reason = reason
        self._over = True
        self._changed.set()

    async def take(self) -> LiveView | None:
        """The newest view, once; None when there will be no more."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._view is not None:
                view, self._view = self._view, None
                if self._over:
                    self._changed.set()
                return view
            if self._over:
                return None


@contextlib.asynccontextmanager
async def _closing(items: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Iterate, and close the iterator's connection at once when the iteration is left."""
    try:
        yield items
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()
