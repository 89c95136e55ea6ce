"""Refused input in words: which value, what is wrong with it, the nearest that would do."""

import re

from pydantic import ValidationError

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.nearest import did_you_mean as did_you_mean

NAME_HINT = "small letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 64"


def bad_input(error: ValidationError) -> ControlError:
    """The first problem that pydantic found, as a `bad-input` error. `field` is the dotted path of the input."""
    problem = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in problem["loc"])
    value, kind, context = problem["input"], problem["type"], problem.get("ctx", {})
    if kind == "enum":
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        message = f"{value!r} is none of {', '.join(choices)}{did_you_mean(str(value), choices)}"
    elif kind == "string_pattern_mismatch":
        message = f"{value!r} is not a name: {NAME_HINT}{_nearest_name(str(value))}"
    elif kind == "missing":
        message = "is missing"
    elif kind in ("extra_forbidden", "unexpected_keyword_argument"):
        message = "is not known here"
    elif kind == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
    else:
        message = f"{problem['msg'][:1].lower()}{problem['msg'][1:]}, got {_shortened(value)}"
    return ControlError("bad-input", message, path)


def _nearest_name(value: str) -> str:
    name = re.sub(r"[^a-z0-9._-]+", "-", value.lower()).strip("-._")[:64]
    return f"; {name!r} would do" if name else ""


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
