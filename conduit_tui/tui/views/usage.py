"""The words of the Usage screen: what is chosen, the figures, the table, what was saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit_tui.domain.money import format_dollars
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import PARTS, Ink, Line, Part, line_width, spread
from conduit_tui.tui.table import GAP, Column, cell, fit
from conduit_tui.tui.time_range import RANGES, Span, bar_title, title
from conduit_tui.tui.usage_data import CHARTED, GROUPINGS, METRICS, OTHERS, Row, UsageData
from conduit_tui.tui.views import names

if TYPE_CHECKING:
    from conduit_tui.tui.savings import Saving

COLUMNS = (
    Column("key", "", 24, stretch=1, widest=44),
    Column("requests", "requests", 8, right=True),
    Column("in", "in", 7, right=True, give_way=2),
    Column("out", "out", 7, right=True, give_way=1),
    Column("cache", "cache", 5, right=True),
    Column("cost", "cost", 8, right=True),
    Column("share", "share", 5, right=True),
    Column("p50", "p50", 6, right=True, give_way=3),
    Column("p95", "p95", 6, right=True, give_way=4),
)
# Where durations are charted, tokens go out before them.
_FOR_DURATIONS = tuple(column._replace(give_way=9 if column.name in ("in", "out") else 0) for column in COLUMNS)
_TITLES = {"agent-type": "agent type"}


def choices(range_: int, by: str, metric: int, width: int) -> Line:
    """What can be chosen, and what is; the groupings that are not chosen give way when room is short."""
    times = _options([one.name for one in RANGES], range_)
    metrics = _options([one.name for one in METRICS], metric)
    titles = [_TITLES.get(one, one) for one in GROUPINGS]
    groups: list[Part] = [("by ", Ink.MUTED), *_options(titles, GROUPINGS.index(by))]
    if line_width((*times, *groups, *metrics)) + 9 > width:
        groups = [("by ", Ink.MUTED), *_options([_TITLES.get(by, by)], 0)]
    return (*times, ("   ", Ink.TEXT), *groups, ("   ", Ink.TEXT), *metrics)


def _options(options: Sequence[str], chosen: int) -> list[Part]:
    parts: list[Part] = []
    for number, option in enumerate(options):
        parts.append((f"[{option}]", Ink.ACCENT) if number == chosen else (f" {option} ", Ink.MUTED))
    return parts


def figures(rows: Sequence[Row], total: Row, span: Span, picked: int | None, now: int, width: int) -> Line:
    """What all of it comes to, and when."""
    when = title(span, now) if picked is None else bar_title(span, picked)
    right: Line = ((f"{when} ", Ink.ACCENT if picked is not None else Ink.MUTED),)
    if not rows:
        return spread(((" ", Ink.TEXT),), right, width)
    cached = words.whole_percent(total.cache_read_tokens, total.input_tokens)
    left: Line = (
        (f" {format_dollars(total.cost_nanodollars)}", Ink.STRONG),
        (f"  {words.count(total.requests)}", Ink.TEXT),
        (" requests", Ink.MUTED),
        (f"  {words.tokens(total.input_tokens)}", Ink.TEXT),
        (" in ", Ink.MUTED),
        (f"({cached} cached)", Ink.MUTED),
        (f"  {words.tokens(total.output_tokens)}", Ink.TEXT),
        (" out", Ink.MUTED),
    )
    return spread(left, right, width)


def table(
    data: UsageData, rows: Sequence[Row], *, reading: bool, width: int, height: int, glyphs: Glyphs
) -> list[tuple[Line, str | None]]:
    """The table with its head and total; lines beyond the room are reached by scrolling."""
    columns = fit(COLUMNS if data.metric.adds_up else _FOR_DURATIONS, width - 4)
    name, *others = columns
    titles = "".join(" " * GAP + cell(column.title, column.width, right=column.right) for column in others)
    drawn: list[tuple[Line, str | None]] = [
        (((f"   {cell(_TITLES.get(data.by, data.by), name.width)}{titles}", Ink.TITLE),), None)
    ]
    if not rows:
        nothing = "no request in this time; ] looks further back, Overview (1) helps to begin"
        return [*drawn, (((f"   {'reading' if reading else nothing}", Ink.MUTED),), None)]
    sums = data.total if rows is data.rows else None
    whole = sum(row.cost_nanodollars for row in rows)
    drawn += [
        ((_legend(data, row.key, glyphs), *_cells(columns, row, _name(data.by, row.key), whole)), row.key)
        for row in rows
    ]
    if len(rows) > 1 and sums is not None:
        cells = _cells(columns, sums, "total", whole, ink=Ink.STRONG, durations=False)
        drawn.append((((" " * 3, Ink.TEXT), *cells), None))
    return drawn


def _legend(data: UsageData, key: str, glyphs: Glyphs) -> Part:
    if data.by not in CHARTED or not data.parts:
        return ("   ", Ink.TEXT)
    if key in data.parts:
        place = list(data.parts).index(key)
    elif OTHERS in data.parts:
        place = len(data.parts) - 1
    else:
        return ("   ", Ink.TEXT)
    return (f" {glyphs.parts[place] if glyphs.parts else glyphs.legend} ", PARTS[place])


def _name(by: str, key: str) -> str:
    if not key:
        return {"session": "no session", "agent-type": "no agent type"}.get(by, "none")
    if by == "model":
        return names.model(key)
    return names.session(key) if by == "session" else key


def _cells(
    columns: Sequence[Column], row: Row, name: str, whole: int, *, ink: Ink = Ink.TEXT, durations: bool = True
) -> list[Part]:
    values = {
        "key": (name, ink),
        "requests": (words.count(row.requests), ink),
        "in": (words.tokens(row.input_tokens), ink),
        "out": (words.tokens(row.output_tokens), ink),
        "cache": (words.whole_percent(row.cache_read_tokens, row.input_tokens), ink),
        "cost": (format_dollars(row.cost_nanodollars), ink),
        "share": (words.whole_percent(row.cost_nanodollars, whole), Ink.MUTED),
        "p50": (_duration(row.p50_ms, durations), Ink.MUTED),
        "p95": (_duration(row.p95_ms, durations), Ink.MUTED),
    }
    parts: list[Part] = []
    for column in columns:
        text, own = values[column.name]
        parts.append((cell(text, column.width, right=column.right) + " " * GAP, own))
    return parts


def _duration(milliseconds: int | None, wanted: bool) -> str:
    if not wanted:
        return ""
    return "…" if milliseconds is None else words.duration(milliseconds) if milliseconds else "–"


def saved(savings: Sequence[Saving] | None) -> Line:
    """What other models would have cost. Estimates are marked as such."""
    if savings is None:
        return ()
    if not savings:
        return ((" every request was served by the model that it asked for", Ink.MUTED),)
    parts: list[Part] = [(" ", Ink.TEXT)]
    for number, one in enumerate(savings):
        if number:
            parts.append(("    ", Ink.TEXT))
        less = one.nanodollars >= 0
        against = f"all on {names.model(one.against)}" if one.against else "the models asked for"
        if not one.requests:
            parts.append((f"no price to compare with {against}", Ink.MUTED))
            continue
        parts += [
            (f"~{format_dollars(abs(one.nanodollars))} {'less' if less else 'more'}", Ink.GOOD if less else Ink.WARN),
            (f" than {against}", Ink.MUTED),
        ]
        if not one.against:
            parts.append((f" ({words.count(one.requests)} moved)", Ink.MUTED))
        if one.unpriced:
            parts.append((f", {words.count(one.unpriced)} without a price", Ink.WARN))
    return parts
