"""The Overview: is it running, what is it doing, what is it costing, does it need me?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit_tui.domain.money import format_dollars
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part, line_width
from conduit_tui.tui.recent import Pulse
from conduit_tui.tui.state import AppState
from conduit_tui.tui.table import Column, cells, fit, titles
from conduit_tui.tui.views import names, spending
from conduit_tui.tui.views.needs import ERRORS_WORTH_A_WORD, OverviewData, TargetLine, need_lines, needs
from conduit_tui.tui.views.overview_sessions import session_lines
from conduit_tui.tui.views.teaching import teaching_lines
from conduit_tui.tui.widgets.sparkline import resample, sparkline

if TYPE_CHECKING:
    from conduit_tui.store.interface import UsageTotal

BUCKET = 15 * words.MINUTE
BUCKETS = 96
LABEL = 9

MODEL_COLUMNS = (
    Column("model", "", 30, stretch=1, widest=40),
    Column("requests", "requests", 8, right=True),
    Column("in", "in", 7, right=True),
    Column("out", "out", 7, right=True, give_way=1),
    Column("cache", "cache", 5, right=True, give_way=2),
    Column("cost", "cost", 8, right=True),
    Column("share", "share", 5, right=True, give_way=3),
    Column("p50", "p50", 7, right=True, give_way=4),
)


def buckets(totals: Sequence[UsageTotal], now: int) -> list[int]:
    """Costs of the last 24 hours, a place for every bucket, the one that is running last."""
    first = now - now % BUCKET - (BUCKETS - 1) * BUCKET
    costs = [0] * BUCKETS
    for total in totals:
        at = (int(total.key) - first) // BUCKET
        if 0 <= at < BUCKETS:
            costs[at] += total.cost_nanodollars
    return costs


def lines(
    state: AppState, data: OverviewData, pulse: Pulse, *, now: int, width: int, height: int, glyphs: Glyphs
) -> list[TargetLine]:
    """The whole screen. What needs a person keeps its room; models and sessions share what is left."""
    if not data.ever and not (state.live and state.live.in_flight):
        wanting = need_lines(needs(state, data, pulse, now), width)
        taught: list[TargetLine] = [(line, None) for line in teaching_lines(state)]
        return [*wanting, *taught] if wanting else taught
    chart_rows = 1 if height < 26 else 5
    top = [*_now_and_today(state, data, pulse, now, width, glyphs), *_chart(data, chart_rows, width, glyphs), BLANK]
    wanting = need_lines(needs(state, data, pulse, now), width)
    room = max(0, height - len(top) - len(wanting) - (1 if wanting else 0))
    sessions = session_lines(state, data, now, width, glyphs)
    most_models, most_sessions = _share(room - 3, len(data.models), len(sessions) - 1)
    body: list[TargetLine] = [(line, None) for line in top]
    body += _models(data, width, most_models)
    body += [(BLANK, None), *sessions[: 1 + most_sessions]]
    if wanting:
        body += [(BLANK, None), *wanting]
    return body


def _share(room: int, models: int, sessions: int) -> tuple[int, int]:
    """How many lines each table gets: all if there is room, else the models at most half."""
    room = max(2, room)
    shown_models = min(models, max(1, room - sessions, room // 2))
    return shown_models, min(sessions, max(1, room - shown_models))


def _label(text: str) -> Part:
    return (f" {text:<{LABEL - 1}}", Ink.TITLE)


def _figures(*pairs: tuple[str, str, Ink], gap: int = 3) -> list[Part]:
    parts: list[Part] = []
    for figure, unit, ink in pairs:
        if parts:
            parts.append((" " * gap, Ink.MUTED))
        if unit.startswith("_"):
            parts += [(unit[1:] + " ", Ink.MUTED), (figure, ink)]
        else:
            parts += [(figure, ink), (" " + unit, Ink.MUTED)]
    return parts


def _now_and_today(
    state: AppState, data: OverviewData, pulse: Pulse, now: int, width: int, glyphs: Glyphs
) -> list[Line]:
    flying = state.live.in_flight_count if state.live and state.serving else 0
    p50 = words.duration(pulse.p50_ms) if pulse.p50_ms is not None else "–"
    first = words.duration(pulse.first_byte_ms) if pulse.first_byte_ms is not None else "–"
    share = pulse.errors / pulse.requests if pulse.requests else 0
    ink = Ink.BAD if share > ERRORS_WORTH_A_WORD else Ink.TEXT
    figures = [
        (str(flying), "in flight", Ink.ACCENT if flying else Ink.TEXT),
        (f"{pulse.per_minute:.1f}", "req/min", Ink.TEXT),
        (p50, "_p50", Ink.TEXT),
        (first, "_first byte", Ink.TEXT),
        (words.percent(pulse.errors, pulse.requests), "_errors", ink),
    ]
    forms = (_figures(*figures), _figures(*figures, gap=2), _figures(*figures[:3], figures[4], gap=2))
    now_line = next((form for form in forms if line_width(form) <= width - LABEL), forms[-1])
    lines: list[Line] = [(_label("NOW"), *now_line)]
    day = spending.tightest(data.gauges, "day", state.project)
    month = spending.tightest(data.gauges, "month", state.project)
    today = data.today
    if day is not None:
        lines.append(spending.gauge_line(_label("TODAY"), day, now, width, glyphs))
    elif today is not None:
        spent = _figures((format_dollars(today.cost_nanodollars), "spent", Ink.STRONG))
        lines.append((_label("TODAY"), *spent))
    else:
        lines.append((_label("TODAY"), ("nothing yet", Ink.MUTED)))
    if month is not None:
        lines.append(spending.gauge_line(_label("MONTH"), month, now, width, glyphs))
    if today is not None:
        lines.append(spending.tokens_line(_label("TOKENS"), today, data.saved, width))
    return lines


def _chart(data: OverviewData, rows: int, width: int, glyphs: Glyphs) -> list[Line]:
    caption = f"  {format_dollars(sum(data.day_costs))} in 24 h"
    cells = min(BUCKETS, width - LABEL - len(caption) - 1)
    blocks = sparkline(resample(data.day_costs, cells), glyphs, height=rows)
    drawn: list[Line] = []
    for number, row in enumerate(blocks):
        label = _label("COST" if number == 0 else "")
        tail: Part = (caption, Ink.MUTED) if number == rows - 1 else ("", Ink.MUTED)
        drawn.append((label, (row, Ink.ACCENT), tail))
    return drawn


def _cost(total: UsageTotal, unknown: set[str]) -> Part:
    """What a model cost, marked where that is a guess."""
    if total.key not in unknown:
        return (format_dollars(total.cost_nanodollars), Ink.TEXT)
    return (f"~{format_dollars(total.cost_nanodollars)}" if total.cost_nanodollars else "no price", Ink.WARN)


def _models(data: OverviewData, width: int, most: int) -> list[TargetLine]:
    columns = fit(MODEL_COLUMNS, width - 2)
    body: list[TargetLine] = [(titles(columns, "MODELS TODAY"), None)]
    whole = sum(total.cost_nanodollars for total in data.models)
    unknown = {one.model for one in data.guessed if one.unknown}
    for total in sorted(data.models, key=lambda each: (-each.cost_nanodollars, -each.requests, each.key))[:most]:
        values = {
            "model": (names.model(total.key), Ink.TEXT),
            "requests": (words.count(total.requests), Ink.TEXT),
            "in": (words.tokens(total.input_tokens), Ink.TEXT),
            "out": (words.tokens(total.output_tokens), Ink.TEXT),
            "cache": (words.whole_percent(total.cache_read_tokens, total.input_tokens), Ink.TEXT),
            "cost": _cost(total, unknown),
            "share": (words.whole_percent(total.cost_nanodollars, whole), Ink.MUTED),
            "p50": (words.duration(total.latency_p50_ms), Ink.MUTED),
        }
        body.append((cells(columns, values), ("filter", f"model:{total.key}")))
    if len(body) == 1:
        body.append((((" no request today", Ink.MUTED),), None))
    return body
