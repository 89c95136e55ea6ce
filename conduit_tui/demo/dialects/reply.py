"""What a model says, before any dialect puts it into words of its own."""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from conduit_tui.domain.usage import Usage

_WORDS = re.compile(r"\s*\S+\s*")
_DELTA_CHARACTERS = 16

Stop = Literal["end", "length", "tool", "refusal"]


class Text(NamedTuple):
    """A block of visible text."""

    text: str


class Thinking(NamedTuple):
    """A block of reasoning; OpenAI's chat dialect does not show it."""

    text: str
    signature: str = "RmFrZVNpZ25hdHVyZQ=="


class ToolCall(NamedTuple):
    """A call of one of the client's tools."""

    name: str
    arguments: dict[str, Any]


Block = Text | Thinking | ToolCall


class Reply(NamedTuple):
    """One answer. `id` is bare hexadecimal, `created` seconds since the epoch, `usage` None where nothing is said."""

    id: str
    model: str
    created: int
    blocks: tuple[Block, ...]
    usage: Usage | None
    stop: Stop = "end"


class Event(NamedTuple):
    """A server-sent event: its name (empty: no `event:` line) and its data."""

    name: str
    data: dict[str, Any] | str


def pieces(text: str) -> Iterator[str]:
    """The deltas in which a text is streamed: a few words each."""
    delta = ""
    for word in _WORDS.findall(text) or ([text] if text else []):
        delta += word
        if len(delta) >= _DELTA_CHARACTERS:
            yield delta
            delta = ""
    if delta:
        yield delta


def json_pieces(value: object) -> Iterator[str]:
    """The deltas in which a tool call's arguments are streamed."""
    text = compact(value)
    for start in range(0, len(text), _DELTA_CHARACTERS):
        yield text[start : start + _DELTA_CHARACTERS]


def compact(value: object) -> str:
    """JSON as providers send it: no blanks, Unicode as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encode(event: Event) -> bytes:
    """The event's bytes on the wire."""
    data = event.data if isinstance(event.data, str) else compact(event.data)
    head = f"event: {event.name}\n" if event.name else ""
    return f"{head}data: {data}\n\n".encode()
