"""What a request's body says, in one shape for every dialect: for the rules that ask for it.

Everything here looks at what is there and never refuses: a body of an odd form has empty contents.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.wire.members import MEMBER_LIMIT, decode

SYSTEM_REMINDER = "<system-reminder>"
IMAGE_DEPTH = 2  # levels below a message's blocks that are searched for pictures: a tool result's need one
_IMAGE_TYPES = ("image", "image_url", "input_image")  # what is looked for in them may not be hashable
_TEXT_TYPES = ("text", "input_text")

_NOTHING = msgspec.Raw()


class Block(msgspec.Struct, gc=False):
    """A part of a message, or of a tool's result in one."""

    type: Any = None
    text: msgspec.Raw = _NOTHING
    content: msgspec.Raw = _NOTHING


class Message(msgspec.Struct, gc=False):
    """A message, or another item of a Responses request's input."""

    role: Any = None
    type: Any = None
    content: str | list[Block] | None = None


class _Members(msgspec.Struct):
    """The members that are looked at, each read only when it is asked for."""

    messages: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING
    system: msgspec.Raw = _NOTHING
    instructions: msgspec.Raw = _NOTHING
    metadata: msgspec.Raw = _NOTHING


_json = msgspec.json.Decoder(Any)
_members_decoder = msgspec.json.Decoder(_Members)
_messages_decoder = msgspec.json.Decoder(list[Message])
_blocks_decoder = msgspec.json.Decoder(list[Block])
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Contents:
    """The contents of one body. `messages` are its own, where somebody has read them already.

    `message` is the newest text of the user that is neither a tool's result nor a `<system-reminder>`, `has_images`
    whether a message holds a picture, in a tool's result too. Everything else is read when it is asked for.
    """

    def __init__(self, body: bytes, dialect: Dialect, messages: Sequence[Message] | None = None) -> None:
        self._body = body
        self._dialect = dialect
        if messages is None:
            messages = self._messages()
        self.message = _newest_text(messages)
        self.has_images = _show_picture(messages)

    @cached_property
    def system(self) -> str:
        """The system prompt: all its blocks, and the messages of the roles `system` and `developer`."""
        members = self._members
        first = members.instructions if self._dialect is Dialect.OPENAI_RESPONSES else members.system
        parts = _texts(_content(value_of(first)))
        for message in self._messages():
            if message.role in ("system", "developer"):
                parts += _texts(message.content)
        return "\n".join(parts)

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
    def _members(self) -> _Members:
        try:
            return decode(_members_decoder, self._body)
        except (ValueError, RecursionError):
            return _Members()

    def _messages(self) -> list[Message]:
        members = self._members
        given = bytes(members.input if self._dialect is Dialect.OPENAI_RESPONSES else members.messages)
        if given.startswith(b'"'):
            return [Message("user", content=value_of(given))]
        try:
            return decode(_messages_decoder, given)
        except (ValueError, RecursionError):
            return _odd_messages(given)


def _newest_text(messages: Sequence[Message]) -> str:
    for message in reversed(messages):
        if message.role == "user":
            for text in reversed(_texts(message.content)):
                if not text.lstrip().startswith(SYSTEM_REMINDER):
                    return text
    return ""


def _show_picture(messages: Sequence[Message]) -> bool:
    for message in messages:
        if message.type in _IMAGE_TYPES:
            return True
        if type(message.content) is list:
            for block in message.content:
                if block.type in _IMAGE_TYPES or (block.content is not _NOTHING and _is_picture(block, IMAGE_DEPTH)):
                    return True
    return False


def _is_picture(block: Block, depth: int) -> bool:
    if block.type in _IMAGE_TYPES:
        return True
    content = bytes(block.content) if depth else b""
    if not content.startswith(b"["):
        return False
    try:
        blocks = decode(_blocks_decoder, content)
    except (ValueError, RecursionError):
        blocks = _blocks(value_of(content))
    return any(_is_picture(inner, depth - 1) for inner in blocks)


def _texts(content: str | list[Block] | None) -> list[str]:
    if isinstance(content, str):
        return [content]
    values = [value_of(block.text) for block in content or () if block.type in _TEXT_TYPES]
    return [value for value in values if isinstance(value, str)]


def _odd_messages(given: bytes) -> list[Message]:
    """The messages of a list of any form; of an absurdly long one the newest."""
    try:
        raws = _decode_list(given) if given.startswith(b"[") else []
    except (ValueError, RecursionError):
        return []
    found: list[Message] = []
    for value in map(value_of, raws[-MEMBER_LIMIT:]):
        if isinstance(value, str):
            found.append(Message("user", content=value))
        elif isinstance(value, dict):
            found.append(Message(value.get("role"), value.get("type"), _content(value.get("content"))))
    return found


def _content(value: Any) -> str | list[Block] | None:
    return value if isinstance(value, str) else _blocks(value)


def _blocks(value: Any) -> list[Block]:
    """The blocks of a list of any form, which may be texts alone."""
    found = []
    for block in value if isinstance(value, list) else ():
        if isinstance(block, str):
            found.append(Block("text", _raw(block)))
        elif isinstance(block, dict):
            found.append(Block(block.get("type"), _raw(block.get("text")), _raw(block.get("content"))))
    return found


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def value_of(text: bytes | msgspec.Raw) -> Any:
    """A JSON value; None for what is none."""
    try:
        return decode(_json, bytes(text))
    except (ValueError, RecursionError):
        return None
