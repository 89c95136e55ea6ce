"""The gauge of a budget's window: spent, held and left, told apart without colours too. No screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conduit_tui.domain.limits import ALARM_PERCENT, WARNING_PERCENT, Scope, dollars
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Ink, Part
from conduit_tui.tui.widgets.sparkline import bar

if TYPE_CHECKING:
    from conduit_tui.domain.budgets import Gauge
    from conduit_tui.domain.limits import Window


def ink_of(window: Window) -> Ink:
    """By how much of the cap is spent or held."""
    if window.used_percent >= ALARM_PERCENT:
        return Ink.BAD
    return Ink.WARN if window.used_percent >= WARNING_PERCENT else Ink.GOOD


def percent_of(window: Window) -> Part:
    """`64 %`, with a mark from the thresholds on: `! 82 %`, `!! 97 %`."""
    used = window.used_percent
    mark = "!! " if used >= ALARM_PERCENT else "! " if used >= WARNING_PERCENT else ""
    return (f"{mark}{min(used, 999):.0f} %", ink_of(window) if mark else Ink.TEXT)


def bar_of(window: Window, width: int, glyphs: Glyphs) -> list[Part]:
    """Spent, held, left from the left to the right; what is more than nothing is always seen."""
    cap = window.cap
    if cap is None:
        return [(" " * width, Ink.FAINT)]
    ink = ink_of(window)
    if cap == 0:
        return [(glyphs.fractions[-1] * width, ink)]
    held = min(width, max(1, round(window.held / cap * width))) if window.held else 0
    spent = bar(min(1.0, window.spent / cap), width, glyphs)
    if held:
        spent = spent[: width - held].replace(" ", "")
        # A part of a cell between spent and held would look like a gap.
        spent = "".join(glyphs.fractions[-1] if sign in glyphs.fractions[1:] else sign for sign in spent)
    left = width - len(spent) - held
    return [(spent, ink), (glyphs.held * held, Ink.MUTED), (glyphs.empty * left, Ink.FAINT)]


def full_at(gauge: Gauge, now: int) -> str:
    """When the cap is reached at this speed: `full about 19:40`, `full`; empty if not in this window."""
    at = gauge.exhausted_at(now)
    if at is None:
        return ""
    if at <= now:
        return "full"
    when = words.local(at)
    same_day = when.date() == words.local(now).date()
    return f"full about {when:%H:%M}" if same_day else f"full about {when:%b} {when.day}"


def amount(nanodollars: int) -> str:
    """A cap: cents only where there are some."""
    whole, rest = divmod(nanodollars, NANO_PER_DOLLAR)
    return dollars(nanodollars) if rest else f"${whole:,}"


def title_of(scope: Scope) -> str:
    """`overall budget`, `budget of docs`, `overall budget claude-opus-*`."""
    return f"budget of {name_of(scope)}" if scope.project else f"overall budget{name_of(scope).removeprefix('overall')}"


def name_of(scope: Scope) -> str:
    """`overall`, `docs`, `docs claude-opus-*`."""
    parts = [scope.project or "overall", scope.model, scope.agent_type]
    return " ".join(part for part in parts if part)
