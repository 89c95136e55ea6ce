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

_NOTHING = msgspec.Raw()


class _Members(msgspec.Struct):
    """The members that are looked at, each read only when it is asked for."""

    messages: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING
    system: msgspec.Raw = _NOTHING
    instructions: msgspec.Raw = _NOTHING
    metadata: msgspec.Raw = _NOTHING


_json = msgspec.json.Decoder(Any)
_members_decoder = msgspec.json.Decoder(_Members)
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Contents:
    """The contents of one body. Its members are told apart at the first question; only what is asked for is read."""

    def __init__(self, body: bytes, dialect: Dialect) -> None:
        self._body = body
        self._dialect = dialect

    @cached_property
    def _members(self) -> _Members:
        try:
            return decode(_members_decoder, self._body)
        except (ValueError, RecursionError):
            return _Members()

    @cached_property
    def message(self) -> str:
        """The newest text of the user that is neither a tool's result nor a `<system-reminder>`."""
        for raw in reversed(self._raw_messages):
            entry = value_of(raw)
            if isinstance(entry, str):
                return entry
            if isinstance(entry, dict) and entry.get("role") == "user":
                for text in reversed(list(_user_texts(entry.get("content")))):
                    if not text.lstrip().startswith(SYSTEM_REMINDER):
                        return text
        return ""

    @cached_property
    def system(self) -> str:
        """The system prompt: all its blocks, and the messages of the roles `system` and `developer`."""
        members = self._members
        first = members.instructions if self._dialect is Dialect.OPENAI_RESPONSES else members.system
        parts = [*_user_texts(value_of(first))]
        for raw in self._raw_messages:
            entry = value_of(raw)
            if isinstance(entry, dict) and entry.get("role") in ("system", "developer"):
                parts += _user_texts(entry.get("content"))
        return "\n".join(parts)

    @cached_property
    def has_images(self) -> bool:
        """Whether a message holds a picture, in a tool's result too."""
        if b'"image' not in self._body and b'"input_image' not in self._body:
            return False
        waiting: list[Any] = [value_of(raw) for raw in self._raw_messages]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list):
                waiting += value
            elif isinstance(value, dict):
                if value.get("type") in _IMAGE_TYPES:
                    return True
                waiting.append(value.get("content"))
        return False

    def metadata(self, path: str) -> Any:
        """The value under `metadata` at a dotted path; None if there is none."""
        value = value_of(self._members.metadata)
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

    @cached_property
    def _raw_messages(self) -> list[msgspec.Raw]:
        members = self._members
        given = members.input if self._dialect is Dialect.OPENAI_RESPONSES else members.messages
        text = bytes(given)
        if text.startswith(b'"'):
            return [given]
        try:
            return _decode_list(text) if text.startswith(b"[") else []
        except (ValueError, RecursionError):
            return []


def value_of(text: bytes | msgspec.Raw) -> Any:
    """A JSON value; None for what is none."""
    try:
        return decode(_json, bytes(text))
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
