"""What changes of projects mean: whole configurations, with their history and undo; names; the bypass switch."""

import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import ValidationError

from conduit_tui.control.changes import described
from conduit_tui.control.configuration import check_config, check_rules
from conduit_tui.control.plane import ControlError, ControlPlane, Purgeable
from conduit_tui.control.validation import bad_input, did_you_mean
from conduit_tui.domain.projects import DEFAULT_PROJECT, Project, ProjectConfig
from conduit_tui.domain.revisions import Revision
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.rule_set import firing_order
from conduit_tui.store.interface import StaleRevision, Store

MOST_REVISIONS = 1_000  # in one answer


class ProjectChanges(ControlPlane):
    """The part of `LocalControl` that is about projects."""

    _store: Store
    _on_change: Callable[[], Awaitable[None] | None] | None

    async def projects(self) -> list[Project]:
        return await self._store.projects()

    async def project(self, name: str) -> Project:
        known = {project.name: project for project in await self._store.projects()}
        if name not in known:
            raise _no_project(name, list(known))
        return known[name]

    async def add_project(self, name: str) -> Project:
        project = _named(name, "name")
        try:
            added = await self._store.add_project(project)
        except KeyError:
            raise ControlError("conflict", f"there is a project {name!r} already", "name") from None
        await self._changed("project.add", name)
        return added

    async def rename_project(self, name: str, new_name: str) -> Project:
        _refuse_default(name)
        await self.project(name)
        if _named(new_name, "new_name").name == name:
            return await self.project(name)
        try:
            await self._store.rename_project(name, new_name)
        except KeyError as error:
            if error.args == (name,):
                raise _no_project(name, []) from None
            raise ControlError(
                "conflict", f"the name {new_name!r} has been used, and its history would be mixed up", "new_name"
            ) from None
        await self._changed("project.rename", name, {"new_name": new_name})
        return await self.project(new_name)

    async def archive_project(self, name: str) -> None:
        _refuse_default(name)
        try:
            await self._store.archive_project(name)
        except KeyError:
            raise _no_project(name, [each.name for each in await self._store.projects()]) from None
        await self._changed("project.archive", name)

    async def save_rules(self, project: str, rules: list[Rule], base_revision: int) -> Project:
        current = await self._based_on(project, base_revision)
        check_rules(rules)
        stored = tuple(_stamped(rules, current.config.routing_rules))
        return await self._save(current, current.config.model_copy(update={"routing_rules": stored}), "saved")

    async def save_config(self, project: str, config: ProjectConfig, base_revision: int) -> Project:
        current = await self._based_on(project, base_revision)
        check_config(config)
        rules = current.config.routing_rules
        return await self._save(current, config.model_copy(update={"routing_rules": rules}), "saved")

    async def undo(self, project: str) -> Project:
        current = await self.project(project)
        before = await self._store.revision_before(project)
        if before is None:
            raise ControlError("conflict", f"there is nothing to undo in the project {project!r}", "project")
        config = await self._store.revision_config(project, before)
        return await self._save(current, config, "undone", before)

    async def history(self, project: str, limit: int = 100) -> list[Revision]:
        await self.project(project)
        return await self._store.revisions(project, max(0, min(limit, MOST_REVISIONS)))

    async def restore_revision(self, project: str, revision_id: int) -> Project:
        current = await self.project(project)
        try:
            config = await self._store.revision_config(project, revision_id)
        except KeyError:
            raise ControlError(
                "not-found", f"the project {project!r} has no revision {revision_id}", "revision_id"
            ) from None
        return await self._save(current, config, "restored", revision_id)

    async def bypass(self) -> bool:
        return await self._store.bypass()

    async def set_bypass(self, on: bool) -> None:
        if await self._store.bypass() != on:
            await self._store.set_bypass(on)
            await self._changed(f"bypass.{'on' if on else 'off'}", "bypass")

    async def purge(self, project: str | None, what: Purgeable, before: int | None = None) -> int:
        deleted = await self._store.purge_captures(project or "", before)
        await self._changed(f"purge.{what}", project or "all projects", {"deleted": deleted, "before": before})
        return deleted

    async def _based_on(self, name: str, base_revision: int) -> Project:
        project = await self.project(name)
        if project.revision != base_revision:
            raise _stale(name, project.revision, base_revision)
        return project

    async def _save(self, current: Project, config: ProjectConfig, action: str, restored: int | None = None) -> Project:
        changes = described(current.config, config)
        if not changes and restored is None:
            return current
        try:
            saved = await self._store.save_config(
                current.name,
                config,
                base_revision=current.revision,
                action=action,
                changes=changes,
                restored=restored,
            )
        except KeyError:
            raise _no_project(current.name, []) from None
        except StaleRevision as stale:
            raise _stale(current.name, stale.current, current.revision) from None
        await self._tell()
        return saved

    async def _tell(self) -> None:
        """Let whoever runs on the configuration know that it has changed."""
        if self._on_change is not None and (told := self._on_change()) is not None:
            await told

    async def _changed(self, action: str, subject: str, detail: dict[str, Any] | None = None) -> None:
        await self._tell()
        await self._store.audit(action, subject, json.dumps(detail or {}))


def _stamped(rules: Sequence[Rule], stored: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules as they are stored: new ones get an id and a date, changed ones a new date."""
    before = {rule.get("id"): rule for rule in stored}
    now = int(time.time() * 1000)
    bodies = []
    for rule in firing_order(rules):
        known = before.get(rule.id) if rule.id else None
        if known is None:
            fresh = {"id": rule.id or uuid.uuid4().hex[:12], "created_at": rule.created_at or now}
            rule = rule.model_copy(update=fresh)
        elif as_stored(rule) != known:
            rule = rule.model_copy(update={"updated_at": now})
        bodies.append(as_stored(rule))
    return bodies


def as_stored(rule: Rule) -> dict[str, Any]:
    """A rule in the shape of files."""
    body: dict[str, Any] = rule.model_dump(mode="json", by_alias=True)
    return body


def _named(name: str, field: str) -> Project:
    try:
        return Project(name=name)
    except ValidationError as error:
        refusal = bad_input(error)
        raise ControlError(refusal.code, refusal.message, field) from None


def _refuse_default(name: str) -> None:
    if name == DEFAULT_PROJECT:
        raise ControlError("conflict", f"{name!r} takes the requests that name no project, and stays", "name")


def _no_project(name: str, known: list[str]) -> ControlError:
    return ControlError("not-found", f"there is no project {name!r}{did_you_mean(name, known)}", "project")


def _stale(name: str, newest: int, base: int) -> ControlError:
    return ControlError(
        "conflict",
        f"the project {name!r} was changed meanwhile (revision {newest}, yours is based on {base}); look at it again",
        "base_revision",
    )
