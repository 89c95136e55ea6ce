"""Lines drawn by plotext, in our own colours. No screen."""

from collections.abc import Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from conduit_tui.tui.glyphs import Glyphs


def curves(
    lines: Sequence[Sequence[float | None]],
    top: float,
    *,
    height: int,
    bar: int,
    inks: Sequence[Style],
    ground: Style,
    glyphs: Glyphs,
) -> list[Strip]:
    """Lines through the middle of each stretch of `bar` cells; where nothing was measured, a line is interrupted."""
    from textual_plotext.plot import Plot  # not at the first paint

    width = bar * (len(lines[0]) if lines else 1)
    plot = Plot()
    plot.plotsize(width, height)
    plot._set_size(width, height)  # plotsize alone does not resize: textual-plotext issue 5
    plot.theme("clear")
    plot.frame(False)
    plot.xaxes(False, False)
    plot.yaxes(False, False)
    plot.xticks([])
    plot.yticks([])
    plot.xlim(0, width)
    plot.ylim(0, top or 1)
    # The first line is drawn last: it is the greatest, and lies over the others.
    for number, line in reversed(list(enumerate(lines))):
        marker = glyphs.parts[number % len(glyphs.parts)] if glyphs.parts else "braille"
        for run in _runs(line):
            xs = [(at + 0.5) * bar for at, _ in run]
            draw = plot.plot if len(run) > 1 else plot.scatter
            draw(xs, [value for _, value in run], color=number + 1, marker=marker)
    return [_strip(line, width, inks, ground) for line in Text.from_ansi(plot.build()).split("\n")][:height]


def _runs(line: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    run: list[tuple[int, float]] = []
    for at, value in enumerate(line):
        if value is not None:
            run.append((at, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _strip(line: Text, width: int, inks: Sequence[Style], ground: Style) -> Strip:
    """A line of plotext's with the colour numbers that it was given replaced by our inks."""
    owners: list[int] = [0] * len(line.plain)
    for start, end, style in line.spans:
        if isinstance(style, Style) and style.color is not None:
            owners[start:end] = [style.color.number or 0] * (end - start)
    segments: list[Segment] = []
    start = 0
    for at in range(1, len(owners) + 1):
        if at == len(owners) or owners[at] != owners[start]:
            number = owners[start]
            segments.append(Segment(line.plain[start:at], ground + inks[number - 1] if number else ground))
            start = at
    return Strip(segments).adjust_cell_length(width, ground)
