"""The one writer: what waits is committed as one group, in one hop into the connection's thread."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from conduit_tui.store.connection import ThreadConnection
from conduit_tui.store.errors import UnwritableError, store_error
from conduit_tui.store.interface import StoreError
from conduit_tui.store.log_flush import LogFlush

GROUP_LIMIT = 1024  # members of one commit: bounds how long the database is locked and how late a caller is
GATHER_SECONDS = 0.01  # between commits for the sake of rows that nobody waits for
CLOSE_SECONDS = 2.0

T = TypeVar("T")


class Bulk(NamedTuple):
    """A kind of work whose items are cheaper together.

    `write` writes many items and returns a result for each. If it raises, its items are tried one by one, so that only
    the bad one fails. `committed` hears the results after the commit and before any caller does. Items with
    `patience` ask for a commit of their own only so many seconds after the last one, for a group of one costs ten times
    as much per item: at once where little comes, together where much does.
    """

    write: Callable[[sqlite3.Connection, Sequence[Any]], Sequence[Any]]
    committed: Callable[[Sequence[Any]], None]
    patience: float = 0.0


class Member(NamedTuple):
    """What one caller waits for: an item of a bulk, or a transaction of its own if `bulk` is None."""

    bulk: Bulk | None
    work: Any
    answer: "asyncio.Future[Any]"


class Outcome(NamedTuple):
    """What came of a member: its result, or why there is none."""

    result: Any
    error: Exception | None = None


class _TransactionLostError(Exception):
    """SQLite has rolled the whole transaction back, as it may when the disk is full."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Writer:
    """Owns the writing connection from `start` to `close`.

    `problem` says why the newest group could not be written; empty when it could.
    """

    def __init__(self, connection: ThreadConnection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._log = LogFlush(path)
        self.problem = ""
        self._waiting: list[Member] = []
        self._wake = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._gathered_at = inf  # when it goes off
        self._committed_at = -inf  # by the loop's clock
        self._closing = False
        self._deadline = 0.0  # of closing
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._task = asyncio.create_task(self._run(), name="store writer")

    async def add(self, bulk: Bulk, item: Any) -> Any:
        """Write an item together with others of its kind; its result, once committed."""
        return await self.submit(bulk, item)

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run a whole transaction; its result, once committed. What it raises comes out here and undoes it alone."""
        result: T = await self.submit(None, transaction)
        return result

    async def alone(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function between two commits, outside any transaction."""
        if self._closing:
            raise StoreError(f"database {self._path} is closed")
        try:
            return await self._connection.call(function)
        except sqlite3.Error as error:
            raise store_error(self._path, error) from error

    def submit(self, bulk: Bulk | None, work: Any) -> "asyncio.Future[Any]":
        """Have an item, or a transaction if `bulk` is None, written; the future has its result once it is committed."""
        if self._closing:
            raise StoreError(f"database {self._path} is closed")
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        waiting = self._waiting
        waiting.append(Member(bulk, work, answer))
        due = self._committed_at + bulk.patience if bulk is not None and bulk.patience else 0.0
        if due <= loop.time() or len(waiting) >= GROUP_LIMIT:
            self._wake.set()
        elif due < self._gathered_at:
            self._stop_gathering()
            self._gathering, self._gathered_at = loop.call_at(due, self._wake.set), due
        return answer  # a cancelled caller cancels this future, never the work

    async def close(self) -> None:
        """Commit what waits, for at most two seconds, and close the connection. May be called again."""
        self._begin_to_close()
        self._wake.set()
        if not self._task:
            return
        await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        if not self._task.done():
            self._connection.interrupt()
        await asyncio.shield(self._task)

    def _stop_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering, self._gathered_at = None, inf

    async def _run(self) -> None:
        try:
            while not self._closing:
                await self._wake.wait()
                self._wake.clear()
                if self._waiting and not self._closing:
                    await self._commit_next()
        except asyncio.CancelledError:
            pass  # the loop ends and nobody called close()
        finally:  # also on a fault of ours: whoever writes then is told so, instead of waiting for ever
            self._begin_to_close()
            await self._finish()

    def _begin_to_close(self) -> None:
        if not self._closing:
            self._closing = True
            self._deadline = asyncio.get_running_loop().time() + CLOSE_SECONDS

    async def _finish(self) -> None:
        try:
            while self._waiting and (left := self._deadline - asyncio.get_running_loop().time()) > 0:
                await self._commit_next(wait_ms=int(left * 1000))
            _answer(self._waiting, _failed(self._waiting, f"database {self._path} was closed before this was written"))
            self._waiting.clear()
            with suppress(sqlite3.Error):  # the log stays and is read at the next start
                await self._connection.call(
                    lambda connection: connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
                )
        finally:
            await self._log.close()
            await self._connection.close()

    async def _commit_next(self, wait_ms: int | None = None) -> None:
        group, self._waiting = self._waiting[:GROUP_LIMIT], self._waiting[GROUP_LIMIT:]
        self._stop_gathering()
        if self._waiting:
            self._wake.set()
        outcomes: list[Outcome] = []
        reason = "the writer was stopped"
        try:
            await self._connection.call(
                lambda connection: outcomes.extend(commit(connection, group, self._path, wait_ms))
            )
        except asyncio.CancelledError:
            await self._connection.call(lambda _: None)  # behind the group, which is written all the same
            raise
        except Exception as error:
            reason = str(error)
        finally:
            self._committed_at = asyncio.get_running_loop().time()
            self.problem = next((str(one.error) for one in outcomes if isinstance(one.error, UnwritableError)), "")
            _answer(group, outcomes or _failed(group, f"database {self._path}: {reason}"))
        self._log.committed()


def _answer(group: Sequence[Member], outcomes: Sequence[Outcome]) -> None:
    try:
        for bulk in {member.bulk for member in group if member.bulk}:
            bulk.committed(
                [
                    outcome.result
                    for member, outcome in zip(group, outcomes, strict=True)
                    if member.bulk is bulk and not outcome.error
                ]
            )
    finally:
        for member, outcome in zip(group, outcomes, strict=True):
            if member.answer.done():
                continue
            if outcome.error:
                member.answer.set_exception(outcome.error)
            else:
                member.answer.set_result(outcome.result)


def _failed(group: Sequence[Member], reason: str) -> list[Outcome]:
    return [Outcome(None, StoreError(reason)) for _ in group]


def commit(
    connection: sqlite3.Connection, group: Sequence[Member], path: Path, wait_ms: int | None = None
) -> list[Outcome]:
    """Write a group in one transaction, a savepoint per member; what came of each, in the group's order.

    `wait_ms` replaces the time to wait for another process's lock, from now on.
    """
    try:
        if wait_ms is not None:
            connection.execute(f"PRAGMA busy_timeout = {wait_ms}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = _write(connection, group)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        return [Outcome(None, store_error(path, error)) for _ in group]
    except _TransactionLostError as lost:
        return [Outcome(None, _for_people(lost.cause, path)) for _ in group]
    return [Outcome(None, _for_people(outcome.error, path)) if outcome.error else outcome for outcome in outcomes]


def _write(connection: sqlite3.Connection, group: Sequence[Member]) -> list[Outcome]:
    bulks: dict[Bulk, list[int]] = {}
    outcomes = [Outcome(None)] * len(group)
    for index, member in enumerate(group):
        if member.bulk:
            bulks.setdefault(member.bulk, []).append(index)
        else:
            outcomes[index] = _attempt(connection, partial(member.work, connection))
    for bulk, indexes in bulks.items():
        for index, outcome in zip(
            indexes, _write_bulk(connection, bulk, [group[i].work for i in indexes]), strict=True
        ):
            outcomes[index] = outcome
    return outcomes


def _write_bulk(connection: sqlite3.Connection, bulk: Bulk, items: Sequence[Any]) -> list[Outcome]:
    together = _attempt(connection, lambda: bulk.write(connection, items))
    if not together.error:
        return [Outcome(result) for result in together.result]
    if len(items) == 1:
        return [together]
    return [outcome for item in items for outcome in _write_bulk(connection, bulk, [item])]


def _attempt(connection: sqlite3.Connection, work: Callable[[], Any]) -> Outcome:
    connection.execute("SAVEPOINT member")
    try:
        result = work()
    except Exception as error:
        if not connection.in_transaction:
            raise _TransactionLostError(error) from error
        connection.execute("ROLLBACK TO member")
        connection.execute("RELEASE member")
        return Outcome(None, error)
    connection.execute("RELEASE member")
    return Outcome(result)


def _for_people(error: Exception, path: Path) -> Exception:
    return store_error(path, error) if isinstance(error, sqlite3.Error) else error
