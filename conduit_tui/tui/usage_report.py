"""What leaves the Usage screen: the filter of a row's requests, and what is shown as a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textual.app import App

from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.tui.export import as_csv, as_json, write_new
from conduit_tui.tui.screens.dialog import Choice, Dialog
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


def write(data: UsageData, kind: str, folder: Path, now: int) -> Path:
    """Write what is shown into a new file; its path. Raises OSError."""
    at = datetime.fromtimestamp(now / 1_000, UTC)
    stem = f"conduit-usage-by-{data.by}-{at:%Y%m%dT%H%M%SZ}"
    if kind == "csv":
        return write_new(folder, stem, ".csv", as_csv([_csv_row(data.by, row) for row in data.rows]))
    return write_new(folder, stem, ".json", as_json(_report(data)))


def _csv_row(by: str, row: Row) -> dict[str, object]:
    facts = row._asdict()
    del facts["key"]
    dollars, rest = divmod(facts.pop("cost_nanodollars"), NANO_PER_DOLLAR)
    named = {by.replace("-", "_"): row.key, **facts}
    return {**named, "cost_usd": f"{dollars}.{rest:09}"}


def _report(data: UsageData) -> dict[str, object]:
    group = data.by.replace("-", "_")
    rows = []
    for row in data.rows:
        facts = row._asdict()
        rows.append({group: facts.pop("key"), **facts})
    return {
        "since": data.span.since,
        "until": data.span.until,
        "stretch_ms": data.span.stretch,
        "by": data.by,
        "rows": rows,
        "points": [point._asdict() for point in data.points],
    }
