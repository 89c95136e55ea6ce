"""Projects and their configuration: rules and cost limits in tables of their own, everything else as JSON."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from conduit_tui.domain.projects import CostLimits, Project, ProjectConfig
from conduit_tui.store import audit, budgets, revisions, routing_rules
from conduit_tui.store.clock import now_ms
from conduit_tui.store.interface import StaleRevision

KIND = "project"


def all_of(connection: sqlite3.Connection) -> list[Project]:
    """Every project in use, by name."""
    rules, limits = routing_rules.of_projects(connection), budgets.limits_of_projects(connection)
    newest = revisions.newest_ids(connection, KIND)
    cursor = connection.execute("SELECT name, config FROM projects WHERE archived_at IS NULL ORDER BY name")
    return [
        _project(name, config, rules.get(name, []), limits.get(name, CostLimits()), newest.get(name, 0))
        for name, config in cursor
    ]


def find(connection: sqlite3.Connection, name: str) -> Project:
    """Raises KeyError if there is none in use."""
    row = connection.execute("SELECT config FROM projects WHERE name = ? AND archived_at IS NULL", (name,)).fetchone()
    if row is None:
        raise KeyError(name)
    rules = routing_rules.of_project(connection, name)
    limits = budgets.limits_of_project(connection, name)
    return _project(name, row[0], rules, limits, revisions.newest_id(connection, KIND, name))


def add(connection: sqlite3.Connection, project: Project) -> Project:
    """Add a project; one that was archived comes back as it was. Raises KeyError if the name is taken."""
    back = connection.execute(
        "UPDATE projects SET archived_at = NULL, updated_at = ? WHERE name = ? AND archived_at IS NOT NULL",
        (now_ms(), project.name),
    )
    if not back.rowcount:
        cursor = connection.execute(
            "INSERT INTO projects (name, config, created_at, updated_at) VALUES (?1, '{}', ?2, ?2) "
            "ON CONFLICT DO NOTHING",
            (project.name, now_ms()),
        )
        if not cursor.rowcount:
            raise KeyError(project.name)
        _write(connection, project.name, project.config)
        revisions.add(connection, KIND, project.name, _whole(project.config), "created")
    return find(connection, project.name)


def save(
    connection: sqlite3.Connection,
    name: str,
    config: ProjectConfig,
    *,
    base_revision: int,
    action: str,
    changes: Sequence[str],
    restored: int | None = None,
) -> Project:
    """Replace a project's configuration: one revision, one line of audit.

    Raises KeyError if there is no such project, StaleRevision if `base_revision` is not its newest,
    sqlite3.IntegrityError if two rules have the same name.
    """
    current = find(connection, name)
    if current.revision != base_revision:
        raise StaleRevision(current.revision)
    _write(connection, name, config)
    revision = revisions.add(connection, KIND, name, _whole(config), action, changes, restored)
    detail: dict[str, Any] = {"revision": revision, "changes": list(changes)}
    audit.add(connection, f"config.{action}", name, json.dumps(detail))
    return find(connection, name)


def config_of(connection: sqlite3.Connection, name: str, revision: int) -> ProjectConfig:
    """The whole configuration that a revision holds. Raises KeyError if the project has no such revision."""
    return ProjectConfig.model_validate_json(revisions.body(connection, KIND, name, revision))


def archive(connection: sqlite3.Connection, name: str) -> None:
    """Put a project away; its rows stay. Raises KeyError if there is none in use."""
    cursor = connection.execute(
        "UPDATE projects SET archived_at = ?1, updated_at = ?1 WHERE name = ?2 AND archived_at IS NULL",
        (now_ms(), name),
    )
    if not cursor.rowcount:
        raise KeyError(name)


def exists(connection: sqlite3.Connection, name: str) -> bool:
    """Whether there is a project of this name, also an archived one."""
    return connection.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchone() is not None


def _write(connection: sqlite3.Connection, name: str, config: ProjectConfig) -> None:
    connection.execute(
        "UPDATE projects SET config = ?, updated_at = ? WHERE name = ?",
        (_whole(config.model_copy(update={"routing_rules": (), "cost_limits": CostLimits()})), now_ms(), name),
    )
    routing_rules.replace(connection, name, config.routing_rules)
    budgets.put_limits(connection, name, config.cost_limits)


def _whole(config: ProjectConfig) -> str:
    return config.model_dump_json(by_alias=True)


def _project(name: str, config: str, rules: Sequence[dict[str, Any]], limits: CostLimits, revision: int) -> Project:
    stored = ProjectConfig.model_validate_json(config)
    whole = stored.model_copy(update={"routing_rules": tuple(rules), "cost_limits": limits})
    return Project(name=name, config=whole, revision=revision)
