"""The format that Conduit writes, version 1.0, for exchange with it."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, BinaryIO

import msgspec

from conduit_tui.domain.money import NANO_PER_DOLLAR, to_nanodollars
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.transfer import unknown
from conduit_tui.transfer.columns import as_value
from conduit_tui.transfer.json_file import JsonFile, in_batches, iso
from conduit_tui.transfer.stored import stored_projects
from conduit_tui.transfer.version_2 import config_body

VERSION = "1.0"
PREFIX = f"{VERSION}:"
KINDS = {name: f"{PREFIX}{name}" for name in ("file", "projects", "agents", "sessions", "usage")}
LEAST = 1e-9  # dollars
HEAD = ("version", "timestamp", "projects", "agents", "sessions", "usage")

_ATTEMPT = re.compile(r"(.+)#([2-9]|[1-9]\d{1,5})", re.DOTALL)
_AGENTS = (
    "SELECT project, agent, agent_type, client, first_at, last_at FROM agents "
    "WHERE (?1 = '' OR project = ?1) ORDER BY project, agent"
)
# A session of several agents is the one's that began it.
_SESSIONS = (
    "SELECT project, session, (SELECT agent FROM session_agents AS part WHERE (part.session, part.project) = "
    "(whole.session, whole.project) ORDER BY first_at, agent LIMIT 1), first_at, last_at FROM sessions AS whole "
    "WHERE (?1 = '' OR project = ?1) AND session <> '' ORDER BY project, session"
)
_USAGE = (
    "SELECT project, exchange_id, attempt, agent, session, routed_model, input_tokens, output_tokens, total_tokens, "
    "cost_nanodollars, cost_currency, routing_source, routing_reason, latency_ms, metadata, created_at FROM usage "
    "WHERE (?1 = '' OR project = ?1) ORDER BY id"
)
_NEWEST = (
    "SELECT max(at) FROM (SELECT max(first_at) AS at FROM agents WHERE (?1 = '' OR project = ?1) "
    "UNION ALL SELECT max(first_at) FROM sessions WHERE (?1 = '' OR project = ?1) "
    "UNION ALL SELECT max(created_at) FROM usage WHERE (?1 = '' OR project = ?1))"
)


def write(connection: sqlite3.Connection, out: BinaryIO, project: str) -> int:
    """Write one project, or all of them, as they are in the connection's transaction; how many bytes."""
    (newest,) = connection.execute(_NEWEST, (project,)).fetchone()
    kept = {name: unknown.kept(connection, kind, project) for name, kind in KINDS.items()}
    ids = {of: fields.get("id", of) for (of, _), fields in kept["projects"].items()}
    file = JsonFile(out)
    file.member("version", VERSION)
    file.member("timestamp", iso(newest or 0))
    for fields in kept["file"].values():
        for name, value in fields.items():
            if name not in HEAD:
                file.member(name, value)
    file.rows("projects", _projects(connection, project, kept["projects"]))

    def rows(name: str, sql: str, key: int, write_row: Any) -> None:
        def each() -> Iterator[dict[str, Any]]:
            for of, *row in in_batches(connection.execute(sql, (project,))):
                fields = kept[name].get(unknown.lookup(of, row[:key])) if kept[name] else None
                written = write_row(ids.get(of, of), *row)
                yield unknown.merged({**written, **_replaced(written, fields)}, fields) if fields else written

        file.rows(name, each())

    rows("agents", _AGENTS, 1, _agent)
    rows("sessions", _SESSIONS, 1, _session)
    rows("usage", _USAGE, 2, _usage)
    file.close()
    return file.written


def _replaced(written: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """What we have nothing of but an empty place, such as a session's title."""
    return {name: fields[name] for name, value in written.items() if value is None and name in fields}


def _projects(
    connection: sqlite3.Connection, project: str, kept: dict[tuple[str, str], dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    for one in stored_projects(connection, project):
        fields = kept.get(unknown.lookup(one.name, ()), {})
        known = {
            "id": fields.get("id", one.name),
            "name": fields.get("name", one.name),
            "conduit_config": config_body(_with_least_limits(one.config)),
        }
        yield unknown.merged(known, fields)


def _agent(project: Any, agent: str, agent_type: str, client: str, first_at: int, last_at: int) -> dict[str, Any]:
    return {
        "id": agent, "project_id": project, "agent_type": agent_type, "client": client, "created_at": iso(first_at),
        "updated_at": iso(last_at),
    }  # fmt: skip


def _session(project: Any, session: str, agent: str | None, first_at: int, last_at: int) -> dict[str, Any]:
    return {
        "id": session, "project_id": project, "agent_id": agent or None, "title": None, "created_at": iso(first_at),
        "updated_at": iso(last_at),
    }  # fmt: skip


def _usage(
    project: Any, exchange: str, attempt: int, agent: str, session: str, model: str, taken: int, given: int,
    total: int, cost: int, currency: str, source: str, reason: str, latency: int, metadata: str, created: int,
) -> dict[str, Any]:  # fmt: skip
    return {
        "id": usage_id(exchange, attempt), "project_id": project, "agent_id": agent or None,
        "session_id": session or None, "model": model, "input_tokens": taken, "output_tokens": given,
        "total_tokens": total, "cost": msgspec.Raw(dollars(cost).encode()), "cost_currency": currency,
        "routing_source": source, "routing_reason": reason, "latency_ms": latency, "metadata": as_value(metadata),
        "created_at": iso(created),
    }  # fmt: skip


def usage_id(exchange: str, attempt: int) -> str:
    """One text for an attempt; the first one's is its exchange's id."""
    return exchange if attempt == 1 else f"{exchange}#{attempt}"


def attempt_of(usage: str) -> tuple[str, int]:
    """The exchange and the attempt that `usage_id` made a text of."""
    found = _ATTEMPT.fullmatch(usage)
    return (found[1], int(found[2])) if found else (usage, 1)


def dollars(nanodollars: int) -> str:
    """An exact decimal number."""
    whole, rest = divmod(nanodollars, NANO_PER_DOLLAR)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".") if rest else str(whole)


def nanodollars(cost: Any) -> int:
    """An amount in dollars, to the nearest nano-dollar. Raises ValueError for what is none."""
    if isinstance(cost, bool) or not isinstance(cost, int | Decimal) or cost < 0:
        raise ValueError("must be an amount in dollars")
    return to_nanodollars(Decimal(cost))


def _with_least_limits(config: ProjectConfig) -> ProjectConfig:
    """A limit of 0 blocks everything here, and is none in this format: the least that there is stands in its place."""
    zero = {name: LEAST for name in ("daily", "monthly") if getattr(config.cost_limits, name) == 0}
    limits = config.cost_limits.model_copy(update=zero)
    return config.model_copy(update={"cost_limits": limits}) if zero else config


def without_zero_limits(config: ProjectConfig) -> tuple[ProjectConfig, list[str]]:
    """A limit of 0 means no limit in this format; here it would block everything. Which limits that were."""
    zero = [name for name in ("daily", "monthly") if getattr(config.cost_limits, name) == 0]
    limits = config.cost_limits.model_copy(update=dict.fromkeys(zero))
    return (config.model_copy(update={"cost_limits": limits}) if zero else config), zero


def our_name(name: str, taken: Iterable[str]) -> str:
    """A project's name as we have names, not one of those that are taken."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:60] or "project"
    names, number, free = set(taken), 2, slug
    while free in names:
        free, number = f"{slug[:56]}-{number}", number + 1
    return free
