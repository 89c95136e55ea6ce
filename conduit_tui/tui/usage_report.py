"""What leaves the Usage screen: the filter of a row's requests, and what is shown as a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from textual.app import App

from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.tui.export import as_csv, as_json, write_new
from conduit_tui.tui.savings import Saving
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.time_range import Span
from conduit_tui.tui.usage_data import Row, UsageData

_FILTER_KEYS = {"model": "model", "project": "project", "session": "session"}


def filter_of(by: str, key: str, times: str) -> str:
    """The filter line for the requests of a row. Agent types and providers are found by their word."""
    if by == "day":
        return f"since:{key} until:{_day_after(key)}"
    if not key:
        return times
    word = f'"{key}"' if any(character.isspace() or character == ":" for character in key) else key
    name = _FILTER_KEYS.get(by)
    return f"{name}:{word} {times}" if name else f"{word} {times}"


def _day_after(day: str) -> str:
    return (
        datetime.fromtimestamp(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() + 86_400, UTC)
        .date()
        .isoformat()
    )


async def ask_kind(app: App[Any]) -> str | None:
    """CSV or JSON; None for neither."""
    choices = (Choice("csv", "c", "CSV", "the table, money in dollars"), Choice("json", "j", "JSON", "table and chart"))
    return await app.push_screen_wait(
        Dialog("Export what is shown", ("Into the folder that this was started in.",), choices)
    )


class Shown(NamedTuple):
    """What is exported: the chart, and the table of its whole time or of one bar."""

    data: UsageData
    rows: Sequence[Row]
    span: Span
    savings: Sequence[Saving] = ()


def write(shown: Shown, kind: str, folder: Path, now: int) -> Path:
    """Write what is shown into a new file; its path. Raises OSError."""
    by, at = shown.data.by, datetime.fromtimestamp(now / 1_000, UTC)
    stem = f"conduit-usage-by-{by}-{at:%Y%m%dT%H%M%SZ}"
    if kind == "csv":
        return write_new(folder, stem, ".csv", as_csv([_csv_row(by, row) for row in shown.rows]))
    return write_new(folder, stem, ".json", as_json(_report(shown)))


def _csv_row(by: str, row: Row) -> dict[str, object]:
    facts = row._asdict()
    del facts["key"]
    dollars, rest = divmod(facts.pop("cost_nanodollars"), NANO_PER_DOLLAR)
    named = {by.replace("-", "_"): row.key, **facts}
    return {**named, "cost_usd": f"{dollars}.{rest:09}"}


def _report(shown: Shown) -> dict[str, object]:
    data, group = shown.data, shown.data.by.replace("-", "_")
    rows = []
    for row in shown.rows:
        facts = row._asdict()
        rows.append({group: facts.pop("key"), **facts})
    return {
        "since": shown.span.since,
        "until": shown.span.until,
        "stretch_ms": data.span.stretch,
        "by": data.by,
        "metric": data.metric.name,
        "rows": rows,
        "points": [point._asdict() for point in data.points if shown.span.since <= point.at < shown.span.until],
        "saved": [saving._asdict() for saving in shown.savings],  # of all that the chart shows
    }
