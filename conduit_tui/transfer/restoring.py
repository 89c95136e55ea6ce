"""Bringing a safety copy back: the whole database as it was, but for what the budgets of today have spent."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from conduit_tui.domain.limits import Scope
from conduit_tui.domain.transfers import Line, RestorePlan
from conduit_tui.store import audit
from conduit_tui.store.clock import now_ms
from conduit_tui.store.copies import check_sound
from conduit_tui.transfer import open_ledger
from conduit_tui.transfer.database_file import opened
from conduit_tui.transfer.decisions import Configured, Described, configured, decide

T = TypeVar("T")


class Exclusive(Protocol):
    """A store that lets one function have the writing connection for itself, outside any transaction."""

    async def alone(self, function: Callable[[sqlite3.Connection], T]) -> T: ...


def plan(connection: sqlite3.Connection, path: Path, scratch: Path, described: Described) -> RestorePlan:
    """Check a copy and say what would be different. Writes nothing. Raises TransferError, OSError."""
    with opened(path, scratch) as copy:
        now, then = configured(connection), configured(copy)
        lines = [*_gone(now, then), *_changed(now, then, described), *_usage(connection, copy)]
    return RestorePlan(lines)


async def restore(store: Exclusive, path: Path, scratch: Path) -> None:
    """Copy the pages of a checked copy into the open database, in one transaction of SQLite's.

    Readers see the old state or the new one. Entries of windows that are still open are carried over first, so that
    going back in time gives nobody money to spend again. Raises TransferError, StoreError, OSError.
    """
    import asyncio

    context: AbstractContextManager[sqlite3.Connection] = opened(path, scratch)
    copy = await asyncio.to_thread(context.__enter__)
    try:

        def exchange(connection: sqlite3.Connection) -> None:
            ledger = open_ledger.of_database(connection)
            copy.execute("BEGIN IMMEDIATE")
            try:
                open_ledger.enter(copy, ledger, now_ms(), newer=True)
                audit.add(copy, "restore", path.name, "{}")
            except BaseException:
                copy.execute("ROLLBACK")
                raise
            copy.execute("COMMIT")
            check_sound(copy, path.name)
            copy.backup(connection)

        await store.alone(exchange)
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


def _gone(now: Configured, then: Configured) -> list[Line]:
    lines = [Line("-", f"project {name}") for name in now.projects if name not in then.projects]
    lines += [Line("-", f"provider {name}") for name in now.providers if name not in then.providers]
    lines += [
        Line("-", f"budget {scope}")
        for scope, budget in now.budgets.items()
        if scope not in then.budgets and budget.limits and scope != Scope(scope.project)
    ]
    return lines + [Line("-", f"price of {model}") for _, model in now.prices.keys() - then.prices.keys()]


def _changed(now: Configured, then: Configured, described: Described) -> list[Line]:
    every = decide(now, then, described, ())
    decided = decide(now, then, described, [question.id for question in every.questions])
    loosened = [Line("!", question.text) for question in decided.questions]
    moved = [Line("!", line.text) for line in decided.lines if line.sign == "!" and "without a key" not in line.text]
    return [*(line for line in decided.lines if line.sign != "!"), *loosened, *moved]


def _usage(connection: sqlite3.Connection, copy: sqlite3.Connection) -> list[Line]:
    here, there = _requests(connection), _requests(copy)
    if here > there:
        return [Line("-", f"{here - there:,} requests that were recorded since; what they spent stays counted")]
    if there > here:
        return [Line("+", f"{there - here:,} requests")]
    if _newest(copy) != _newest(connection):
        return [Line("~", "other requests, as many as now")]
    return []


def _requests(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("SELECT coalesce(sum(requests), 0) FROM usage_rollup").fetchone()
    return int(number)


def _newest(connection: sqlite3.Connection) -> Any:
    return connection.execute("SELECT exchange_id, attempt FROM usage ORDER BY id DESC LIMIT 1").fetchone()
