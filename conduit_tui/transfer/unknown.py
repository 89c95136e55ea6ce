"""Fields of files that this version does not know: kept beside what they belong to, and written out again."""

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from conduit_tui.transfer.columns import as_value, encode

FILE = "file"  # the kind of what belongs to a file as a whole


class Unknown(NamedTuple):
    """Fields of one row; `key` is what names it in its section, beside the project."""

    kind: str
    project: str
    key: tuple[Any, ...]
    fields: dict[str, Any]


def keep(connection: sqlite3.Connection, found: Iterable[Unknown]) -> None:
    """Keep fields in the place of those that were kept of the same rows."""
    connection.executemany(
        "INSERT OR REPLACE INTO unknown_fields (kind, project, key, body) VALUES (?, ?, ?, ?)",
        [(one.kind, one.project, _key(one.key), encode(one.fields).decode()) for one in found],
    )


def kept(connection: sqlite3.Connection, kind: str, project: str = "") -> dict[tuple[str, str], dict[str, Any]]:
    """The fields of a kind, by project and key as `lookup` makes it."""
    cursor = connection.execute(
        "SELECT project, key, body FROM unknown_fields WHERE kind = ?1 AND (?2 = '' OR project = ?2)", (kind, project)
    )
    return {(of, key): as_value(body) for of, key, body in cursor}


def lookup(project: str, key: Iterable[Any]) -> tuple[str, str]:
    """How `kept` names a row."""
    return project, _key(key)


def merged(known: dict[str, Any], unknown: dict[str, Any]) -> dict[str, Any]:
    """A row with its unknown fields, those within known objects too; what is known is never replaced."""
    both = dict(known)
    for name, value in unknown.items():
        if name not in both:
            both[name] = value
        elif isinstance(both[name], dict) and isinstance(value, dict):
            both[name] = merged(both[name], value)
    return both


def _key(key: Iterable[Any]) -> str:
    return encode(list(key)).decode()
