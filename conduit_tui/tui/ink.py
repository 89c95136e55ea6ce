"""How a line is drawn: parts of text, each with an ink, become one strip of as few segments as possible."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from conduit_tui.tui.clean import clean


class Ink(StrEnum):
    """What a part of a line is, not which colour it has; the theme says that."""

    TEXT = "text"
    MUTED = "muted"
    STRONG = "strong"
    ACCENT = "accent"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    FAINT = "faint"  # rules, empty gauges
    TITLE = "title"  # section titles and column heads
    CURSOR = "cursor"  # the ground under the line that has the cursor
    PART_1 = "part 1"  # parts of a chart, the greatest first
    PART_2 = "part 2"
    PART_3 = "part 3"
    PART_4 = "part 4"
    PART_5 = "part 5"
    PART_6 = "part 6"  # all others together


PARTS = (Ink.PART_1, Ink.PART_2, Ink.PART_3, Ink.PART_4, Ink.PART_5, Ink.PART_6)

Part = tuple[str, Ink]
Line = Sequence[Part]
Palette = Mapping[Ink, Style]

BLANK: Line = ()


def plain(text: str) -> Line:
    """A line of ordinary text."""
    return ((text, Ink.TEXT),)


def line_width(line: Line) -> int:
    """The cells that the line takes."""
    return sum(cell_len(clean(text)) for text, _ in line)


def spread(left: Line, right: Line, width: int) -> Line:
    """`left` and `right` at the two ends of a line; when they do not fit, the left one is cut."""
    room = width - line_width(right)
    gap = room - line_width(left)
    if gap >= 1:
        return (*left, (" " * gap, Ink.TEXT), *right)
    return (*cut(left, max(0, room - 1)), (" ", Ink.TEXT), *right)


def cut(line: Line, width: int) -> Line:
    """The line, at most `width` cells of it; a `…` tells that there was more."""
    kept: list[Part] = []
    for text, ink in line:
        text = clean(text)
        cells = cell_len(text)
        if cells > width:
            kept.append((set_cell_size(text, width - 1) + "…" if width else "", ink))
            break
        kept.append((text, ink))
        width -= cells
    return kept


def draw(line: Line, width: int, palette: Palette, ground: Style) -> Strip:
    """The line as a strip of exactly `width` cells. Every text of a screen passes through here, and is cleaned."""
    texts: list[str] = []
    inks: list[Ink] = []
    room = width
    for text, ink in line:
        if not text or not room:
            continue
        text = clean(text)
        cells = len(text) if text.isascii() else cell_len(text)
        if cells > room:
            text = set_cell_size(text, room)
            cells = room
        room -= cells
        # Blanks show no ink, so they go with their neighbour: fewer segments, fewer bytes.
        if inks and (ink is inks[-1] or text.isspace()):
            texts[-1] += text
        else:
            texts.append(text)
            inks.append(ink)
    if room:
        if texts:
            texts[-1] += " " * room
        else:
            texts.append(" " * room)
            inks.append(Ink.TEXT)
    return Strip([Segment(text, palette[ink] + ground) for text, ink in zip(texts, inks, strict=True)], width)
