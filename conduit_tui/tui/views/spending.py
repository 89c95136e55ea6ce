"""The Overview's lines about money: today and this month against their budgets, tokens, what routing saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit_tui.domain.limits import dollars
from conduit_tui.domain.money import format_dollars
from conduit_tui.tui import format as words
from conduit_tui.tui.gauge import amount, bar_of, full_at, name_of, percent_of
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Ink, Line, Part, cut, line_width

if TYPE_CHECKING:
    from conduit_tui.domain.budgets import Gauge
    from conduit_tui.store.interface import UsageTotal
    from conduit_tui.tui.savings import Saving

BAR = 20


def tightest(gauges: Sequence[Gauge], period: str, project: str) -> Gauge | None:
    """Of the budgets of a project (of all of them) for `day` or `month`, the one that is used up most."""
    concerned = [
        gauge
        for gauge in gauges
        if gauge.window.period == period and (not project or gauge.budget.project in ("", project))
    ]
    return max(concerned, key=lambda gauge: gauge.window.used_percent, default=None)


def gauge_line(label: Part, gauge: Gauge, now: int, width: int, glyphs: Glyphs) -> Line:
    """`$6.42 of $10  ████▒░░  64 %  $0.31 held  full ~19:40  docs`"""
    window = gauge.window
    percent, ink = percent_of(window)
    money = f"{format_dollars(window.spent)} of {amount(window.cap or 0)}"
    parts: list[Part] = [label, (f"{money:<17} ", Ink.STRONG), *bar_of(window, BAR, glyphs), (f"  {percent}", ink)]
    if window.held:
        parts.append((f"  {dollars(window.held)} held", Ink.TEXT))
    full = full_at(gauge, now).replace("about ", "~")
    if full:
        parts.append((f"  {full}", Ink.TEXT))
    name: Part = (f"  {name_of(gauge.budget.scope)}", Ink.MUTED)
    return [*parts, name] if line_width((*parts, name)) <= width else cut(parts, width)


def tokens_line(label: Part, today: UsageTotal, saved: Saving | None, width: int) -> Line:
    """`1.9 M in (82 % cached)  48k out  74 requests  ~$2.10 saved by rules`"""
    cached = words.whole_percent(today.cache_read_tokens, today.input_tokens)
    parts: list[Part] = [
        label,
        (words.tokens(today.input_tokens), Ink.TEXT),
        (f" in ({cached} cached)  ", Ink.MUTED),
        (words.tokens(today.output_tokens), Ink.TEXT),
        (" out  ", Ink.MUTED),
        (words.count(today.requests), Ink.TEXT),
        (" requests", Ink.MUTED),
    ]
    if saved is not None and saved.requests:
        less = saved.nanodollars >= 0
        parts.append((f"  ~{dollars(abs(saved.nanodollars))}", Ink.GOOD if less else Ink.WARN))
        said: Part = (" saved" if less else " more", Ink.MUTED)
        by_rules: Part = (f"{said[0]} by rules", Ink.MUTED)
        parts.append(by_rules if line_width((*parts, by_rules)) <= width else said)
    return parts
