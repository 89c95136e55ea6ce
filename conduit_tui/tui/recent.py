"""The last five minutes of requests, for the NOW line. No screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.domain.usage import StoredUsage
from conduit_tui.tui.format import MINUTE

if TYPE_CHECKING:
    from conduit_tui.store.interface import Reader

SPAN = 5 * MINUTE
MOST_ROWS = 600  # read at once; more than these in five minutes, and the rate is taken over a shorter span


class Pulse(NamedTuple):
    """What the last minutes were like. Durations in milliseconds, None where nothing was measured."""

    per_minute: float
    p50_ms: float | None
    first_byte_ms: float | None
    errors: int
    requests: int


class _Beat(NamedTuple):
    at: int
    latency_ms: int
    first_byte_ms: int
    failed: bool


class Recent:
    """Keeps what is needed of the newest rows, read as they come."""

    def __init__(self) -> None:
        self._start_over("")

    def _start_over(self, project: str) -> None:
        self._project = project
        self._beats: deque[_Beat] = deque(maxlen=20 * MOST_ROWS)
        self._seen = -1
        self._since = 0  # rows older than this may be missing

    async def read_on(self, reader: Reader, newest_id: int, project: str, now: int) -> None:
        """Read the rows after those already seen."""
        from conduit_tui.store.interface import UsageFilter

        if project != self._project or newest_id < self._seen:
            self._start_over(project)
        if newest_id == self._seen:
            return
        after = max(self._seen, newest_id - MOST_ROWS)
        skipped = after > max(self._seen, 0)
        rows = await reader.usage_rows(await reader.usage_ids_after(after, UsageFilter(project=project)))
        if skipped and rows:
            self._since = max(self._since, rows[0].row.created_at)
        self._seen = newest_id
        self._beats.extend(_beat(row) for row in rows if row.row.created_at > now - SPAN)

    def pulse(self, now: int) -> Pulse:
        """The figures of the last five minutes."""
        while self._beats and self._beats[0].at <= now - SPAN:
            self._beats.popleft()
        span = SPAN
        if self._since > now - SPAN:
            span = max(1_000, now - self._since)
        beats = self._beats
        latencies = [beat.latency_ms for beat in beats if not beat.failed]
        first_bytes = [beat.first_byte_ms for beat in beats if not beat.failed and beat.first_byte_ms > 0]
        return Pulse(
            per_minute=len(beats) / (span / MINUTE),
            p50_ms=_median(latencies),
            first_byte_ms=_median(first_bytes),
            errors=sum(beat.failed for beat in beats),
            requests=len(beats),
        )


def failed(status: int) -> bool:
    """Whether an answer was an error, or never came."""
    return status == 0 or status >= 400


def _median(values: Sequence[int]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _beat(stored: StoredUsage) -> _Beat:
    row = stored.row
    return _Beat(row.created_at, row.latency_ms, row.first_byte_ms, failed(row.status))
