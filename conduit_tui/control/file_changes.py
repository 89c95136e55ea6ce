"""What files mean for a running gateway: imports, safety copies, and bringing them back."""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from conduit_tui.config.errors import ConfigError
from conduit_tui.config.model import Backup as BackupConfig
from conduit_tui.config.precedence import resolve
from conduit_tui.control.changes import described
from conduit_tui.control.configuration import check_config, check_rules
from conduit_tui.control.plane import ControlError, ControlPlane
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.transfers import Backup, ImportPlan, Line, RestorePlan
from conduit_tui.observe.tracing import span
from conduit_tui.paths import StateDir
from conduit_tui.routing.expression import ExpressionError, parse
from conduit_tui.store.copies import open_read_only
from conduit_tui.store.interface import Store
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.transfer import backups, importing, restoring
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.importing import Given, Words

MOST_LINES = 1_000  # of a difference, so that an answer fits into its frame


class FileChanges(ControlPlane):
    """The part of `LocalControl` that is about files."""

    _store: Store
    _state_dir: StateDir
    _on_change: Callable[[], Awaitable[None] | None] | None

    async def plan_import(self, path: str, project: str = "", approved: Sequence[str] = ()) -> ImportPlan:
        given = self._given(path, project)

        def look() -> ImportPlan:
            with closing(open_read_only(self._state_dir.database)) as connection:
                return importing.plan(connection, given, _WORDS, approved)

        with _Refusals(path):
            return _bounded(await asyncio.to_thread(look))

    async def import_file(self, path: str, digest: str, project: str = "", approved: Sequence[str] = ()) -> ImportPlan:
        given = self._given(path, project)
        with _Refusals(path):
            await self._copy_before("import")
            try:
                with span("migration.import") as note:
                    done = await importing.apply(self._database(), given, _WORDS, digest=digest, approved=approved)
                    note(requests=done.requests)
            finally:
                await self._tell()
        return _bounded(done)

    async def create_backup(self, export: bool = False) -> Backup:
        with _Refusals("backup"):
            return await self._copy("", export=export)

    async def plan_restore(self, name: str) -> RestorePlan:
        folder, database = self._state_dir.backups, self._state_dir.database

        def look() -> RestorePlan:
            with closing(open_read_only(database)) as connection:
                return restoring.plan(connection, _database_copy(folder, name), folder, described)

        with _Refusals(name):
            found = await asyncio.to_thread(look)
        return found._replace(lines=_some(found.lines))

    async def restore_backup(self, name: str) -> Backup:
        folder = self._state_dir.backups
        with _Refusals(name):
            path = await asyncio.to_thread(_database_copy, folder, name)
            before = await self._copy_before("restore", spare=path)
            try:
                await restoring.restore(self._database(), path, folder)
            finally:
                await self._tell()
        return before

    async def _copy_before(self, what: str, spare: Path | None = None) -> Backup:
        """The copy that nobody asked for; it does not push out the one that is about to be read."""
        keep = await asyncio.to_thread(_copies_to_keep, self._state_dir)
        return await self._copy(backups.automatic(what), keep=keep, spare=spare)

    async def _copy(self, why: str, **more: Any) -> Backup:
        make = partial(backups.create, self._state_dir.database, self._state_dir.backups, why, **more)
        return await asyncio.to_thread(make)

    def _given(self, path: str, project: str) -> Given:
        if not os.path.isabs(path):
            raise ControlError("bad-input", f"{path!r} is not an absolute path", "path")
        return Given(Path(path), self._state_dir.backups, project)

    def _database(self) -> SqliteStore:
        if not isinstance(self._store, SqliteStore):
            raise ControlError("unavailable", "this store is no file; back it up with its own tools")
        return self._store

    async def _tell(self) -> None: ...


def _copies_to_keep(state_dir: StateDir) -> int:
    try:
        return resolve(state_dir).config.backup.keep
    except ConfigError:
        return BackupConfig().keep  # a mistake elsewhere in the file shall not stop a safety copy


def _database_copy(folder: Path, name: str) -> Path:
    path = backups.find(folder, name)
    if path.suffix != ".db":
        raise TransferError(f"{path.name} is an export; `conduit-tui import {path}` takes it in")
    return path


def _bounded(plan: ImportPlan) -> ImportPlan:
    return plan._replace(
        lines=_some(plan.lines), warnings=plan.warnings[:MOST_LINES], questions=plan.questions[:MOST_LINES]
    )


def _some(lines: list[Line]) -> list[Line]:
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], Line("=", f"and {len(lines) - MOST_LINES + 1:,} more")]


class _Refusals:
    """What is wrong with a file, as refusals of the control plane."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TransferError):
            raise ControlError("bad-input", error.message, error.place) from None
        if isinstance(error, sqlite3.Error):
            raise ControlError("unavailable", f"the database cannot be read: {error}") from None
        if isinstance(error, OSError):
            name = error.filename if isinstance(error.filename, str) else self._what
            raise ControlError("bad-input", f"{name}: {error.strerror or error}", "path") from None


def _check(config: ProjectConfig) -> tuple[str, str] | None:
    try:
        check_rules([Rule.model_validate(rule) for rule in config.routing_rules])
        check_config(config)
    except ControlError as error:
        return error.field, error.message
    except ValueError as error:
        return "routingRules", str(error).splitlines()[0]
    return None


def _parse_when(text: str) -> dict[str, Any]:
    try:
        tree: dict[str, Any] = parse(text).model_dump(mode="json", by_alias=True)
    except ExpressionError as error:
        raise ValueError(f"{error.message} (character {error.position + 1})") from None
    return tree


_WORDS = Words(described, _check, _parse_when)
