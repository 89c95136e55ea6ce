"""Where in a TOML text a key stands."""

import tomllib
from collections.abc import Sequence
from typing import Any


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
