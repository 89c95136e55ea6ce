"""Runs: launched agents, with what the gateway needs to know them by."""

import sqlite3

from conduit_tui.domain.runs import ActiveRun, Run, RunUsage
from conduit_tui.domain.usage import Usage

KEPT_MS = 90 * 86_400_000  # how long a run that has ended is remembered

_JOINED = """
SELECT id, routed_model, requested_model, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
       cache_write_1h_tokens, exchange_id, coalesce(json_extract(metadata, '$.message_id'), ''),
       coalesce((SELECT json_extract(header.value, '$[1]') FROM json_each(metadata, '$.response_headers') AS header
                 WHERE lower(json_extract(header.value, '$[0]')) IN ('request-id', 'x-request-id') LIMIT 1), '')
FROM usage WHERE id > ?1 AND json_extract(metadata, '$.run') = ?2 AND json_extract(metadata, '$.reported') IS NULL
ORDER BY id LIMIT ?3
"""

_BOOKED = """
SELECT routed_model, sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens),
       sum(cache_write_1h_tokens)
FROM usage
WHERE (exchange_id > ?1 || '-' AND exchange_id < ?1 || '.')
   OR (id BETWEEN ?4 AND ?5 AND (session = ?2 OR (session = ?3 AND instr(metadata, ?2))))
GROUP BY routed_model
"""


def begin(connection: sqlite3.Connection, run: Run, token_digest: bytes) -> None:
    """Write down a run that begins. Raises KeyError if there is one of this id."""
    connection.execute("DELETE FROM runs WHERE ended_at < ?", (run.started_at - KEPT_MS,))
    try:
        connection.execute(
            "INSERT INTO runs (id, body, token_digest, started_at) VALUES (?, ?, ?, ?)",
            (run.id, run.model_dump_json(), token_digest, run.started_at),
        )
    except sqlite3.IntegrityError:
        raise KeyError(f"run {run.id} has begun already") from None


def end(connection: sqlite3.Connection, run_id: str, at: int, exit_code: int | None) -> bool:
    """Write down that a run has ended, and forget its token; whether it had not ended yet."""
    cursor = connection.execute(
        "UPDATE runs SET ended_at = ?, exit_code = ?, token_digest = x'' WHERE id = ? AND ended_at IS NULL",
        (at, exit_code, run_id),
    )
    return cursor.rowcount > 0


def active(connection: sqlite3.Connection) -> list[ActiveRun]:
    """The runs that nobody has ended, oldest first."""
    cursor = connection.execute("SELECT body, token_digest FROM runs WHERE ended_at IS NULL ORDER BY started_at")
    return [ActiveRun(Run.model_validate_json(body), digest) for body, digest in cursor]


def find(connection: sqlite3.Connection, run_id: str) -> Run | None:
    """A run by its id, also one that has ended."""
    row = connection.execute("SELECT body FROM runs WHERE id = ?", (run_id,)).fetchone()
    return Run.model_validate_json(row[0]) if row else None


def usage_of(connection: sqlite3.Connection, run_id: str, after_id: int, limit: int) -> list[RunUsage]:
    """The rows that the gateway wrote for a run after the row `after_id`, oldest first."""
    return [
        RunUsage(row[0], row[1], row[2], Usage(*row[3:8]), frozenset(filter(None, row[8:])))
        for row in connection.execute(_JOINED, (after_id, run_id, limit))
    ]


def booked(connection: sqlite3.Connection, run_id: str, session: str, named: str) -> dict[str, Usage]:
    """By model, what is booked of a run's reports and of an agent's session, whatever name the person gave that."""
    first, last = connection.execute(
        "SELECT min(first_usage_id), max(last_usage_id) FROM sessions WHERE session IN (?, ?) AND session != ''",
        (session, named),
    ).fetchone()
    values = (run_id, session, named, first or 0, last or -1)
    return {row[0]: Usage(*row[1:]) for row in connection.execute(_BOOKED, values)}
