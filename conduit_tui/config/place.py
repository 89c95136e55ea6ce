"""TOML texts: their values, and where in them a key stands."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conduit_tui.config.errors import ConfigError, Problem

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def parse(text: str, path: Path | None = None) -> dict[str, Any]:
    """The values of a TOML text. Raises ConfigError with the line and column."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT.search(str(error))
        line, column = (int(found[1]), int(found[2])) if found and found[1] else (len(text.splitlines()) or 1, 1)
        words = _AT.sub("" if found and found[1] else "; the text ends too early", str(error))
        raise ConfigError((Problem(f"{words[:1].lower()}{words[1:]}", "", line, column),), path) from None


def located(key: str, message: str, text: str, near: str = "") -> Problem:
    """A problem at the place in `text` where the dotted key stands."""
    table, _, name = key.partition(".")
    line = line_of(text, (table, name) if name else (table,))
    column = 1
    if line:
        row = text.splitlines()[line - 1]
        column += len(row) - len(row.lstrip())
    return Problem(message, key, line, column if line else 0, near)


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, from 1, on which the statement begins that gives `path` its value; 0 when there is none.

    A path to something within a value, or one that is not there itself, leads to what holds it.
    """
    keys = [part for part in path if isinstance(part, str)]
    for depth in range(len(keys), 0, -1):
        if line := _line(text, keys[:depth]):
            return line
    return 0


def _line(text: str, keys: Sequence[str]) -> int:
    """A statement is as many lines as it takes to parse, and is looked at under its table's head alone."""
    head, statement, begins = "", "", 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        begins = begins if statement else number
        statement += line
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            head = statement if statement.endswith("\n") else f"{statement}\n"
            found = tomllib.loads(head)
        else:
            found = tomllib.loads(head + statement) if statement.strip() else {}
        if _has(found, keys):
            return begins
        statement = ""
    return 0


def _has(values: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True
