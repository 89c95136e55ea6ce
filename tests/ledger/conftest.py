"""A ledger over a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ledgers import HandClock

from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "conduit.db"


@pytest.fixture
async def store(database: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(database)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(store: SqliteStore, clock: HandClock) -> Ledger:
    return Ledger(store, 1, clock=clock)
