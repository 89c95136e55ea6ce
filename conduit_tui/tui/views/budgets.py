"""The Budgets screen: each budget with its windows, how fast it is spent, and how it is set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Period, Scope, Unpriced, dollars
from conduit_tui.ledger.windows import local_time
from conduit_tui.tui import format as words
from conduit_tui.tui.gauge import amount, bar_of, full_at, name_of, percent_of
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part, cut, line_width, spread
from conduit_tui.tui.table import cell

if TYPE_CHECKING:
    from conduit_tui.domain.budgets import FlaggedEntry, Gauge

LABEL = 14
PERIOD = 6
SMALLEST_BAR, LARGEST_BAR = 8, 40

BudgetLine = tuple[Line, Scope | None]


class BudgetsData(NamedTuple):
    """What was read: every budget, its gauges, all projects, and how many entries are to be checked."""

    budgets: Sequence[Budget] = ()
    gauges: Sequence[Gauge] = ()
    projects: Sequence[str] = ()
    to_check: int = 0
    read: bool = False


def shown(data: BudgetsData, project: str) -> list[Budget]:
    """The budgets to show, those that were never set too: the overall one, then each project's, or the chosen one's."""
    known = {budget.scope: budget for budget in data.budgets}
    scopes = [Scope(""), *(Scope(name) for name in data.projects)]
    scopes += [budget.scope for budget in data.budgets if budget.limits or budget.unpriced is Unpriced.BLOCK]
    wanted = [scope for scope in dict.fromkeys(scopes) if project in ("", scope.project) or not scope.project]
    return [
        known.get(scope) or Budget(project=scope.project, model=scope.model, agent_type=scope.agent_type)
        for scope in sorted(wanted)
    ]


def lines(data: BudgetsData, project: str, *, now: int, width: int, glyphs: Glyphs) -> list[BudgetLine]:
    """The whole screen. A budget is one target, at its first line."""
    budgets = shown(data, project)
    drawn: list[BudgetLine] = []
    scopes = {budget.scope for budget in budgets}
    size = bar_size([gauge for gauge in data.gauges if gauge.budget.scope in scopes], width)
    if data.read and not any(budget.limits for budget in budgets):
        drawn += [(line, None) for line in _teaching()]
    unlimited = False
    for budget in budgets:
        gauges = [gauge for gauge in data.gauges if gauge.budget.scope == budget.scope]
        if unlimited and not gauges:
            drawn.pop()  # those without a limit stand together
        unlimited = not gauges
        drawn += _budget(budget, gauges, size, now, width, glyphs)
    return drawn


def _teaching() -> list[Line]:
    return [
        BLANK,
        ((" No limits are set: nothing stops an agent that runs all night.", Ink.STRONG),),
        BLANK,
        (
            (" Press ", Ink.TEXT), ("e", Ink.ACCENT),
            (" to cap tonight's run at $10. A request beyond it is refused before it is", Ink.TEXT),
        ),
        ((" sent, in words that every client shows; what is under way goes on.", Ink.TEXT),),
        BLANK,
    ]  # fmt: skip


def _budget(
    budget: Budget, gauges: Sequence[Gauge], size: int, now: int, width: int, glyphs: Glyphs
) -> list[BudgetLine]:
    name = name_of(budget.scope)
    blocks: list[Part] = []
    if budget.unpriced is Unpriced.BLOCK:
        blocks = [("   models without a price are blocked", Ink.MUTED)]
    if not gauges:
        said = "no limit" if not budget.limits else "…"
        return [(((f" {cell(name, LABEL)} ", Ink.STRONG), (said, Ink.MUTED), *blocks), budget.scope), (BLANK, None)]
    drawn: list[BudgetLine] = []
    if len(name) > LABEL:
        drawn.append((((f" {name}", Ink.STRONG),), budget.scope))
        name = ""
    note = str(budget.mode)
    for gauge in gauges:
        target = budget.scope if not drawn else None
        drawn.append((((f" {cell(name, LABEL)} ", Ink.STRONG), *_gauge(gauge, size, glyphs)), target))
        told = _under(gauge, now, width - LABEL - 2 - PERIOD)
        under: Line = ((f" {cell(note, LABEL + 1 + PERIOD)}", Ink.MUTED), (told, Ink.MUTED))
        drawn.append((cut(under, width), None))
        name = note = ""
    raised = budget.raised
    if raised is not None and raised.until > now:
        until = words.instant(raised.until)[5:16]
        drawn.append((((" " * (LABEL + 2 + PERIOD), Ink.TEXT), (f"raised until {until}", Ink.ACCENT), *blocks), None))
    elif blocks:
        drawn.append((((" " * (LABEL + PERIOD - 1), Ink.TEXT), *blocks), None))
    drawn.append((BLANK, None))
    return drawn


def _figures(gauge: Gauge) -> Line:
    window = gauge.window
    percent, ink = percent_of(window)
    figures: list[Part] = [(f" {percent:>7}", ink), (f"  {dollars(window.spent)}", Ink.STRONG)]
    figures.append((f" of {amount(window.cap or 0)}", Ink.MUTED))
    if window.held:
        figures.append((f"  {dollars(window.held)} held", Ink.TEXT))
    return figures


def bar_size(gauges: Sequence[Gauge], width: int) -> int:
    """As long as the widest figures leave room for, so that all bars are of one length."""
    widest = max((line_width(_figures(gauge)) for gauge in gauges), default=0)
    return max(SMALLEST_BAR, min(LARGEST_BAR, width - LABEL - 2 - PERIOD - widest - 1))


def _gauge(gauge: Gauge, size: int, glyphs: Glyphs) -> Line:
    name = cell("day" if gauge.window.period is Period.DAY else "month", PERIOD)
    return ((name, Ink.TITLE), *bar_of(gauge.window, size, glyphs), *_figures(gauge))


def _under(gauge: Gauge, now: int, room: int) -> str:
    """What is left, how fast it is spent, when that fills it, and when it begins anew; shorter if room is short."""
    window = gauge.window
    parts = [f"{dollars(window.left or 0)} left"]
    if window.cap == 0:
        parts = ["blocks everything"]
    elif window.left == 0:
        parts = ["full"]
    elif gauge.recent:
        parts += [f"{dollars(gauge.per_hour)}/h", full_at(gauge, now) or "lasts at this rate"]
    else:
        parts.append("nothing spent in the last hour")
    begins = local_time(window.zone, window.ends_at)
    date = f"{begins:%b} {begins.day} " if window.ends_at - now > words.DAY else ""
    parts.append(f"resets {date}{begins:%H:%M} {window.zone.rpartition('/')[2].replace('_', ' ')}")
    told = "  ".join(parts)
    for long, short in ((" at this rate", ""), ("full about ", "full ~"), (f"{date}00:00", date.rstrip() or "00:00")):
        if len(told) > room:
            told = told.replace(long, short)
    return told


def check_line(to_check: int, width: int) -> Line:
    """What the ledger would like to have checked."""
    if not to_check:
        return ()
    entries = "one entry" if to_check == 1 else f"{words.count(to_check)} entries"
    return spread(
        ((" ! ", Ink.WARN), (f"{entries} to check: the cost is not the provider's own figure", Ink.TEXT)),
        (("w  look ", Ink.MUTED),),
        width,
    )


_FLAGS = {
    "estimated": "no usage reported",
    "worst-case": "the gateway died",
    "uncertain": "never heard of",
    "overrun": "cost more than was held",
    "written-down": "written down",
}


def flag_words(flags: str) -> str:
    """Why an entry is to be checked."""
    return "; ".join(_FLAGS.get(flag, flag) for flag in flags.split(",") if flag)


def is_open(entry: FlaggedEntry) -> bool:
    """Whether nobody has corrected it yet."""
    return "written-down" not in entry.flags.split(",")


def entry_lines(entries: Iterable[FlaggedEntry], now: int, width: int) -> list[tuple[Line, FlaggedEntry | None]]:
    """The entries to check, newest first."""
    drawn: list[tuple[Line, FlaggedEntry | None]] = [
        (((f" {'time':<6} {'project':<11} {'model':<18} {'held':>8} {'charged':>8}  why", Ink.TITLE),), None)
    ]
    for entry in entries:
        line = cut(
            (
                (
                    f" {words.moment(entry.created_at, now):<6} {cell(entry.project, 11)} {cell(entry.model, 18)} ",
                    Ink.TEXT,
                ),
                (f"{dollars(entry.hold):>8} {dollars(entry.cost):>8}", Ink.TEXT),
                (f"  {flag_words(entry.flags)}", Ink.MUTED if not is_open(entry) else Ink.WARN),
            ),
            width,
        )
        drawn.append((line, entry))
    return drawn
