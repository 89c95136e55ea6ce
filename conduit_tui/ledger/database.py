"""What the ledger needs of the database."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from conduit_tui.store.writer import Bulk

T = TypeVar("T")


class Database(Protocol):
    """The writing side of the store, or what stands in for it in a gateway that has let go of it."""

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function of the connection as one transaction; its result, once committed. Raises StoreError."""
        ...

    def submit(self, bulk: Bulk, item: Any) -> "asyncio.Future[Any]":
        """Have an item written together with others of its kind; the future has its result once it is committed."""
        ...

    def usage_committed(self, ids: Sequence[int]) -> None:
        """Say which usage rows a bulk of one's own has committed."""
        ...
