"""Columns: their widths, which of them give way when room is short, and cells cut to size."""

from collections.abc import Mapping, Sequence
from math import floor
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import Ink, Line, Part

GAP = 2


class Column(NamedTuple):
    """A column of `width` cells. `give_way` orders the dropping, highest first; 0 stays. `stretch` takes spare room."""

    name: str
    title: str
    width: int
    right: bool = False
    give_way: int = 0
    stretch: int = 0
    widest: int = 200


def fit(columns: Sequence[Column], room: int) -> tuple[Column, ...]:
    """The columns that find room, the stretching ones widened."""
    kept = list(columns)

    def taken() -> int:
        return sum(column.width + GAP for column in kept) - GAP

    while taken() > room:
        weakest = max(kept, key=lambda column: column.give_way)
        if not weakest.give_way:
            break
        kept.remove(weakest)
    spare = room - taken()
    weights = sum(column.stretch for column in kept)
    if weights:
        share = spare / weights
        kept = [
            column._replace(width=max(4, min(column.widest, column.width + floor(share * column.stretch))))
            if column.stretch
            else column
            for column in kept
        ]
    return tuple(kept)


def cell(text: str, width: int, *, right: bool = False) -> str:
    """The text, cleaned, in exactly `width` cells; cut with `…` where it is longer."""
    text = clean(text)
    cells = len(text) if text.isascii() else cell_len(text)
    if cells > width:
        return set_cell_size(text, width - 1) + "…" if width else ""
    blank = " " * (width - cells)
    return blank + text if right else text + blank


def head(columns: Sequence[Column]) -> str:
    """The titles, over their columns."""
    return (" " * GAP).join(cell(column.title, column.width, right=column.right) for column in columns)


def titles(columns: Sequence[Column], title: str) -> Line:
    """The titles of a table, `title` in the place of the first one."""
    first, *rest = columns
    return ((f" {cell(title, first.width)}{' ' * GAP}{head(rest)}", Ink.TITLE),)


def cells(columns: Sequence[Column], values: Mapping[str, Part]) -> Line:
    """A row of a table: by the columns' names, what stands there."""
    parts: list[Part] = [(" ", Ink.TEXT)]
    for column in columns:
        text, ink = values[column.name]
        parts.append((cell(text, column.width, right=column.right) + " " * GAP, ink))
    return parts
