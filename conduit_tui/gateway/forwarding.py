"""The database of a gateway that has let go of it: what the ledger writes goes to the gateway that has it now."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from conduit_tui.control.next_gateway import NextGateway, Written
from conduit_tui.control.plane import ControlError
from conduit_tui.gateway.pieces import write_pieces
from conduit_tui.ledger import forwarded
from conduit_tui.ledger.forwarded import Piece
from conduit_tui.observe.logs import Logger
from conduit_tui.paths import StateDir
from conduit_tui.store.interface import StoreError
from conduit_tui.store.locks import WriterLock
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.store.writer import Bulk

BATCH_PIECES = 200
BATCH_BYTES = 1024 * 1024
LARGEST_PIECE = 3 * 1024 * 1024  # with its texts; a frame takes four
RETRY_SECONDS = 0.05
PATIENCE_SECONDS = 2.0  # for the next gateway to answer, until this one looks whether it may write by itself

T = TypeVar("T")

log = Logger("gateway")


class _Waiting(NamedTuple):
    piece: Piece
    size: int
    answer: "asyncio.Future[Any]"
    committed: Callable[[Sequence[Any]], None] | None


class ForwardingStore:
    """Implements the ledger's `Database`. Pieces are sent in their order, again and again until they are written.

    The next gateway may be restarted or killed meanwhile. When none answers for a while and nobody holds the writer's
    lock, this gateway takes it for the length of a change, as the command line does.
    """

    def __init__(self, state_dir: StateDir) -> None:
        self._state_dir = state_dir
        self._next = NextGateway(state_dir)
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._pump = asyncio.create_task(self._run(), name="forwarding")

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Raises StoreError for what only a process with the database can do."""
        result: T = await self._add(forwarded.piece_of_transaction(transaction), None)
        return result

    def submit(self, bulk: Bulk, item: Any) -> "asyncio.Future[Any]":
        """Raises StoreError when it is closed."""
        return self._add(forwarded.piece_of(bulk.write, item), bulk.committed)

    def usage_committed(self, ids: Sequence[int]) -> None:
        """Those who watch are told by the gateway that has written them."""

    async def close(self, seconds: float) -> int:
        """Wait until all is written, for so many seconds at most; how many pieces are lost."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            pass
        self._closed = True
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        lost, self._waiting = self._waiting, []
        for one in lost:
            if not one.answer.done():
                one.answer.set_exception(StoreError("this gateway ended before the next one could write this"))
        return len(lost)

    def _add(self, piece: Piece, committed: Callable[[Sequence[Any]], None] | None) -> "asyncio.Future[Any]":
        if self._closed:
            raise StoreError("this gateway has ended")
        size = len(piece.model_dump_json())
        if size > LARGEST_PIECE:
            log.warning("captured texts are too large to hand over", bytes=size)
            piece, size = forwarded.without_texts(piece), 0
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(piece, size, answer, committed))
        self._idle.clear()
        self._wake.set()
        return answer

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            while self._waiting:
                batch = self._next_batch()
                written = await self._deliver([one.piece for one in batch])
                del self._waiting[: len(batch)]
                for one, what in zip(batch, written, strict=True):
                    _answer(one, what)
            self._wake.clear()
            self._idle.set()

    def _next_batch(self) -> list[_Waiting]:
        batch, size = [self._waiting[0]], self._waiting[0].size
        for one in self._waiting[1:BATCH_PIECES]:
            size += one.size
            if size > BATCH_BYTES:
                break
            batch.append(one)
        return batch

    async def _deliver(self, pieces: list[Piece]) -> list[Written]:
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + PATIENCE_SECONDS
        told = False
        while True:
            try:
                return await self._next.write(pieces)
            except ControlError as error:
                if not told:
                    log.info("the next gateway does not take what is settled here yet", reason=str(error))
                    told = True
            if loop.time() >= patient_until:
                patient_until = loop.time() + PATIENCE_SECONDS
                written = await self._write_here(pieces)
                if written is not None:
                    return written
            await asyncio.sleep(RETRY_SECONDS)

    async def _write_here(self, pieces: list[Piece]) -> list[Written] | None:
        """Write without another gateway; None where one has the lock, or the database cannot be used by this one."""
        lock = WriterLock(self._state_dir.writer_lock)
        try:
            if not lock.try_acquire():
                return None
            store = await SqliteStore.open(self._state_dir.database)
            try:
                return await write_pieces(store, pieces)
            finally:
                await store.close()
        except StoreError as error:
            log.warning("nothing can be settled without a gateway", reason=str(error))
            return None
        finally:
            lock.release()


def _answer(one: _Waiting, what: Written) -> None:
    result = None if what.problem else forwarded.result_of(one.piece, what.value)
    if one.committed is not None and not what.problem:
        one.committed([result])
    if one.answer.done():
        return
    if what.known:
        one.answer.set_exception(KeyError(what.problem))
    elif what.problem:
        one.answer.set_exception(StoreError(what.problem))
    else:
        one.answer.set_result(result)
