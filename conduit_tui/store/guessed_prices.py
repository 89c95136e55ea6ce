"""Models that were charged at a rate that nobody publishes, found by an index that holds such rows alone."""

import sqlite3

from conduit_tui.domain.usage import UsageFlag
from conduit_tui.store.interface import GuessedPrice

_GUESSED = """
    SELECT routed_model, instr(flags, ?1) > 0, count(*), max(created_at) FROM usage
    WHERE flags LIKE '%priced%' AND created_at >= ?2 AND created_at < ?3 AND (?4 = '' OR project = ?4)
    GROUP BY 1, 2 ORDER BY 3 DESC, 1
"""


def totals(connection: sqlite3.Connection, *, since: int, until: int, project: str) -> list[GuessedPrice]:
    """By model, the busiest first."""
    rows = connection.execute(_GUESSED, (str(UsageFlag.UNPRICED), since, until, project))
    return [GuessedPrice(model, bool(unknown), requests, last_at) for model, unknown, requests, last_at in rows]
