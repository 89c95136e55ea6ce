"""What a project or a provider was after each change."""

import json
import sqlite3
from collections.abc import Sequence

from conduit_tui.domain.revisions import Revision
from conduit_tui.store.clock import now_ms

REMOVED = "null"


def add(
    connection: sqlite3.Connection,
    kind: str,
    subject: str,
    body: str,
    action: str = "",
    changes: Sequence[str] = (),
    restored: int | None = None,
) -> int:
    """Keep a version and return its id; `body` is JSON, `REMOVED` for a subject that is no more."""
    cursor = connection.execute(
        "INSERT INTO revisions (subject_kind, subject, body, created_at, action, changes, restored) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (kind, subject, body, now_ms(), action, json.dumps(changes), restored),
    )
    return cursor.lastrowid or 0


def newest_ids(connection: sqlite3.Connection, kind: str) -> dict[str, int]:
    """The newest revision of each subject."""
    return dict(
        connection.execute("SELECT subject, max(id) FROM revisions WHERE subject_kind = ? GROUP BY subject", (kind,))
    )


def newest_id(connection: sqlite3.Connection, kind: str, subject: str) -> int:
    """The newest revision of a subject; 0 if it has none."""
    (number,) = connection.execute(
        "SELECT coalesce(max(id), 0) FROM revisions WHERE subject_kind = ? AND subject = ?", (kind, subject)
    ).fetchone()
    return int(number)


def newest(connection: sqlite3.Connection, kind: str, subject: str, limit: int) -> list[Revision]:
    """The newest revisions of a subject, newest first."""
    cursor = connection.execute(
        "SELECT id, created_at, action, changes, restored FROM revisions WHERE subject_kind = ? AND subject = ? "
        "ORDER BY id DESC LIMIT ?",
        (kind, subject, limit),
    )
    return [
        Revision(id=id_, at=at, action=action, changes=tuple(json.loads(changes)), restored=restored)
        for id_, at, action, changes, restored in cursor
    ]


def body(connection: sqlite3.Connection, kind: str, subject: str, revision: int) -> str:
    """A version as it was kept. Raises KeyError if the subject has no such revision."""
    row = connection.execute(
        "SELECT body FROM revisions WHERE subject_kind = ? AND subject = ? AND id = ?", (kind, subject, revision)
    ).fetchone()
    if row is None:
        raise KeyError(revision)
    return str(row[0])


def before(connection: sqlite3.Connection, kind: str, subject: str) -> int | None:
    """The revision that an undo goes back to: the one before the newest, or before the one that an undo went to last.

    None when there is nothing before.
    """
    row = connection.execute(
        "SELECT iif(action = 'undone', restored, id) FROM revisions WHERE subject_kind = ? AND subject = ? "
        "ORDER BY id DESC LIMIT 1",
        (kind, subject),
    ).fetchone()
    if row is None:
        return None
    (earlier,) = connection.execute(
        "SELECT max(id) FROM revisions WHERE subject_kind = ? AND subject = ? AND id < ?", (kind, subject, row[0])
    ).fetchone()
    return None if earlier is None else int(earlier)


def rename(connection: sqlite3.Connection, kind: str, subject: str, new_subject: str) -> None:
    """Give a subject's revisions to its new name."""
    connection.execute(
        "UPDATE revisions SET subject = ? WHERE subject_kind = ? AND subject = ?", (new_subject, kind, subject)
    )
