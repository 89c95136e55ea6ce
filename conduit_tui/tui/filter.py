"""The filter line of Requests: an expression of the rule language, or free words with `model:`, `status:`, `project:`,
`session:`, `since:`, `until:`.
"""

import difflib
import re
from datetime import datetime
from typing import NamedTuple

from conduit_tui.routing.expression import ExpressionError
from conduit_tui.store.interface import UsageFilter
from conduit_tui.tui import log_expression

KEYS = ("model", "status", "project", "session", "since", "until")
_TOKEN = re.compile(r'(?:(?P<key>[A-Za-z_-]+):)?(?:"(?P<quoted>[^"]*)"|(?P<open>")|(?P<bare>[^\s"]+)|(?=\s|$))')
_STATUS = re.compile(r"[1-5]\d\d|[1-5]xx|error|0")


class FilterError(ValueError):
    """What is wrong with a filter, in words for the person who types it."""


class _Word(NamedTuple):
    key: str
    value: str


def parse(text: str, project: str = "") -> UsageFilter:
    """The filter that the line says, within `project` unless the line names another. Raises FilterError."""
    try:
        expression = log_expression.read(text)
    except ExpressionError as error:
        raise FilterError(str(error)) from None
    if expression is not None:
        return UsageFilter(project=project, expression=expression)
    words: list[str] = []
    fields: dict[str, str] = {"project": project} if project else {}
    named: set[str] = set()
    for key, value in _words(text):
        if not key:
            words.append(value)
            continue
        if key not in KEYS:
            nearest = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.5)
            hint = f"did you mean {nearest[0]}:" if nearest else f"known: {', '.join(name + ':' for name in KEYS)}"
            raise FilterError(f"no key {key}: {hint}")
        if key in named:
            raise FilterError(f"{key}: stands there twice")
        if not value:
            raise FilterError(f"{key}: needs a value" + (", e.g. status:4xx" if key == "status" else ""))
        if key == "status" and not _STATUS.fullmatch(value.lower()):
            raise FilterError("status: is a number (429), a class (4xx) or error")
        named.add(key)
        fields[key] = value.lower() if key == "status" else value
    since, until = (_instant(key, fields.pop(key, "")) for key in ("since", "until"))
    model, status, project, session = (fields.get(key, "") for key in KEYS[:4])
    return UsageFilter(" ".join(words), model, status, project, session, since, until)


def _instant(key: str, text: str) -> int:
    """A date, or a date and time of day, of the local zone; milliseconds since the epoch."""
    if not text:
        return 0
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1_000)
    except (ValueError, OverflowError, OSError):
        raise FilterError(f"{key}: is a date, with or without a time: 2025-11-14T10:30") from None


def between(since: int, until: int) -> str:
    """The filter for what came from one instant (milliseconds, of a whole minute) to just before another."""
    return f"since:{_minute(since)} until:{_minute(until)}"


def _minute(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000).astimezone().strftime("%Y-%m-%dT%H:%M")


def _words(text: str) -> list[_Word]:
    found = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise FilterError(f"cannot read {text[at:]!r}")
        if match["open"]:
            raise FilterError("a closing quote is missing")
        value = match["quoted"] if match["quoted"] is not None else match["bare"] or ""
        found.append(_Word((match["key"] or "").lower(), value))
        at = match.end()
    return [word for word in found if word.key or word.value]
