"""Usage along time, for charts: sums per key and stretch of time, from rollups or, for short stretches, from rows."""

import sqlite3
from collections.abc import Sequence

from conduit_tui.store.histogram import SLOTS, percentile
from conduit_tui.store.interface import UsagePoint
from conduit_tui.store.rollups import BUCKET_MS, DAY_MS, between

_ROLLUP_KEYS = {
    "model": "model", "project": "project", "agent-type": "agent_type", "provider": "provider", "all": "'all'",
}  # fmt: skip
_ROW_KEYS = {**_ROLLUP_KEYS, "model": "routed_model"}
_SUMS = ("requests", "errors", "input_tokens", "output_tokens", "cache_read_tokens", "cost_nanodollars")
_LATENCY = tuple(f"latency_{number:02}" for number in range(SLOTS))
_ROLLUPS = """
    SELECT (bucket - ?1) / ?2, {key}, {sums} FROM {source} WHERE (?3 = '' OR project = ?3) GROUP BY 1, 2
"""
# The rollups say between which ids the rows of a time lie.
_ROWS = """
    SELECT (created_at - ?1) / ?2, {key}, count(*), sum(status >= 400 OR status = 0), sum(input_tokens),
        sum(output_tokens), sum(cache_read_tokens), sum(cost_nanodollars), {latency}
    FROM usage WHERE id >= (SELECT min(first_usage_id) FROM usage_rollup WHERE bucket > ?1 - {bucket} AND bucket < ?3)
        AND id <= (SELECT max(last_usage_id) FROM usage_rollup WHERE bucket > ?1 - {bucket} AND bucket < ?3)
        AND created_at >= ?1 AND created_at < ?3 AND (?4 = '' OR project = ?4) GROUP BY 1, 2
"""


def points(
    connection: sqlite3.Connection, *, since: int, until: int, bucket_ms: int, by: str, project: str, latency: bool
) -> list[UsagePoint]:
    """Sums per key and stretch of `bucket_ms` from `since` on. Raises ValueError for an unknown `by`, or no stretch.

    From rollups where `since` and `bucket_ms` are made of whole buckets of 15 minutes, else from usage rows.
    """
    if by not in _ROLLUP_KEYS:
        raise ValueError(f"usage cannot be charted by {by!r}")
    if bucket_ms <= 0:
        raise ValueError("a stretch of time must be longer than nothing")
    values: tuple[object, ...]
    from_rollups = since % BUCKET_MS == 0 and bucket_ms % BUCKET_MS == 0
    if from_rollups:
        columns = (*_SUMS, *_LATENCY) if latency else _SUMS
        whole_days = bucket_ms >= until - since or (since % DAY_MS == 0 and bucket_ms % DAY_MS == 0)
        source = between(since, until, columns, days=whole_days)
        sums = ", ".join(f"sum({name})" for name in columns)
        sql, values = _ROLLUPS.format(key=_ROLLUP_KEYS[by], sums=sums, source=source), (since, bucket_ms, project)
    else:
        values = (since, bucket_ms, until, project)
        sql = _ROWS.format(key=_ROW_KEYS[by], latency="group_concat(latency_ms)" if latency else "''", bucket=BUCKET_MS)
    percentiles = _of_histogram if from_rollups else _of_durations
    found = []
    for place, key, *row in connection.execute(sql, values):
        p50, p95 = percentiles(row[6:]) if latency else (0, 0)
        found.append(UsagePoint._make((since + place * bucket_ms, key, *row[:6], p50, p95)))
    return found


def _of_histogram(counts: Sequence[int]) -> tuple[int, int]:
    return percentile(counts, 0.5), percentile(counts, 0.95)


def _of_durations(joined: Sequence[str]) -> tuple[int, int]:
    ordered = sorted(map(int, joined[0].split(",")))
    return _nearest_rank(ordered, 50), _nearest_rank(ordered, 95)


def _nearest_rank(ordered: Sequence[int], percent: int) -> int:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
