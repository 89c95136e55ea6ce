"""What came of a backtest, the difference first."""

import textwrap
from collections.abc import Sequence

from conduit_tui.domain.money import format_dollars
from conduit_tui.routing.backtest_result import BacktestResult, ModelChange
from conduit_tui.tui import format as words
from conduit_tui.tui.backtest_child import Progress
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part, spread
from conduit_tui.tui.table import GAP, Column, cell, fit, head
from conduit_tui.tui.views import names
from conduit_tui.tui.widgets.sparkline import bar, sparkline

RULE_COLUMNS = (
    Column("name", "rule", 16, stretch=2, widest=30),
    Column("use", "use", 14, stretch=2, widest=30),
    Column("requests", "requests", 8, right=True),
    Column("changed", "changed", 7, right=True, give_way=1),
    Column("then", "cost then", 9, right=True, give_way=2),
    Column("now", "now", 9, right=True),
    Column("delta", "delta", 9, right=True),
)
MODEL_COLUMNS = (
    Column("change", "from → to", 34, stretch=3, widest=60),
    Column("requests", "requests", 8, right=True),
    Column("then", "cost then", 9, right=True, give_way=1),
    Column("now", "now", 9, right=True),
    Column("delta", "delta", 9, right=True),
)
CHART_ROWS = 5
LABEL = 12
DATE = len("11-14")


def signed(nanodollars: int) -> str:
    """`−$22.80`, `+$3.20`, `$0.00`"""
    if not nanodollars:
        return "$0.00"
    return ("−" if nanodollars < 0 else "+") + format_dollars(abs(nanodollars))


def percent(part: int, whole: int) -> str:
    """`−27 %`, `+4 %`; nothing where there is no whole."""
    if not whole:
        return ""
    share = 100 * part / whole
    if not part:
        return "0 %"
    figure = f"{abs(share):.1f}" if abs(share) < 9.95 else f"{abs(share):.0f}"
    return f"{'−' if share < 0 else '+'}{figure} %"


def title(project: str, ranges: Sequence[str], chosen: int, width: int) -> Line:
    """Whose past, and how much of it."""
    left: Line = ((" backtest ", Ink.STRONG), (f" {project}", Ink.MUTED))
    right: list[Part] = []
    for number, name in enumerate(ranges):
        here = number == chosen
        right.append((f"[{name}]" if here else f" {name} ", Ink.ACCENT if here else Ink.MUTED))
    return spread(left, (*right, (" ", Ink.TEXT)), width)


def progress_lines(progress: Progress | None, width: int, glyphs: Glyphs) -> list[Line]:
    """How far it has come."""
    if progress is None or not progress.of:
        return [BLANK, ((" reading the requests of that time   esc cancels", Ink.MUTED),)]
    room = max(10, min(50, width - 46))
    share = progress.done / progress.of
    done = bar(share, room, glyphs)
    return [
        BLANK,
        (
            (" ", Ink.TEXT),
            (done, Ink.ACCENT),
            (glyphs.rule * (room - len(done)), Ink.FAINT),
            (f"  {words.count(progress.done)} of {words.count(progress.of)} requests", Ink.TEXT),
            ("   esc cancels", Ink.MUTED),
        ),
    ]


def result_lines(result: BacktestResult, name: str, width: int, glyphs: Glyphs) -> list[Line]:
    """Everything, most asked for first."""
    if not result.requests:
        return [
            BLANK,
            ((f" No request of the last {name} was recorded in this project.", Ink.TEXT),),
            BLANK,
            ((" →", Ink.ACCENT), ("  looks further back", Ink.TEXT)),
            ((" p", Ink.ACCENT), ("  on the Rules screen chooses another project", Ink.TEXT)),
        ]
    lines = [*_delta(result, name, width, glyphs), BLANK, *_rules(result, width), BLANK]
    lines += _models(result, width, glyphs)
    lines += [BLANK, *_chart(result, width, glyphs)] if len(result.days) > 1 else []
    if result.assumptions:
        lines += [BLANK, ((" what this rests on", Ink.TITLE),)]
        for text in result.assumptions:
            first, *rest = textwrap.wrap(text, max(30, width - 5))
            lines += [((f" · {first}", Ink.MUTED),), *(((f"   {more}", Ink.MUTED),) for more in rest)]
    return lines


def _delta(result: BacktestResult, name: str, width: int, glyphs: Glyphs) -> list[Line]:
    then, delta = result.cost_then, result.delta
    ink = Ink.GOOD if delta < 0 else Ink.WARN if delta > 0 else Ink.TEXT
    left: Line = ((f" last {name}, {words.count(result.requests)} requests", Ink.TEXT),)
    figures: Line = (
        ("cost  ", Ink.MUTED),
        (f"{format_dollars(then)} {glyphs.arrow} {format_dollars(result.cost_now)}   ", Ink.TEXT),
        (signed(delta), Ink.STRONG if not delta else ink),
        (f" ({percent(delta, then)}) " if then else " ", ink),
    )
    lines: list[Line] = [spread(left, figures, width)]
    low, high = percent(result.cost_low - then, then), percent(result.cost_high - then, then)
    between = f"between {low} and {high} " if then and low != high else ""
    changed = f" {words.count(result.changed)} would have gone to another model"
    lines.append(spread(((changed, Ink.TEXT),), ((between, Ink.MUTED),), width))
    notes: list[Line] = []
    if result.broken_caches:
        caches = "1 prompt cache" if result.broken_caches == 1 else f"{words.count(result.broken_caches)} prompt caches"
        broken = f"{caches} broken, +{format_dollars(result.broken_cache_cost)} counted in"
        notes.append(((" ! ", Ink.WARN), (broken, Ink.TEXT)))
    if result.unknown:
        told = f"{words.count(result.unknown)} cannot be said (a rule asks for what was not kept): left as they were"
        notes.append(((" ? ", Ink.WARN), (told, Ink.TEXT)))
    if result.unpriced:
        told = f"{words.count(result.unpriced)} have no price: left as they were"
        notes.append(((" ? ", Ink.WARN), (told, Ink.TEXT)))
    return lines + notes


def _row(columns: Sequence[Column], values: dict[str, tuple[str, Ink]]) -> Line:
    return (
        (" ", Ink.TEXT),
        *(
            (cell(values[column.name][0], column.width, right=column.right) + " " * GAP, values[column.name][1])
            for column in columns
        ),
    )


def _money(then: int, now: int, requests: int) -> dict[str, tuple[str, Ink]]:
    delta = now - then
    return {
        "requests": (words.count(requests), Ink.TEXT),
        "then": (format_dollars(then), Ink.MUTED),
        "now": (format_dollars(now), Ink.TEXT),
        "delta": (signed(delta), Ink.GOOD if delta < 0 else Ink.WARN if delta > 0 else Ink.MUTED),
    }


def _rules(result: BacktestResult, width: int) -> list[Line]:
    columns = fit(RULE_COLUMNS, width - 2)
    lines: list[Line] = [((f" {head(columns)}", Ink.TITLE),)]
    for rule in result.rules:
        if not rule.enabled:
            continue
        values = _money(rule.cost_then, rule.cost_now, rule.requests)
        values |= {
            "name": (rule.name, Ink.TEXT),
            "use": (names.short(rule.target_model), Ink.TEXT),
            "changed": (words.count(rule.changed), Ink.TEXT),
        }
        lines.append(_row(columns, values))
        if rule.broken_caches:
            told = f"breaks {words.count(rule.broken_caches)} prompt caches, +{format_dollars(rule.broken_cache_cost)}"
            lines.append(((f"   ! {told}", Ink.WARN),))
    lines.append(((f" {cell('no rule', columns[0].width)}  {words.count(result.unmatched)} requests", Ink.MUTED),))
    return lines


def _models(result: BacktestResult, width: int, glyphs: Glyphs) -> list[Line]:
    columns = fit(MODEL_COLUMNS, width - 2)
    lines: list[Line] = [((f" {head(columns)}", Ink.TITLE),)]
    changed = [change for change in result.models if change.from_model != change.to_model]
    for change in sorted(changed, key=lambda each: -each.requests):
        told = names.model_change(change.from_model, change.to_model, f" {glyphs.arrow} ")
        values = _money(change.cost_then, change.cost_now, change.requests)
        lines.append(_row(columns, values | {"change": (told, Ink.TEXT)}))
    same = _together([change for change in result.models if change.from_model == change.to_model])
    values = _money(same.cost_then, same.cost_now, same.requests)
    lines.append(_row(columns, values | {"change": ("unchanged", Ink.MUTED)}))
    return lines


def _together(changes: Sequence[ModelChange]) -> ModelChange:
    return ModelChange(
        from_model="",
        to_model="",
        requests=sum(change.requests for change in changes),
        cost_then=sum(change.cost_then for change in changes),
        cost_now=sum(change.cost_now for change in changes),
    )


def _chart(result: BacktestResult, width: int, glyphs: Glyphs) -> list[Line]:
    """Cost per day: what it was beside what it would have been."""
    days = result.days
    each = max(2, min(10, (width - LABEL - 2) // len(days)))
    bars = max(1, (each - 1) // 2 - (each > DATE + 1))
    peak = max(max(day.cost_then, day.cost_now) for day in days)
    columns = [day_cost for day in days for day_cost in (day.cost_then, day.cost_now)]
    rows = sparkline(columns, glyphs, height=CHART_ROWS)
    lines: list[Line] = [
        (
            (" cost a day (UTC)   ", Ink.TITLE),
            (glyphs.fractions[-1], Ink.MUTED),
            (" then  ", Ink.MUTED),
            (glyphs.fractions[-1], Ink.ACCENT),
            (" now", Ink.MUTED),
        )
    ]
    for number, row in enumerate(rows):
        label = format_dollars(peak) if number == 0 else ""
        parts: list[Part] = [(f" {label:>{LABEL - 2}} ", Ink.MUTED)]
        for at in range(len(days)):
            gap = " " * (each - 2 * bars)
            parts += [(row[2 * at] * bars, Ink.MUTED), (row[2 * at + 1] * bars + gap, Ink.ACCENT)]
        lines.append(parts)
    dates = [day.day[5:] for day in days]
    if each > DATE:
        told = "".join(f"{date:<{each}}" for date in dates)
    else:
        told = f"{dates[0]}{dates[-1]:>{max(DATE + 1, each * len(days) - DATE)}}"
    lines.append(((" " * LABEL + told, Ink.MUTED),))
    return lines
