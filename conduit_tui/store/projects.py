"""Projects and their configuration."""

import sqlite3

from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.store import revisions
from conduit_tui.store.clock import now_ms


def all_of(connection: sqlite3.Connection) -> list[Project]:
    """Every project, by name."""
    cursor = connection.execute("SELECT name, config FROM projects ORDER BY name")
    return [Project(name=name, config=ProjectConfig.model_validate_json(config)) for name, config in cursor]


def add(connection: sqlite3.Connection, project: Project) -> None:
    """Raises KeyError if the name is taken."""
    config = project.config.model_dump_json(by_alias=True)
    cursor = connection.execute(
        "INSERT INTO projects (name, config, created_at, updated_at) VALUES (?1, ?2, ?3, ?3) ON CONFLICT DO NOTHING",
        (project.name, config, now_ms()),
    )
    if not cursor.rowcount:
        raise KeyError(project.name)
    revisions.add(connection, "project", project.name, config)
