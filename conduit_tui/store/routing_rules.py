"""The rules of projects, in the order in which they fire."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

RuleBody = dict[str, Any]


def of_projects(connection: sqlite3.Connection) -> dict[str, list[RuleBody]]:
    """The rules of every project that has some."""
    found: dict[str, list[RuleBody]] = {}
    for project, body in connection.execute(
        "SELECT project, body FROM routing_rules ORDER BY project, priority DESC, name"
    ):
        found.setdefault(project, []).append(json.loads(body))
    return found


def of_project(connection: sqlite3.Connection, project: str) -> list[RuleBody]:
    """The rules of one project."""
    cursor = connection.execute(
        "SELECT body FROM routing_rules WHERE project = ? ORDER BY priority DESC, name", (project,)
    )
    return [json.loads(body) for (body,) in cursor]


def replace(connection: sqlite3.Connection, project: str, rules: Iterable[Mapping[str, Any]]) -> None:
    """Put these rules in the place of the project's own. Raises sqlite3.IntegrityError for equal ids or names."""
    connection.execute("DELETE FROM routing_rules WHERE project = ?", (project,))
    connection.executemany(
        "INSERT INTO routing_rules (project, id, name, priority, enabled, body) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                project, rule.get("id") or rule["name"], rule["name"], rule.get("priority", 0),
                bool(rule.get("enabled", True)), json.dumps(rule),
            )
            for rule in rules
        ],
    )  # fmt: skip
