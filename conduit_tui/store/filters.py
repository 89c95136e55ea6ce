"""A filter as a WHERE clause: constant text, values only as parameters."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from conduit_tui.store import log_filter
from conduit_tui.store.interface import UsageFilter
from conduit_tui.store.rollups import BUCKET_MS

_TEXT_COLUMNS = (
    "requested_model", "routed_model", "project", "session", "agent_type", "provider", "error_type", "routing_reason",
)  # fmt: skip
_SESSION = (
    "session = ? AND id >= (SELECT min(first_usage_id) FROM sessions WHERE session = ?) "
    "AND id <= (SELECT max(last_usage_id) FROM sessions WHERE session = ?)"
)
# The rollups say between which ids the rows of a time lie.
_SINCE = "id >= (SELECT min(first_usage_id) FROM usage_rollup WHERE bucket > ?) AND created_at >= ?"
_UNTIL = "id <= (SELECT max(last_usage_id) FROM usage_rollup WHERE bucket < ?) AND created_at < ?"
_MODEL_COLUMNS = ("requested_model", "routed_model")


class Condition(NamedTuple):
    """A WHERE clause with its leading space, or nothing, and the values of its parameters."""

    sql: str = ""
    values: tuple[str | int | float, ...] = ()


def condition(where: UsageFilter, after_id: int | None = None) -> Condition:
    """The rows that a filter names, and only those with a higher id than `after_id`."""
    parts = list(_parts(where))
    if after_id is not None:
        parts.insert(0, Condition("id > ?", (after_id,)))
    if not parts:
        return Condition()
    return Condition(
        " WHERE " + " AND ".join(part.sql for part in parts), tuple(value for part in parts for value in part.values)
    )


def _parts(where: UsageFilter) -> Iterator[Condition]:
    if where.session:
        yield Condition(_SESSION, (where.session,) * 3)
    if where.project:
        yield Condition("project = ?", (where.project,))
    if where.status:
        yield _status(where.status)
    if where.since:
        yield Condition(_SINCE, (where.since - BUCKET_MS, where.since))
    if where.until:
        yield Condition(_UNTIL, (where.until, where.until))
    if where.model:
        yield _contains(_MODEL_COLUMNS, where.model)
    if where.text:
        yield _contains(_TEXT_COLUMNS, where.text)
    if where.expression is not None:
        yield Condition(*log_filter.clause(where.expression))


def _status(status: str) -> Condition:
    if status == "error":
        return Condition("(status >= 400 OR status = 0)")
    if re.fullmatch(r"[0-9]{1,9}", status):
        return Condition("status = ?", (int(status),))
    if re.fullmatch(r"[0-9][xX]{2}", status):
        return Condition("status BETWEEN ? AND ?", (int(status[0]) * 100, int(status[0]) * 100 + 99))
    return Condition("FALSE")  # no status reads like this


def _contains(columns: tuple[str, ...], text: str) -> Condition:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    alternatives = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns)
    return Condition(f"({alternatives})", (f"%{escaped}%",) * len(columns))
