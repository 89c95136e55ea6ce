"""Our own format: everything that is worth carrying to another machine, but no keys."""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.transfer import unknown
from conduit_tui.transfer.columns import as_value
from conduit_tui.transfer.json_file import JsonFile, in_batches, iso
from conduit_tui.transfer.sections import SECTIONS, Section
from conduit_tui.transfer.stored import StoredProject, StoredProvider, stored_projects, stored_providers

VERSION = "2"
FORMAT = "conduit-tui"
KEYS = "not included: a provider names the variable or file that holds its key, and the key stays on its machine"
OTHER_FORMATS = "kept_of_other_formats"
HEAD = ("format", "version", "timestamp", "project", "keys", "left_out", "contents")


class Scope(NamedTuple):
    """What of a database is exported: one project or, if empty, everything; `texts`: captured texts too."""

    project: str = ""
    texts: bool = False


def write(connection: sqlite3.Connection, out: BinaryIO, scope: Scope) -> int:
    """Write everything of a scope as it is in the connection's transaction; how many bytes."""
    parameters = {"project": scope.project}
    sections = [one for one in SECTIONS.values() if _wanted(one, scope)]
    projects = stored_projects(connection, scope.project)
    providers = [] if scope.project else stored_providers(connection)
    counts, newest = {"projects": len(projects), "providers": len(providers)}, [0]
    newest += [one.created_at for one in projects] + [one.created_at for one in providers]
    for section in sections:
        counts[section.name], at = _count(connection, section, parameters)
        newest.append(at)
    file = JsonFile(out)
    file.member("format", FORMAT)
    file.member("version", VERSION)
    file.member("timestamp", iso(max(newest)))
    if scope.project:
        file.member("project", scope.project)
    file.member("keys", KEYS)
    file.member("left_out", [*([] if scope.texts else ["captured texts"]), "audit log", "process events", "runs"])
    file.member("contents", counts)
    if not scope.project:
        for fields in unknown.kept(connection, unknown.FILE).values():
            for name, value in fields.items():
                if name not in HEAD and name not in SECTIONS:
                    file.member(name, value)
    file.rows("projects", _with_unknown(connection, "projects", map(_project, projects), (), project="name"))
    if not scope.project:
        file.rows("providers", _with_unknown(connection, "providers", map(_provider, providers), ("name",)))
    for section in sections:
        rows = map(section.write, in_batches(connection.execute(section.select, parameters)))
        file.rows(section.name, _with_unknown(connection, section.name, rows, section.key))
    foreign = list(_other_formats(connection, scope.project))
    if foreign:
        file.rows(OTHER_FORMATS, foreign)
    file.close()
    return file.written


def _wanted(section: Section, scope: Scope) -> bool:
    return (section.per_project or not scope.project) and (scope.texts or section.name != "captures")


def _count(connection: sqlite3.Connection, section: Section, parameters: dict[str, str]) -> tuple[int, int]:
    newest = f"max({section.created})" if section.created else "0"
    number, at = connection.execute(f"SELECT count(*), {newest} FROM ({section.select})", parameters).fetchone()  # noqa: S608
    return number, at or 0


def _with_unknown(
    connection: sqlite3.Connection,
    kind: str,
    rows: Iterable[dict[str, Any]],
    key: tuple[str, ...],
    *,
    project: str = "project",
) -> Iterator[dict[str, Any]]:
    """The rows with the fields that were kept of them; `project` is the field that says whose they are, if one does."""
    kept = unknown.kept(connection, kind)
    if not kept:
        yield from rows
        return
    for row in rows:
        fields = kept.get(unknown.lookup(row.get(project, ""), (row[name] for name in key)))
        yield unknown.merged(row, fields) if fields else row


def _project(one: StoredProject) -> dict[str, Any]:
    return {
        "name": one.name,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "archived_at": one.archived_at,
        "config": config_body(one.config),
    }


def config_body(config: ProjectConfig) -> dict[str, Any]:
    """A configuration as files have it."""
    body: dict[str, Any] = config.model_dump(mode="json", by_alias=True)
    return body


def provider_body(provider: Provider) -> dict[str, Any]:
    """A provider as files have it."""
    body: dict[str, Any] = provider.model_dump(mode="json", exclude={"builtin"})
    return body


def _provider(one: StoredProvider) -> dict[str, Any]:
    return provider_body(one.provider) | {"created_at": one.created_at, "updated_at": one.updated_at}


def _other_formats(connection: sqlite3.Connection, project: str) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(
        "SELECT kind, project, key, body FROM unknown_fields WHERE kind LIKE '%:%' AND (?1 = '' OR project = ?1) "
        "ORDER BY kind, project, key",
        (project,),
    )
    for kind, of, key, body in cursor:
        yield {
            "kind": kind,
            "project": of,
            "key": as_value(key),
            "fields": as_value(body),
        }
