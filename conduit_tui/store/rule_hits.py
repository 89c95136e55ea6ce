"""How often each rule chose, counted in buckets when a request is recorded: no list of rules waits for a scan."""

import sqlite3
from collections.abc import Iterable

import msgspec

from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.insert import Insert
from conduit_tui.store.interface import ModelPair, RuleHits
from conduit_tui.store.rollups import BUCKET_MS

_KEY = ("bucket", "project", "rule_id", "requested_model", "routed_model")
_SUMS = ("requests", "broken_caches", "broken_cache_nanodollars")
_ADD = Insert(
    "rule_hits",
    (*_KEY, *_SUMS, "last_at"),
    on_conflict=f"DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _SUMS)}, "
    "last_at = max(last_at, excluded.last_at)",
)


class _BrokenCache(msgspec.Struct):
    nanodollars: int = 0


class _Decision(msgspec.Struct):
    broken_cache: _BrokenCache | None = None


class _Metadata(msgspec.Struct):
    decision: _Decision = msgspec.field(default_factory=_Decision)


_decode = msgspec.json.Decoder(_Metadata).decode


def add(connection: sqlite3.Connection, rows: Iterable[UsageRow]) -> None:
    """Count the rows that a rule routed. An exchange counts once, by its first attempt."""
    counted: dict[tuple[int, str, str, str, str], list[int]] = {}
    for row in rows:
        if not row.rule_id or row.attempt != 1:
            continue
        bucket = row.created_at - row.created_at % BUCKET_MS
        key = (bucket, row.project, row.rule_id, row.requested_model, row.routed_model)
        sums = counted.setdefault(key, [0, 0, 0, 0])
        sums[0] += 1
        broken = _broken_cache(row.metadata)
        if broken is not None:
            sums[1] += 1
            sums[2] += broken.nanodollars
        sums[3] = max(sums[3], row.created_at)
    _ADD.write(connection, [(*key, *sums) for key, sums in counted.items()])


def of_project(connection: sqlite3.Connection, project: str, since: int) -> dict[str, RuleHits]:
    """By rule id, what the rules did in whole buckets, the first being the one that `since` lies in."""
    found: dict[str, RuleHits] = {}
    for rule_id, requested, routed, requests, broken, nanodollars, last_at in connection.execute(
        "SELECT rule_id, requested_model, routed_model, sum(requests), sum(broken_caches), "
        "sum(broken_cache_nanodollars), max(last_at) FROM rule_hits "
        "WHERE bucket >= ? AND project = ? GROUP BY 1, 2, 3 ORDER BY 4 DESC, 2, 3",
        (since - since % BUCKET_MS, project),
    ):
        before = found.get(rule_id, RuleHits())
        found[rule_id] = RuleHits(
            before.requests + requests,
            max(before.last_at, last_at),
            (*before.models, ModelPair(requested, routed, requests)),
            before.broken_caches + broken,
            before.broken_cache_nanodollars + nanodollars,
        )
    return found


def _broken_cache(metadata: str) -> _BrokenCache | None:
    if '"broken_cache"' not in metadata:
        return None
    try:
        return _decode(metadata).decision.broken_cache
    except msgspec.MsgspecError:
        return None
