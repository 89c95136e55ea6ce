"""Writing what is shown into a file of its own: readable by its owner only, and never over another one."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from conduit_tui.observe.printable import printable


def write_new(folder: Path, stem: str, suffix: str, text: str) -> Path:
    """Write a new file, with a number in its name where the name is taken; its path. Raises OSError."""
    for number in count(1):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path
    raise AssertionError("numbers do not end")


def as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows of the same columns as comma-separated values. What a spreadsheet would calculate is written as text."""
    written = io.StringIO()
    names = list(rows[0]) if rows else []
    writer = csv.writer(written)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_harmless(row[name]) for name in names])
    return written.getvalue()


def as_json(value: object) -> str:
    """The value as JSON in plain ASCII."""
    return json.dumps(value, indent=2).replace("\x7f", r"\u007f") + "\n"


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
