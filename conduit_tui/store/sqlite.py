"""The writing side of the SQLite store."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.domain.projects import Project
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store import agents, audit, process_events, projects, providers, rollups, sessions, usage
from conduit_tui.store.connection import ThreadConnection
from conduit_tui.store.errors import BUSY_SECONDS, store_error
from conduit_tui.store.files import create_private, refuse_network_file_system
from conduit_tui.store.interface import StoreError
from conduit_tui.store.migrate import check_schema, migrate
from conduit_tui.store.writer import Bulk, Writer

Durability = Literal["process", "power-loss"]

T = TypeVar("T")


class SqliteStore:
    """Implements `Store`. `last_usage_id` is the newest usage row committed; 0 before the first."""

    def __init__(self, connection: ThreadConnection, path: Path, last_usage_id: int) -> None:
        self.last_usage_id = last_usage_id
        self._writer = Writer(connection, path)
        self._writer.start()
        self._usage = Bulk(write_usage, self._usage_committed)

    @classmethod
    async def open(cls, path: Path, *, durability: Durability = "process") -> "SqliteStore":
        """Create or migrate the database at `path` and open it for writing. Raises StoreError.

        `durability` says what a commit survives: the end of the process, or a power cut too (slower on most disks).
        """
        refuse_network_file_system(path)
        try:
            connection = await ThreadConnection.open(partial(_connect, path, durability))
        except (sqlite3.Error, OSError) as error:
            raise store_error(path, error) from error
        try:
            last_usage_id = await connection.call(usage.last_id)
        except BaseException as error:
            await connection.close()
            raise store_error(path, error) if isinstance(error, sqlite3.Error) else error from None
        return cls(connection, path, last_usage_id)

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function of the connection as one transaction; its result, once committed.

        Whatever it raises undoes it and comes out here, errors of SQLite as StoreError. It must neither commit nor
        roll back, and not keep the connection.
        """
        return await self._writer.run(transaction)

    async def record(self, row: UsageRow) -> int:
        """Write a usage row, its rollup bucket and its session's totals. Raises KeyError, StoreError."""
        row_id: int = await self._writer.add(self._usage, row)
        return row_id

    def _usage_committed(self, ids: Sequence[int]) -> None:
        self.last_usage_id = max((self.last_usage_id, *ids))

    async def projects(self) -> list[Project]:
        return await self.run(projects.all_of)

    async def add_project(self, project: Project) -> None:
        await self.run(lambda connection: projects.add(connection, project))

    async def providers(self) -> list[Provider]:
        return await self.run(providers.all_of)

    async def put_provider(self, provider: Provider, *, replace: bool) -> None:
        await self.run(lambda connection: providers.put(connection, provider, replace=replace))

    async def remove_provider(self, name: str) -> None:
        await self.run(lambda connection: providers.remove(connection, name))

    async def add_process_events(self, events: Sequence[ProcessEvent]) -> None:
        await self.run(lambda connection: process_events.add(connection, events))

    async def audit(self, action: str, subject: str, detail: str) -> None:
        await self.run(lambda connection: audit.add(connection, action, subject, detail))

    async def close(self) -> None:
        """Commit what waits, for at most two seconds, and close. May be called again."""
        await self._writer.close()


def write_usage(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> Sequence[int]:
    """Write usage rows and everything that sums them up; their ids."""
    ids = usage.insert(connection, rows)
    rollups.add(connection, rows, ids)
    sessions.add(connection, rows, ids)
    agents.add(connection, rows)
    return ids


def _connect(path: Path, durability: Durability) -> sqlite3.Connection:
    _refuse_foreign(path)
    create_private(path)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        check_schema(connection, path)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise StoreError(f"{path} lies on a disk that takes no write-ahead log; use another --state-dir")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power-loss' else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint = 1000")  # pages: the log is copied back at about 4 MB
        connection.execute("PRAGMA journal_size_limit = 16777216")  # what a long reader let grow is cut to 16 MB
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_foreign(path: Path) -> None:
    """Look at an existing database without touching it. Raises StoreError for one that is newer or not ours."""
    if not path.exists() or not path.stat().st_size:
        return
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    try:
        check_schema(connection, path)
    finally:
        connection.close()
