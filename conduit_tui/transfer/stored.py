"""What is configured in a database, archived projects too, as files have it."""

import sqlite3
from typing import NamedTuple

from conduit_tui.domain.projects import CostLimits, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.store import budgets, routing_rules


class StoredProject(NamedTuple):
    """A project with what is known of it. Instants are milliseconds since the epoch, 0 where nobody says.

    `untouched`: it is as it was made, so that nothing of it need be kept.
    """

    name: str
    config: ProjectConfig
    created_at: int
    updated_at: int
    archived_at: int | None = None
    untouched: bool = False


class StoredProvider(NamedTuple):
    """A provider and when it came and was changed."""

    provider: Provider
    created_at: int
    updated_at: int


def stored_projects(connection: sqlite3.Connection, project: str = "") -> list[StoredProject]:
    """The projects, or one of them, by name, with their whole configurations."""
    rules, limits = routing_rules.of_projects(connection), budgets.limits_of_projects(connection)
    histories = dict(
        connection.execute(
            "SELECT subject, group_concat(action) FROM revisions WHERE subject_kind = 'project' GROUP BY subject"
        )
    )
    cursor = connection.execute(
        "SELECT name, config, created_at, updated_at, archived_at FROM projects WHERE (?1 = '' OR name = ?1) "
        "ORDER BY name",
        (project,),
    )
    found = []
    for name, body, created, updated, archived in cursor:
        limited = {
            "routing_rules": tuple(rules.get(name, [])),
            "cost_limits": limits.get(name, CostLimits()),
        }
        config = ProjectConfig.model_validate_json(body).model_copy(update=limited)
        untouched = histories.get(name) == "created" and config == ProjectConfig()
        found.append(StoredProject(name, config, created, updated, archived, untouched))
    return found


def stored_providers(connection: sqlite3.Connection) -> list[StoredProvider]:
    """The providers that were added, by name."""
    cursor = connection.execute("SELECT body, created_at, updated_at FROM providers ORDER BY name")
    return [StoredProvider(Provider.model_validate_json(body), *times) for body, *times in cursor]
