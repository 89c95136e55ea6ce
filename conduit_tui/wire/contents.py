"""What a request's body says, in one shape for every dialect: for the rules that ask for it.

Everything here looks at what is there and never refuses: a body of an odd form has empty contents.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.wire.members import decode

SYSTEM_REMINDER = "<system-reminder>"
_IMAGE_TYPES = frozenset({"image", "image_url", "input_image"})
_TEXT_TYPES = frozenset({"text", "input_text"})

_json = msgspec.json.Decoder(Any)


class Contents:
    """The contents of one body, decoded whole at the first question, and once."""

    def __init__(self, body: bytes, dialect: Dialect) -> None:
        self._body = body
        self._dialect = dialect

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The body's top-level members; empty for what is no JSON object."""
        found = value_of(self._body)
        return found if isinstance(found, dict) else {}

    @cached_property
    def message(self) -> str:
        """The newest text of the user that is neither a tool's result nor a `<system-reminder>`."""
        for entry in reversed(self._messages):
            if entry.get("role") == "user":
                for text in reversed(list(_user_texts(entry.get("content")))):
                    if not text.lstrip().startswith(SYSTEM_REMINDER):
                        return text
        return ""

    @cached_property
    def system(self) -> str:
        """The system prompt: all its blocks, and the messages of the roles `system` and `developer`."""
        first = self.fields.get("instructions" if self._dialect is Dialect.OPENAI_RESPONSES else "system")
        parts = [*_user_texts(first)]
        for entry in self._messages:
            if entry.get("role") in ("system", "developer"):
                parts += _user_texts(entry.get("content"))
        return "\n".join(parts)

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """The request's switches: `stream`, `thinking`, `tools`, `images`, `json`, as far as they are on."""
        fields = self.fields
        on = {
            "stream": fields.get("stream") is True,
            "thinking": self._thinks,
            "tools": bool(fields.get("tools")),
            "images": self._has_images,
            "json": self._wants_json,
        }
        return tuple(name for name, is_on in on.items() if is_on)

    def metadata(self, path: str) -> Any:
        """The value under `metadata` at a dotted path; None if there is none."""
        value: Any = self.fields.get("metadata")
        for name in path.split("."):
            if isinstance(value, str) and value.startswith("{"):  # Claude Code sends JSON inside a string
                try:
                    value = msgspec.json.decode(value)
                except msgspec.MsgspecError:
                    return None
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    @property
    def _messages(self) -> list[dict[str, Any]]:
        given = self.fields.get("input" if self._dialect is Dialect.OPENAI_RESPONSES else "messages")
        if isinstance(given, str):
            return [{"role": "user", "content": given}]
        return [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []

    @property
    def _thinks(self) -> bool:
        thinking = self.fields.get("thinking")
        if isinstance(thinking, dict):
            return thinking.get("type") not in (None, "disabled")
        reasoning = self.fields.get("reasoning")
        effort = reasoning.get("effort") if isinstance(reasoning, dict) else self.fields.get("reasoning_effort")
        return effort not in (None, "none")

    @property
    def _wants_json(self) -> bool:
        for name in ("output_config", "response_format", "text"):
            wanted = self.fields.get(name)
            if isinstance(wanted, dict):
                inner = wanted.get("format")
                kind = (inner if isinstance(inner, dict) else wanted).get("type")
                if kind in ("json_schema", "json_object"):
                    return True
        return False

    @property
    def _has_images(self) -> bool:
        waiting: list[Any] = [entry.get("content") for entry in self._messages]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                if value.get("type") in _IMAGE_TYPES:
                    return True
                waiting.append(value.get("content"))
        return False


def value_of(text: bytes) -> Any:
    """A JSON value; None for what is none."""
    try:
        return decode(_json, text)
    except (ValueError, RecursionError):
        return None


def _user_texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in content:
            if isinstance(block, str):
                yield block
            elif isinstance(block, dict) and block.get("type") in _TEXT_TYPES and isinstance(block.get("text"), str):
                yield block["text"]
