"""The reading side of the SQLite store: read-only connections that neither wait for the writer nor hold it up."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from conduit_tui.domain.budgets import Budget, FlaggedEntry
from conduit_tui.domain.captures import Capture
from conduit_tui.domain.limits import Scope, Window
from conduit_tui.domain.metered import MeteredRow
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.revisions import Revision
from conduit_tui.domain.runs import RunUsage
from conduit_tui.domain.sessions import AgentPart, SessionDay, SessionFilter, SessionRow, StoppedSession
from conduit_tui.domain.usage import StoredUsage, Usage
from conduit_tui.store import (
    budget_windows,
    budgets,
    captures,
    guessed_prices,
    ledger_entries,
    log_filter,
    metered,
    price_overrides,
    process_events,
    projects,
    providers,
    recorded,
    rerouted,
    revisions,
    rollups,
    rule_hits,
    runs,
    series,
    session_list,
    session_stops,
    settings,
    usage,
)
from conduit_tui.store.connection import ThreadConnection
from conduit_tui.store.errors import BUSY_SECONDS, store_error
from conduit_tui.store.filters import condition
from conduit_tui.store.interface import (
    GuessedPrice,
    RouteTotal,
    RuleHits,
    SessionSummary,
    StoreError,
    UsageFilter,
    UsagePoint,
    UsageTotal,
)
from conduit_tui.store.migrate import SCHEMA, check_schema

T = TypeVar("T")


class SqliteReader:
    """Implements `Reader`. A query whose caller is cancelled stops.

    Two connections: a page of rows is not kept waiting by a search through all of them.
    """

    def __init__(self, path: Path, pages: ThreadConnection, scans: ThreadConnection) -> None:
        self._path = path
        self._pages = pages
        self._scans = scans
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> "SqliteReader":
        """Open an existing database. Raises StoreError, also when there is none yet."""
        pages = await _open(path)
        try:
            return cls(path, pages, await _open(path))
        except BaseException:
            await pages.close()
            raise

    async def usage_count(self, where: UsageFilter) -> int:
        return await self._read(self._scans, lambda connection: usage.count(connection, condition(where)))

    async def usage_ids(self, where: UsageFilter) -> Sequence[int]:
        return await self._read(self._scans, lambda connection: usage.ids(connection, condition(where)))

    async def usage_ids_after(self, after_id: int, where: UsageFilter) -> Sequence[int]:
        return await self._read(self._scans, lambda connection: usage.ids(connection, condition(where, after_id)))

    async def usage_rows(self, ids: Sequence[int]) -> list[StoredUsage]:
        return await self._read(self._pages, lambda connection: usage.rows(connection, ids))

    async def usage_of_exchange(self, exchange_id: str) -> list[StoredUsage]:
        return await self._read(self._pages, lambda connection: usage.of_exchange(connection, exchange_id))

    async def usage_totals(self, *, since: int, until: int, by: str, project: str = "") -> list[UsageTotal]:
        if by == "session":
            totals = partial(session_list.totals, since=since, until=until, project=project)
        else:
            totals = partial(rollups.totals, since=since, until=until, by=by, project=project)
        return await self._read(self._scans, totals)

    async def usage_series(
        self, *, since: int, until: int, bucket_ms: int, by: str, project: str = "", latency: bool = False
    ) -> list[UsagePoint]:
        points = partial(
            series.points, since=since, until=until, bucket_ms=bucket_ms, by=by, project=project, latency=latency
        )
        return await self._read(self._scans, points)

    async def usage_routes(self, *, since: int, until: int, project: str = "") -> list[RouteTotal]:
        return await self._read(self._scans, partial(rerouted.totals, since=since, until=until, project=project))

    async def guessed_prices(self, *, since: int, until: int, project: str = "") -> list[GuessedPrice]:
        return await self._read(self._pages, partial(guessed_prices.totals, since=since, until=until, project=project))

    async def sessions(self, *, since: int, limit: int, project: str = "") -> list[SessionSummary]:
        return await self._read(self._pages, partial(session_list.recent, since=since, limit=limit, project=project))

    async def session_ids(self, where: SessionFilter) -> Sequence[int]:
        return await self._read(self._scans, partial(session_list.ids, where=where))

    async def session_rows(self, ids: Sequence[int]) -> list[SessionRow]:
        return await self._read(self._pages, partial(session_list.rows, wanted=ids))

    async def session_agents(self, project: str, session: str) -> list[AgentPart]:
        return await self._read(self._pages, partial(session_list.agents, project=project, session=session))

    async def session_days(self, project: str, session: str) -> list[SessionDay]:
        return await self._read(self._scans, partial(session_list.days, project=project, session=session))

    async def stopped_sessions(self) -> list[StoppedSession]:
        return await self._read(self._pages, session_stops.all_of)

    async def projects(self) -> list[Project]:
        return await self._read(self._pages, projects.all_of)

    async def rule_hits(self, project: str, since: int) -> dict[str, RuleHits]:
        return await self._read(self._pages, partial(rule_hits.of_project, project=project, since=since))

    async def revisions(self, project: str, limit: int) -> list[Revision]:
        return await self._read(
            self._pages, partial(revisions.newest, kind=projects.KIND, subject=project, limit=limit)
        )

    async def revision_config(self, project: str, revision: int) -> ProjectConfig:
        return await self._read(self._pages, partial(projects.config_of, name=project, revision=revision))

    async def bypass(self) -> bool:
        return await self._read(self._pages, settings.bypass)

    async def captures_of_exchange(self, exchange_id: str) -> list[Capture]:
        return await self._read(self._pages, partial(captures.of_exchange, exchange_id=exchange_id))

    async def recorded_requests(
        self,
        *,
        since: int,
        until: int,
        project: str = "",
        newest: int | None = None,
        messages: bool = True,
        part: tuple[int, int] = (0, 1),
    ) -> AsyncIterator[list[RecordedRequest]]:
        span = partial(recorded.span, since=since, until=until, project=project, newest=newest)
        after, last = await self._read(self._scans, span)
        batch = partial(
            recorded.batch, last=last, since=since, until=until, project=project, messages=messages, part=part
        )
        while found := await self._read(self._scans, partial(batch, after=after)):
            yield found
            after = found[-1].id

    async def metered_rows(self, *, client: str, since: int, session: str = "") -> AsyncIterator[list[MeteredRow]]:
        batch = partial(metered.batch, client=client, since=since, session=session)
        after = 0
        while found := await self._read(self._scans, partial(batch, after=after)):
            yield found
            after = found[-1].id

    async def providers(self) -> list[Provider]:
        return await self._read(self._pages, providers.all_of)

    async def budgets(self) -> list[Budget]:
        return [stored.budget for stored in await self._read(self._pages, budgets.all_of)]

    async def open_windows(self, now: int) -> list[Window]:
        return await self._read(self._pages, partial(budget_windows.all_open, now=now))

    async def spent(self, scope: Scope, since: int, until: int) -> int:
        return await self._read(self._pages, partial(rollups.spent, scope=scope, since=since, until=until))

    async def flagged(self, limit: int) -> list[FlaggedEntry]:
        return await self._read(self._pages, partial(ledger_entries.flagged, limit=limit))

    async def price_overrides(self) -> list[PriceOverride]:
        return await self._read(self._pages, price_overrides.all_of)

    async def last_usage_id(self) -> int:
        return await self._read(self._pages, usage.last_id)

    async def run_usage(self, run_id: str, after_id: int, limit: int) -> list[RunUsage]:
        joined = partial(runs.usage_of, run_id=run_id, after_id=after_id, limit=limit)
        return await self._read(self._scans, joined)

    async def booked(self, run_id: str, session: str, named: str) -> dict[str, Usage]:
        return await self._read(self._scans, partial(runs.booked, run_id=run_id, session=session, named=named))

    async def process_events(self, limit: int) -> list[ProcessEvent]:
        return await self._read(self._pages, lambda connection: process_events.newest(connection, limit))

    async def close(self) -> None:
        """Stop what runs and close. May be called again."""
        self._closed = True
        self._scans.interrupt()
        await asyncio.gather(self._pages.close(), self._scans.close())

    async def _read(self, on: ThreadConnection, function: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise StoreError(f"database {self._path} is closed")
        try:
            return await on.query(function)
        except sqlite3.Error as error:
            raise store_error(self._path, error) from error


async def _open(path: Path) -> ThreadConnection:
    try:
        return await ThreadConnection.open(partial(_connect, path))
    except (sqlite3.Error, OSError) as error:
        raise store_error(path, error) from error


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise StoreError(f"no database yet at {path}; start the gateway to make one")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        return _connect_uri(uri, path)
    except sqlite3.OperationalError:
        # Even to read, SQLite keeps an index of the log beside the database. In a folder that may not be written to and
        # where no log lies, nobody writes either, and it may be told so.
        if os.access(path.parent, os.W_OK) or Path(f"{path}-wal").exists():
            raise
        return _connect_uri(f"{uri}&immutable=1", path)


def _connect_uri(uri: str, path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        log_filter.prepare(connection)
        version = check_schema(connection, path)
        if version == 0:
            raise StoreError(f"no database yet at {path}; start the gateway to make one")
        if version < SCHEMA:
            raise StoreError(
                f"database {path} has an older schema ({version}, this conduit-tui reads {SCHEMA}); restart the gateway"
            )
    except BaseException:
        connection.close()
        raise
    return connection
