"""Writing what a file configures: projects with their history, providers, budgets, prices. In one transaction."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from conduit_tui.domain.projects import CostLimits, ProjectConfig
from conduit_tui.store import budgets, price_overrides, revisions, routing_rules
from conduit_tui.store.projects import KIND
from conduit_tui.transfer import unknown
from conduit_tui.transfer.decisions import Decisions, Described
from conduit_tui.transfer.sections import SECTIONS, Row
from conduit_tui.transfer.source import Source
from conduit_tui.transfer.stored import StoredProject, StoredProvider, stored_projects
from conduit_tui.transfer.unknown import Unknown

ACTION = "imported"


def write(connection: sqlite3.Connection, source: Source, decided: Decisions, described: Described, now: int) -> None:
    """Write what was decided, and the fields of the file that are not known here."""
    history: dict[tuple[str, str], list[Row]] = {}
    for row in source.rows("revisions"):
        history.setdefault((row.values["subject_kind"], row.values["subject"]), []).append(row)
    here = {one.name: one for one in stored_projects(connection)}
    for project in decided.projects:
        _project(connection, project, here.get(project.name), history.get((KIND, project.name), []), described, now)
    for budget in decided.budgets:
        budgets.put(connection, budget)
    for provider in decided.providers:
        _provider(connection, provider, history.get(("provider", provider.provider.name), []), now)
    for price in decided.prices:
        price_overrides.put(connection, price)
    _times(connection, source, decided)
    unknown.keep(connection, source.unknown())
    for name in ("budgets", "prices"):
        keep_unknown(connection, name, source.rows(name))


def keep_unknown(connection: sqlite3.Connection, section: str, rows: Iterable[Row], prefix: str = "") -> None:
    """Keep the fields of a section's rows that are not known here; `prefix` is that of their format."""
    key = SECTIONS[section].key
    unknown.keep(
        connection,
        [
            Unknown(
                f"{prefix}{section}",
                row.values.get("project", ""),
                tuple(row.values[name] for name in key),
                row.unknown,
            )
            for row in rows
            if row.unknown
        ],
    )


def _project(
    connection: sqlite3.Connection, project: StoredProject, before: StoredProject | None, history: Sequence[Row],
    described: Described, now: int,
) -> None:  # fmt: skip
    name = project.name
    created, updated = project.created_at or now, project.updated_at or now
    if before is None or before.untouched:
        connection.execute("DELETE FROM revisions WHERE subject_kind = ? AND subject = ?", (KIND, name))
        connection.execute("DELETE FROM projects WHERE name = ?", (name,))
        connection.execute(
            "INSERT INTO projects (name, config, created_at, updated_at, archived_at) VALUES (?, '{}', ?, ?, ?)",
            (name, created, updated, project.archived_at if before is None else None),
        )
        _write_config(connection, name, project.config, updated)
        _history(connection, history)
        if not history:
            revisions.add(connection, KIND, name, project.config.model_dump_json(by_alias=True), ACTION)
        return
    _write_config(connection, name, project.config, now)
    changes = described(before.config, project.config)
    revisions.add(connection, KIND, name, project.config.model_dump_json(by_alias=True), ACTION, changes)


def _write_config(connection: sqlite3.Connection, name: str, config: ProjectConfig, at: int) -> None:
    bare = config.model_copy(update={"routing_rules": (), "cost_limits": CostLimits()})
    connection.execute(
        "UPDATE projects SET config = ?, updated_at = ? WHERE name = ?", (bare.model_dump_json(by_alias=True), at, name)
    )
    routing_rules.replace(connection, name, config.routing_rules)
    budgets.put_limits(connection, name, config.cost_limits)


def _provider(connection: sqlite3.Connection, one: StoredProvider, history: Sequence[Row], now: int) -> None:
    name, body = one.provider.name, one.provider.model_dump_json()
    found = connection.execute("SELECT created_at FROM providers WHERE name = ?", (name,)).fetchone()
    created, updated = (one.created_at, one.updated_at) if found is None else (found[0], now)
    connection.execute(
        "INSERT OR REPLACE INTO providers (name, body, created_at, updated_at) VALUES (?, ?, ?, ?)",
        (name, body, created, updated),
    )
    if found is None and history:
        _history(connection, history)
    else:
        revisions.add(connection, "provider", name, body, ACTION)


def _history(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """A subject's revisions, by the ids that they had if none of them is taken, else by new ones in their order."""
    ids = [row.values["id"] for row in rows]
    numbers = json.dumps(ids)
    taken = connection.execute(
        "SELECT 1 FROM revisions WHERE id IN (SELECT value FROM json_each(?)) LIMIT 1", (numbers,)
    ).fetchone()
    given: dict[int, int] = {}
    for row in rows:
        values: dict[str, Any] = dict(row.values)
        restored = given.get(values["restored"], None if taken else values["restored"])
        cursor = connection.execute(
            "INSERT INTO revisions (id, subject_kind, subject, action, changes, restored, created_at, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                None if taken else values["id"], values["subject_kind"], values["subject"], values["action"],
                values["changes"], restored, values["created_at"], values["body"],
            ),
        )  # fmt: skip
        given[values["id"]] = cursor.lastrowid or 0
    keep_unknown(
        connection, "revisions", [row._replace(values={**row.values, "id": given[row.values["id"]]}) for row in rows]
    )


def _times(connection: sqlite3.Connection, source: Source, decided: Decisions) -> None:
    """What has just been written for the first time is as old as it was where it comes from."""
    scopes = {budget.scope for budget in decided.budgets}
    for row in source.rows("budgets"):
        values = row.values
        scope = (values["project"], values["model"], values["agent_type"])
        if scope in scopes:
            connection.execute(
                "UPDATE budgets SET updated_at = ? WHERE (project, model, agent_type) = (?, ?, ?)",
                (values["updated_at"], *scope),
            )
    for price in decided.prices:
        connection.execute(
            "UPDATE price_overrides SET updated_at = ? WHERE (provider, model) = (?, ?)",
            (price.updated_at, price.provider, price.model),
        )
