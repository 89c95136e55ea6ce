"""What the Usage screen knows: usage along time and summed up, read in the background. No screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.tui import format as words
from conduit_tui.tui.time_range import Span

if TYPE_CHECKING:
    from conduit_tui.store.interface import Reader, UsagePoint

OTHERS = "others"
SHOWN_PARTS = 5  # of a chart; what is smaller is drawn as one

GROUPINGS = ("model", "project", "agent-type", "provider", "session", "day")
CHARTED = ("model", "project", "agent-type", "provider")  # the rest is charted by model


class Metric(NamedTuple):
    """What a chart shows of usage: a value of a point, and how it is written on an axis."""

    name: str
    value: Callable[[UsagePoint], float]
    write: Callable[[float], str]
    adds_up: bool = True  # whether values of parts may be stacked


def _dollars(value: float) -> str:
    amount = value / NANO_PER_DOLLAR
    digits = 0 if amount >= 10 or amount == round(amount) else 2 if amount >= 0.1 else 4
    return f"${amount:,.{digits}f}"


METRICS = (
    Metric("cost", lambda point: point.cost_nanodollars, _dollars),
    Metric("tokens", lambda point: point.input_tokens + point.output_tokens, lambda value: words.tokens(round(value))),
    Metric("requests", lambda point: point.requests, lambda value: words.tokens(round(value))),
    Metric("p50", lambda point: point.latency_p50_ms, words.duration, adds_up=False),
    Metric("p95", lambda point: point.latency_p95_ms, words.duration, adds_up=False),
)


class Row(NamedTuple):
    """A line of the table. Durations are None while they are being read, or where there are none."""

    key: str
    requests: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    p50_ms: int | None = None
    p95_ms: int | None = None


@dataclass
class UsageData:
    """One reading. `parts` are the keys of the chart, the greatest first, `OTHERS` last if there are too many."""

    span: Span
    by: str
    metric: Metric
    points: Sequence[UsagePoint] = ()
    rows: Sequence[Row] = ()
    parts: Sequence[str] = ()
    values: Sequence[Sequence[float]] = field(default_factory=list)  # by part, then by bar

    @property
    def total(self) -> Row:
        """Everything in the table."""
        return total(self.rows)


async def read_chart(reader: Reader, span: Span, by: str, metric: Metric, project: str) -> UsageData:
    """Usage along a span, and the table as far as it follows from it."""
    charted = by if by in CHARTED else "model"
    points = await reader.usage_series(
        since=span.since, until=span.until, bucket_ms=span.stretch, by=charted, project=project,
        latency=not metric.adds_up,
    )  # fmt: skip
    data = UsageData(span, by, metric, points)
    data.parts, data.values = _values(points, span, metric)
    if charted == by:
        data.rows = _summed(points)
    return data


async def read_rows(reader: Reader, span: Span, by: str, project: str) -> list[Row]:
    """The table of a span, with durations."""
    if by in CHARTED:
        points = await reader.usage_series(
            since=span.since, until=span.until, bucket_ms=span.until - span.since, by=by, project=project, latency=True
        )
        rows = [Row(*point[1:3], *point[4:8], point.latency_p50_ms, point.latency_p95_ms) for point in points]
        return dearest_first(rows)
    totals = await reader.usage_totals(since=span.since, until=span.until, by=by, project=project)
    rows = [Row(*one[:2], *one[3:7], one.latency_p50_ms, one.latency_p95_ms) for one in totals]
    return sorted(rows, key=lambda row: row.key, reverse=True) if by == "day" else dearest_first(rows)


def dearest_first(rows: Sequence[Row]) -> list[Row]:
    """By cost, then by requests, then by name."""
    return sorted(rows, key=lambda row: (-row.cost_nanodollars, -row.requests, row.key))


def total(rows: Sequence[Row]) -> Row:
    """Rows added up; durations cannot be."""
    columns = list(zip(*(row[1:6] for row in rows), strict=True))
    return Row("total", *(sum(column) for column in columns)) if columns else Row("total", 0, 0, 0, 0, 0)


def _summed(points: Sequence[UsagePoint]) -> list[Row]:
    sums: dict[str, list[int]] = {}
    for point in points:
        row = sums.setdefault(point.key, [0] * 5)
        for place, amount in enumerate((point.requests, *point[4:8])):
            row[place] += amount
    return dearest_first([Row(key, *row) for key, row in sums.items()])


def _values(points: Sequence[UsagePoint], span: Span, metric: Metric) -> tuple[list[str], list[list[float]]]:
    """The parts of a chart and their values by bar."""
    by_key: dict[str, list[float]] = {}
    weight: dict[str, float] = {}
    for point in points:
        values = by_key.setdefault(point.key, [0.0] * span.bars)
        bar = (point.at - span.since) // span.stretch
        if 0 <= bar < span.bars:
            values[bar] = metric.value(point)
            weight[point.key] = weight.get(point.key, 0) + (values[bar] if metric.adds_up else point.requests)
    keys = sorted(by_key, key=lambda key: (-weight.get(key, 0), key))
    if len(keys) <= SHOWN_PARTS + 1:
        return keys, [by_key[key] for key in keys]
    shown, rest = keys[:SHOWN_PARTS], keys[SHOWN_PARTS:]
    largest = [by_key[key] for key in shown]
    if metric.adds_up:  # durations of several parts have no meaning together
        shown = [*shown, OTHERS]
        largest.append([sum(column) for column in zip(*(by_key[key] for key in rest), strict=True)])
    return shown, largest
