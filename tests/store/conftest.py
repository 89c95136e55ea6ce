"""Stores to test: the contract tests run against every kind that is listed here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "conduit.db"


@pytest.fixture
async def sqlite_store(database: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(database)
    yield store
    await store.close()


@pytest.fixture
async def sqlite_reader(sqlite_store: SqliteStore, database: Path) -> AsyncIterator[SqliteReader]:
    reader = await SqliteReader.open(database)
    yield reader
    await reader.close()
