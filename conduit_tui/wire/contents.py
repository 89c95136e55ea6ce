"""What a request's body says, in one shape for every dialect: for the rules that ask for it.

Everything here looks at what is there and never refuses: a body of an odd form has empty contents.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.wire.members import decode

SYSTEM_REMINDER = "<system-reminder>"
IMAGE_DEPTH = 3  # levels of blocks that are searched for pictures: a message's and its tool results' need two
_IMAGE_TYPES = ("image", "image_url", "input_image")  # what is looked for in them may not be hashable
_TEXT_TYPES = ("text", "input_text")

_NOTHING = msgspec.Raw()


class _Entry(msgspec.Struct, gc=False):
    """A message, or a block of one."""

    role: Any = None
    type: Any = None
    content: msgspec.Raw = _NOTHING


class _Others(msgspec.Struct):
    """The members that are looked at beside the messages, each read only when it is asked for."""

    system: msgspec.Raw = _NOTHING
    instructions: msgspec.Raw = _NOTHING
    metadata: msgspec.Raw = _NOTHING


class _Members(_Others):
    """Messages that are all objects: told apart in one walk over the body."""

    messages: list[_Entry] = []
    input: str | list[_Entry] = []


class _OddMembers(_Others):
    """Messages of any form."""

    messages: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING


_json = msgspec.json.Decoder(Any)
_members_decoder: msgspec.json.Decoder[_Members | _OddMembers] = msgspec.json.Decoder(_Members)
_odd_members_decoder: msgspec.json.Decoder[_Members | _OddMembers] = msgspec.json.Decoder(_OddMembers)
_entries_decoder = msgspec.json.Decoder(list[_Entry])
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Contents:
    """The contents of one body. Its members are told apart at the first question; only what is asked for is read."""

    def __init__(self, body: bytes, dialect: Dialect) -> None:
        self._body = body
        self._dialect = dialect

    @cached_property
    def _members(self) -> _Members | _OddMembers:
        for decoder in (_members_decoder, _odd_members_decoder):
            try:
                return decode(decoder, self._body)
            except (ValueError, RecursionError):
                continue
        return _Members()

    @cached_property
    def message(self) -> str:
        """The newest text of the user that is neither a tool's result nor a `<system-reminder>`."""
        for entry in reversed(self._entries):
            if isinstance(entry, str):
                return entry
            if entry.role == "user":
                for text in reversed(list(_user_texts(value_of(entry.content)))):
                    if not text.lstrip().startswith(SYSTEM_REMINDER):
                        return text
        return ""

    @cached_property
    def system(self) -> str:
        """The system prompt: all its blocks, and the messages of the roles `system` and `developer`."""
        members = self._members
        first = members.instructions if self._dialect is Dialect.OPENAI_RESPONSES else members.system
        parts = [*_user_texts(value_of(first))]
        for entry in self._entries:
            if isinstance(entry, _Entry) and entry.role in ("system", "developer"):
                parts += _user_texts(value_of(entry.content))
        return "\n".join(parts)

    @cached_property
    def has_images(self) -> bool:
        """Whether a message holds a picture, in a tool's result too."""
        return any(isinstance(entry, _Entry) and _holds_image(entry, IMAGE_DEPTH) for entry in self._entries)

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
    def _entries(self) -> Sequence[_Entry | str]:
        """The messages; texts where the client sends no more than that."""
        members = self._members
        responses = self._dialect is Dialect.OPENAI_RESPONSES
        if isinstance(members, _OddMembers):
            return _odd_entries(members.input if responses else members.messages)
        given = members.input if responses else members.messages
        return [given] if isinstance(given, str) else given


def _odd_entries(given: msgspec.Raw) -> list[_Entry | str]:
    text = bytes(given)
    if text.startswith(b'"'):
        raws = [given]
    else:
        try:
            raws = _decode_list(text) if text.startswith(b"[") else []
        except (ValueError, RecursionError):
            raws = []
    found: list[_Entry | str] = []
    for raw in raws:
        value = value_of(raw)
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            content = msgspec.Raw(msgspec.json.encode(value.get("content")))
            found.append(_Entry(value.get("role"), value.get("type"), content))
    return found


def _holds_image(entry: _Entry, depth: int) -> bool:
    if entry.type in _IMAGE_TYPES:
        return True
    content = bytes(entry.content) if depth else b""
    if not content.startswith(b"["):
        return False
    try:
        blocks = decode(_entries_decoder, content)
    except (ValueError, RecursionError):
        odd = _odd_entries(entry.content)
        return any(isinstance(block, _Entry) and _holds_image(block, depth - 1) for block in odd)
    return any(_holds_image(block, depth - 1) for block in blocks)


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
