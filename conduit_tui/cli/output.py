"""What goes to stdout: aligned tables, JSON, CSV. Data from elsewhere cannot steer the terminal it is printed on."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import click

from conduit_tui.cli.echo import echo
from conduit_tui.observe.printable import printable

Cell = str | int | float | None


def refuse_both(*, as_json: bool, as_csv: bool) -> None:
    """Data is printed in one form. Raises UsageError where two are asked for."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")


def print_json(data: Any) -> None:
    """Indented JSON in plain ASCII."""
    echo(json.dumps(data, indent=2, default=str).replace("\x7f", r"\u007f"), keep="\n")


def print_csv(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Comma-separated values with a header line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(headers)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    echo(buffer.getvalue(), nl=False, keep="\n")


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()) -> None:
    """Aligned columns, those in `right` flush right."""
    for line in table_lines(headers, rows, right=right):
        echo(line)


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """One `name  value` line per pair, values aligned; pairs without a value are left out."""
    shown = [(name, printable(value)) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        echo(f"{name:<{width}}  {value}")


def table_lines(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()) -> list[str]:
    """The lines of a table: two spaces between columns, none at the end."""
    flush_right = set(right)
    cells = [list(headers), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(_width(line[column]) for line in cells) for column in range(len(headers))]

    def pad(text: str, column: int) -> str:
        blank = " " * (widths[column] - _width(text))
        return blank + text if column in flush_right else text + blank

    return ["  ".join(pad(text, column) for column, text in enumerate(line)).rstrip() for line in cells]


def _width(text: str) -> int:
    """Terminal cells: East Asian wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    combining = sum(unicodedata.combining(c) != 0 for c in text)
    return len(text) + wide - combining


def _csv_cell(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    # A spreadsheet would run a session named `=cmd(...)` as a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
