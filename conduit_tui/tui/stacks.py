"""Stacked bars drawn by hand, in eighths of a cell; where two parts meet in a cell, it has both colours. No screen."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from conduit_tui.tui.glyphs import Glyphs

NOBODY = -1


class _Cell(NamedTuple):
    """What is in a cell: a block so high in the colour of `below`, on the colour of `above`."""

    level: int
    below: int = NOBODY
    above: int = NOBODY


def stacked(
    parts: Sequence[Sequence[float]],
    top: float,
    *,
    height: int,
    bar: int,
    inks: Sequence[Style],
    ground: Style,
    glyphs: Glyphs,
    hatch_last: bool = False,
) -> list[Strip]:
    """Bars of `bar` cells (one of them a gap if there are three or more), the parts of each from the bottom up.

    `parts` are values by part and then by bar, `top` what reaches the upper edge. Without colours each part has a
    sign of its own instead. `hatch_last` draws the last bar as not finished, in whole cells.
    """
    steps = len(glyphs.levels) - 1 if glyphs.parts == "" else 1
    bars = len(parts[0]) if parts else 0
    columns = [_column([part[at] for part in parts], top, height, steps) for at in range(bars)]
    gap = 1 if bar >= 3 else 0
    drawn = []
    for row in range(height - 1, -1, -1):
        segments: list[Segment] = []
        for at, column in enumerate(columns):
            text, style = _draw(column[row], inks, ground, glyphs, steps)
            if hatch_last and at == bars - 1:
                text, style = _hatch(column[row], inks, ground, glyphs, steps, lowest=row == 0)
            _append(segments, text * (bar - gap), style)
            if gap:
                _append(segments, " " * gap, ground)
        drawn.append(Strip(segments, bars * bar))
    return drawn


def _column(values: Sequence[float], top: float, height: int, steps: int) -> list[_Cell]:
    """The cells of a bar from the bottom up. What is more than nothing is always seen."""
    ends = []
    total = 0.0
    for value in values:
        total += value
        end = round(total / top * height * steps) if top > 0 else 0
        ends.append(min(height * steps, max(1, end)) if total > 0 else 0)
    return [_cell(ends, row * steps, steps) for row in range(height)]


def _cell(ends: Sequence[int], bottom: int, steps: int) -> _Cell:
    inside = []  # the parts in this cell and how much of it each has
    start = 0
    for part, end in enumerate(ends):
        share = min(end, bottom + steps) - max(start, bottom)
        if share > 0:
            inside.append((part, share))
        start = max(start, end)
    filled = sum(share for _, share in inside)
    if not inside:
        return _Cell(0)
    if len(inside) == 1 or filled < steps:
        return _Cell(filled, max(inside, key=lambda one: one[1])[0])
    (below, share), *rest = inside
    return _Cell(share, below, max(rest, key=lambda one: one[1])[0])


def _draw(cell: _Cell, inks: Sequence[Style], ground: Style, glyphs: Glyphs, steps: int) -> tuple[str, Style]:
    if cell.below == NOBODY:
        return " ", ground
    if glyphs.parts:
        return glyphs.parts[cell.below % len(glyphs.parts)], ground + inks[cell.below]
    style = ground + inks[cell.below]
    if cell.above != NOBODY:
        style += Style(bgcolor=inks[cell.above].color)
    return glyphs.levels[min(steps, cell.level)], style


def _hatch(
    cell: _Cell, inks: Sequence[Style], ground: Style, glyphs: Glyphs, steps: int, *, lowest: bool
) -> tuple[str, Style]:
    if glyphs.parts or cell.below == NOBODY:
        return _draw(cell, inks, ground, glyphs, steps)
    if cell.above == NOBODY and cell.level * 2 < steps and not lowest:
        return " ", ground
    owner = cell.above if cell.above != NOBODY and cell.level * 2 < steps else cell.below
    return glyphs.held, ground + inks[owner]


def _append(segments: list[Segment], text: str, style: Style) -> None:
    if segments and segments[-1].style == style:
        segments[-1] = Segment(segments[-1].text + text, style)
    else:
        segments.append(Segment(text, style))
