"""The filter line of Requests: free words, and `model:`, `status:`, `project:`, `session:`."""

import difflib
import re
from typing import NamedTuple

from conduit_tui.store.interface import UsageFilter

KEYS = ("model", "status", "project", "session")
_TOKEN = re.compile(r'(?:(?P<key>[A-Za-z_-]+):)?(?:"(?P<quoted>[^"]*)"|(?P<open>")|(?P<bare>[^\s"]+)|(?=\s|$))')
_STATUS = re.compile(r"[1-5]\d\d|[1-5]xx|error|0")


class FilterError(ValueError):
    """What is wrong with a filter, in words for the person who types it."""


class _Word(NamedTuple):
    key: str
    value: str


def parse(text: str, project: str = "") -> UsageFilter:
    """The filter that the line says, within `project` unless the line names another. Raises FilterError."""
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
    return UsageFilter(text=" ".join(words), **fields)


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
