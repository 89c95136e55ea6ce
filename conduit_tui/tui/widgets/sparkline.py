"""Small charts of blocks, drawn by hand: a redraw is a few hundred bytes."""

from collections.abc import Sequence

from conduit_tui.tui.glyphs import Glyphs


def resample(values: Sequence[float], width: int) -> list[float]:
    """The values as `width` sums (or, where there are fewer values than cells, each value as wide as its share)."""
    if not values or width <= 0:
        return []
    size = len(values)
    if size <= width:
        return [values[cell * size // width] for cell in range(width)]
    return [sum(values[cell * size // width : (cell + 1) * size // width]) for cell in range(width)]


def sparkline(values: Sequence[float], glyphs: Glyphs, *, height: int = 1, headroom: float = 1) -> list[str]:
    """The values, one per cell, as rows of blocks, the top row first. What is more than nothing is always seen.

    `headroom` is how many times the greatest value would fit under the top.
    """
    steps = len(glyphs.levels) - 1
    peak = max(values, default=0) * headroom
    rows = []
    for row in range(height - 1, -1, -1):
        line = []
        for value in values:
            filled = round(value / peak * steps * height) if peak > 0 else 0
            if value > 0:
                filled = max(1, filled)
            line.append(glyphs.levels[max(0, min(steps, filled - row * steps))])
        rows.append("".join(line))
    return rows


def bar(share: float, width: int, glyphs: Glyphs) -> str:
    """A horizontal bar of `share` (0 to 1) of `width` cells, in eighths of a cell."""
    steps = len(glyphs.fractions) - 1
    filled = round(max(0.0, min(1.0, share)) * width * steps)
    if share > 0:
        filled = max(1, filled)
    whole, rest = divmod(filled, steps)
    return glyphs.fractions[steps] * whole + (glyphs.fractions[rest] if rest else "")
