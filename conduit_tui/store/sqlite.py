"""The writing side of the SQLite store."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from conduit_tui.config.choices import Durability
from conduit_tui.config.model import DEFAULTS, Retention
from conduit_tui.domain.budgets import Budget, FlaggedEntry
from conduit_tui.domain.captures import Capture
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.revisions import Revision
from conduit_tui.domain.runs import ActiveRun, Run
from conduit_tui.domain.sessions import StoppedSession
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store import (
    agents,
    audit,
    budgets,
    captures,
    ledger_entries,
    price_overrides,
    process_events,
    projects,
    providers,
    rename,
    rerouted,
    retention,
    revisions,
    rollups,
    rule_hits,
    runs,
    session_stops,
    sessions,
    settings,
    usage,
)
from conduit_tui.store.connection import ThreadConnection
from conduit_tui.store.errors import store_error
from conduit_tui.store.files import refuse_network_file_system
from conduit_tui.store.opening import connect
from conduit_tui.store.write_down import write_down
from conduit_tui.store.writer import GATHER_SECONDS, Bulk, Writer

FOR_EVER = (1 << 63) - 1

T = TypeVar("T")


class Recorded(NamedTuple):
    """What is written of an attempt: its usage row and the texts that are kept of its exchange."""

    row: UsageRow
    captures: Sequence[Capture] = ()


class SqliteStore:
    """Implements `Store`. `last_usage_id` is the newest usage row committed; 0 before the first."""

    def __init__(self, connection: ThreadConnection, path: Path, last_usage_id: int) -> None:
        self.last_usage_id = last_usage_id
        self._writer = Writer(connection, path)
        self._writer.start()
        self._usage = Bulk(write_recorded, self.usage_committed, patience=GATHER_SECONDS)

    @classmethod
    async def open(cls, path: Path, *, durability: Durability = "process-crash") -> "SqliteStore":
        """Create or migrate the database at `path` and open it for writing. Raises StoreError.

        `durability` says what a commit survives: the end of the process, or a power cut too (slower on most disks).
        """
        refuse_network_file_system(path)
        try:
            connection = await ThreadConnection.open(partial(connect, path, durability))
        except (sqlite3.Error, OSError) as error:
            raise store_error(path, error) from error
        try:
            last_usage_id = await connection.call(usage.last_id)
        except BaseException as error:
            await connection.close()
            raise store_error(path, error) if isinstance(error, sqlite3.Error) else error from None
        return cls(connection, path, last_usage_id)

    @property
    def problem(self) -> str:
        """Why nothing can be written now, as the newest attempt found out; empty when it can."""
        return self._writer.problem

    async def run(self, transaction: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function of the connection as one transaction; its result, once committed.

        Whatever it raises undoes it and comes out here, errors of SQLite as StoreError. It must neither commit nor
        roll back, and not keep the connection.
        """
        return await self._writer.run(transaction)

    async def alone(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that replaces what the database holds; nothing else is written meanwhile."""
        result = await self._writer.alone(function)
        self.last_usage_id = await self.run(usage.last_id)
        return result

    async def record(self, row: UsageRow, captures: Sequence[Capture] = ()) -> int:
        """Write a usage row, what sums it up, and captured texts. Raises KeyError, StoreError."""
        row_id: int = await self._writer.add(self._usage, Recorded(row, captures))
        return row_id

    def submit(self, bulk: Bulk, item: Any) -> "asyncio.Future[Any]":
        """Have an item written together with others of its kind; the future has its result once it is committed.

        Cancelling the future loses the answer, never the work. Raises StoreError if the store is closed.
        """
        return self._writer.submit(bulk, item)

    def usage_committed(self, ids: Sequence[int]) -> None:
        """Say which usage rows a bulk of one's own has committed."""
        self.last_usage_id = max((self.last_usage_id, *ids))

    async def projects(self) -> list[Project]:
        return await self.run(projects.all_of)

    async def add_project(self, project: Project) -> Project:
        return await self.run(partial(projects.add, project=project))

    async def save_config(
        self,
        name: str,
        config: ProjectConfig,
        *,
        base_revision: int,
        action: str,
        changes: Sequence[str],
        restored: int | None = None,
    ) -> Project:
        return await self.run(
            partial(
                projects.save, name=name, config=config, base_revision=base_revision, action=action, changes=changes,
                restored=restored,
            )
        )  # fmt: skip

    async def rename_project(self, name: str, new_name: str) -> None:
        await self.run(partial(rename.check, name=name, new_name=new_name))
        done = 0
        while upto := await self.run(partial(rename.usage_batch, name=name, new_name=new_name, after_id=done)):
            done = upto
        await self.run(partial(rename.finish, name=name, new_name=new_name, after_id=done))

    async def archive_project(self, name: str) -> None:
        await self.run(partial(projects.archive, name=name))

    async def revisions(self, project: str, limit: int) -> list[Revision]:
        return await self.run(partial(revisions.newest, kind=projects.KIND, subject=project, limit=limit))

    async def revision_config(self, project: str, revision: int) -> ProjectConfig:
        return await self.run(partial(projects.config_of, name=project, revision=revision))

    async def revision_before(self, project: str) -> int | None:
        return await self.run(partial(revisions.before, kind=projects.KIND, subject=project))

    async def bypass(self) -> bool:
        return await self.run(settings.bypass)

    async def set_bypass(self, on: bool) -> None:
        await self.run(partial(settings.put, name=settings.BYPASS, value=on))

    async def purge_captures(self, project: str = "", before: int | None = None) -> int:
        until = FOR_EVER if before is None else before

        def goes(of: str, at: int) -> bool:
            return (not project or of == project) and at < until

        return await self._sweep_captures(goes, until)

    async def sum_days(self, now: int) -> None:
        while await self.run(partial(rollups.sum_next_day, now=now)):
            pass

    async def expire(self, now: int, keep: Retention = DEFAULTS.retention) -> int:
        known = await self.projects()
        age = retention.CaptureAge(known, now)
        deleted = await self._sweep_captures(age.too_old, age.stays_after)
        until = now - rollups.DAY_MS
        for name in retention.without_rows(known):
            after, last = await self.run(partial(retention.usage_span, project=name, until=until))
            delete = partial(retention.delete_usage, project=name, until=until, last_id=last)
            while after < last:
                after, gone = await self.run(partial(delete, after_id=after))
                deleted += gone
            await self.run(partial(retention.usage_deleted, project=name, until=until))
        return deleted + await self._delete_old(now, keep)

    async def _delete_old(self, now: int, keep: Retention) -> int:
        deleted = 0
        rows = partial(usage.delete_oldest, before=now - keep.usage_days * rollups.DAY_MS, batch=retention.BATCH)
        events = partial(
            process_events.delete_before, instant=now - keep.event_days * rollups.DAY_MS, batch=retention.BATCH
        )
        for old in (rows, events):
            while gone := await self.run(old):
                deleted += gone
        after: ledger_entries.Key | None = ("", 0)
        while after is not None:
            prune = partial(ledger_entries.prune, now=now, after=after, batch=retention.BATCH)
            after, gone = await self.run(prune)
            deleted += gone
        return deleted

    async def _sweep_captures(self, goes: Callable[[str, int], bool], stays_after: int) -> int:
        progress = captures.Sweep()
        while progress.more:
            progress = await self.run(partial(captures.sweep, progress=progress, goes=goes, stays_after=stays_after))
        return progress.deleted

    async def providers(self) -> list[Provider]:
        return await self.run(providers.all_of)

    async def put_provider(self, provider: Provider, *, replace: bool) -> None:
        await self.run(lambda connection: providers.put(connection, provider, replace=replace))

    async def remove_provider(self, name: str) -> None:
        await self.run(lambda connection: providers.remove(connection, name))

    async def budgets(self) -> list[Budget]:
        return [stored.budget for stored in await self.run(budgets.all_of)]

    async def put_budget(self, budget: Budget) -> None:
        await self.run(partial(budgets.put, budget=budget))

    async def flagged(self, limit: int) -> list[FlaggedEntry]:
        return await self.run(partial(ledger_entries.flagged, limit=limit))

    async def write_down(self, exchange_id: str, attempt: int, cost: int, reason: str) -> None:
        await self.run(partial(write_down, key=(exchange_id, attempt), cost=cost, reason=reason))

    async def price_overrides(self) -> list[PriceOverride]:
        return await self.run(price_overrides.all_of)

    async def put_price(self, price: PriceOverride) -> None:
        await self.run(partial(price_overrides.put, price=price))

    async def remove_price(self, model: str, provider: str) -> None:
        await self.run(partial(price_overrides.remove, model=model, provider=provider))

    async def stop_session(self, stop: StoppedSession) -> None:
        await self.run(partial(session_stops.put, stop=stop))

    async def resume_session(self, project: str, session: str) -> None:
        if not await self.run(partial(session_stops.remove, project=project, session=session)):
            raise KeyError(session)

    async def stopped_sessions(self) -> list[StoppedSession]:
        return await self.run(session_stops.all_of)

    async def add_process_events(self, events: Sequence[ProcessEvent]) -> None:
        await self.run(lambda connection: process_events.add(connection, events))

    async def begin_run(self, run: Run, token_digest: bytes) -> None:
        await self.run(partial(runs.begin, run=run, token_digest=token_digest))

    async def end_run(self, run_id: str, at: int, exit_code: int | None) -> bool:
        return await self.run(partial(runs.end, run_id=run_id, at=at, exit_code=exit_code))

    async def active_runs(self) -> list[ActiveRun]:
        return await self.run(runs.active)

    async def run_of(self, run_id: str) -> Run | None:
        return await self.run(partial(runs.find, run_id=run_id))

    async def audit(self, action: str, subject: str, detail: str) -> None:
        await self.run(lambda connection: audit.add(connection, action, subject, detail))

    async def close(self) -> None:
        """Commit what waits, for at most two seconds, and close. May be called again."""
        await self._writer.close()


def write_usage(connection: sqlite3.Connection, rows: Sequence[UsageRow]) -> Sequence[int]:
    """Write usage rows and everything that sums them up; their ids."""
    ids = usage.insert(connection, rows)
    sum_up(connection, rows, ids)
    return ids


def sum_up(connection: sqlite3.Connection, rows: Sequence[UsageRow], ids: Sequence[int]) -> None:
    """Add usage rows, whose ids grow, to everything that sums them up."""
    rollups.add(connection, rows, ids)
    sessions.add(connection, rows, ids)
    agents.add(connection, rows)
    rule_hits.add(connection, rows)
    rerouted.add(connection, rows)


def write_recorded(connection: sqlite3.Connection, recorded: Sequence[Recorded]) -> Sequence[int]:
    """Write usage rows with all that sums them up, and texts of their exchanges; the rows' ids."""
    ids = write_usage(connection, [one.row for one in recorded])
    captures.add(connection, [text for one in recorded for text in one.captures])
    return ids
