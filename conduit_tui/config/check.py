"""From values to a configuration, or to everything that is wrong with them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from conduit_tui.config.errors import ConfigError, Problem
from conduit_tui.config.model import SETTINGS, BoxConfig
from conduit_tui.config.place import located
from conduit_tui.domain.nearest import nearest

_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "on or off",
    "string_type": "a text in quotes",
    "tuple_type": "a list of texts in quotes",
    "model_type": "a table",
    "dict_type": "a table",
}


def validate(values: Mapping[str, Any], *, text: str = "", path: Path | None = None) -> BoxConfig:
    """The configuration of these values, as TOML types them. Raises ConfigError; `text` is what they stood in."""
    try:
        return BoxConfig.model_validate(values, strict=True)
    except ValidationError as error:
        raise ConfigError(
            tuple(in_order(_problem(each, text) for each in error.errors(include_url=False))), path
        ) from None


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems as they come in the file."""
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _problem(error: ErrorDetails, text: str) -> Problem:
    loc = [str(part) for part in error["loc"]]
    key = ".".join(loc[:2])
    near = ""
    if error["type"] == "extra_forbidden":
        near = nearest(key, SETTINGS) if len(loc) > 1 else _nearest_table(key)
        message = "there is no such key" if len(loc) > 1 else "there is no such table"
        if not near:
            message += f"; there are {', '.join(_known(loc))}"
    elif error["type"] == "value_error":
        message = error["msg"].removeprefix("Value error, ")
        if len(loc) == 1:  # of a table: the key that its words begin with
            key = f"{key}.{message.split()[0]}"
    else:
        message = _in_words(error)
    return located(key, message, text, near)


def _known(loc: list[str]) -> list[str]:
    here = [setting.name for setting in SETTINGS.values() if setting.table == loc[0]]
    return here if len(loc) > 1 else _tables()


def _tables() -> list[str]:
    return list(BoxConfig.model_fields)


def _nearest_table(name: str) -> str:
    if table := nearest(name, _tables()):
        return table
    # a key that stands before any table, or in none
    return next((key for key in SETTINGS if key.partition(".")[2] == name), "")


def _in_words(error: ErrorDetails) -> str:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    shown = repr(given) if not isinstance(given, bool) else str(given).lower()
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}, not {shown}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        near = nearest(str(given), choices)
        return f"must be one of {', '.join(choices)}, not {shown}" + (f"; did you mean {near!r}?" if near else "")
    if kind in ("greater_than_equal", "less_than_equal"):
        setting = SETTINGS.get(".".join(str(part) for part in error["loc"][:2]))
        return f"must be {setting.bounds if setting else 'within bounds'}, not {shown}"
    if kind == "string_too_short":
        return "must not be empty"
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}, not {shown}"
