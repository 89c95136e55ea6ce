"""The chart of the Usage screen: scale, bars or lines, and the words around them. No screen."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from conduit_tui.tui.curves import curves
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import PARTS, Ink, Palette
from conduit_tui.tui.stacks import stacked
from conduit_tui.tui.time_range import axis, bar_width, pointer

if TYPE_CHECKING:
    from conduit_tui.tui.usage_data import UsageData

SCALE = 7  # cells for the figures left of the chart
_STEPS = (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10)


def room(width: int) -> int:
    """The cells that bars have in a chart of this width."""
    return max(1, width - SCALE - 1)


def scale_top(greatest: float) -> float:
    """The round figure that the upper edge of a chart stands for."""
    if greatest <= 0:
        return 0.0
    unit = 10.0 ** floor(log10(greatest))
    return next((step * unit for step in _STEPS if step * unit >= greatest * 0.999), 10 * unit)


def draw(
    data: UsageData,
    *,
    lines: bool,
    picked: int | None,
    width: int,
    height: int,
    now: int,
    palette: Palette,
    ground: Style,
    glyphs: Glyphs,
) -> list[Strip]:
    """The whole chart: figures on the left, bars or lines, words of time below; `picked` is the bar to point at."""
    muted, bars = ground + palette[Ink.MUTED], bar_width(data.span, room(width))
    canvas = max(1, height - 1)
    greatest = _greatest(data.values, together=not lines)
    top = scale_top(greatest)
    if not top:
        return _nothing(width, height, "nothing in this time", muted, ground)
    inks = [palette[ink] for ink in PARTS]
    unfinished = data.span.until > now
    if lines:
        # Durations of a stretch without requests do not exist; amounts are 0 there.
        shown = [[value if value or data.metric.adds_up else None for value in part] for part in data.values]
        rows = curves(shown, top, height=canvas, bar=bars, inks=inks, ground=ground, glyphs=glyphs)
    else:
        rows = stacked(
            data.values, top, height=canvas, bar=bars, inks=inks, ground=ground, glyphs=glyphs, hatch_last=unfinished
        )
    marks = {0: top, canvas // 2: top * (canvas - canvas // 2) / canvas}
    drawn = []
    for number, row in enumerate(rows):
        figure = data.metric.write(marks[number]) if number in marks else ""
        drawn.append(Strip([Segment(f"{figure:>{SCALE}} ", muted), *row]))
    zero = f"{data.metric.write(0):>{SCALE}} "
    if picked is None:
        drawn.append(Strip([Segment(zero + axis(data.span, bars, now), muted)]))
    else:
        words = pointer(data.span, bars, picked, glyphs.mark)
        drawn.append(Strip([Segment(zero, muted), Segment(words, ground + palette[Ink.ACCENT])]))
    return drawn


def _greatest(values: Sequence[Sequence[float]], *, together: bool) -> float:
    if not values:
        return 0.0
    if together:
        sums: list[float] = [sum(column) for column in zip(*values, strict=True)]
        return max(sums)
    return max(max(part) for part in values)


def _nothing(width: int, height: int, text: str, muted: Style, ground: Style) -> list[Strip]:
    blank = Strip([Segment(" " * width, ground)])
    middle = Strip([Segment(f"{text:^{width}}", muted)])
    return [middle if row == height // 2 else blank for row in range(height)]
