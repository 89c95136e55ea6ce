"""The rows of one client's sessions, in batches, for comparing them with the client's own account."""

import sqlite3

from conduit_tui.domain.metered import MeteredRow
from conduit_tui.domain.usage import Usage
from conduit_tui.store.rollups import BUCKET_MS

BATCH = 2_000

_TOLD = "CASE WHEN json_valid(metadata) THEN coalesce(json_extract(metadata, '$.{}'), '') ELSE '' END"
_SELECT = f"""
    SELECT id, project, session, request_class, routed_model, provider,
        {_TOLD.format("message_id")}, {_TOLD.format("request_id")},
        {", ".join(Usage._fields)}, cost_nanodollars, flags, created_at
    FROM usage
    WHERE id > :after
        AND id >= coalesce((SELECT min(first_usage_id) FROM usage_rollup WHERE bucket > :since - :bucket), 0)
        AND created_at >= :since AND client = :client AND session >= :session AND session < :session || :last
        AND session <> '' AND input_tokens + output_tokens > 0
    ORDER BY id LIMIT {BATCH}
"""  # noqa: S608 - columns are constants


def batch(connection: sqlite3.Connection, *, after: int, client: str, since: int, session: str) -> list[MeteredRow]:
    """The next rows after an id; `session` is the beginning of a session's name."""
    cursor = connection.execute(
        _SELECT,
        {
            "after": after,
            "since": since,
            "bucket": BUCKET_MS,
            "client": client,
            "session": session,
            "last": "\U0010ffff",
        },
    )
    return [MeteredRow._make((*row[:8], Usage._make(row[8:-3]), *row[-3:])) for row in cursor]
