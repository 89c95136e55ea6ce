"""What the gateway reads of a request's body, and the two changes it may make: the model's name, and asking for usage.

A body is looked at, never validated against a schema: what a client or provider added yesterday passes through. An odd
type in a field that is only looked at reads as if the field were missing.
"""

import re
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.wire.contents import Contents, Message
from conduit_tui.wire.members import BadBody, Member, decode, members, not_an_object

__all__ = ["BadBody", "RequestPeek", "ask_for_usage", "peek", "read_request", "replace_model"]

BILLING_HEADER_PREFIX = "x-anthropic-billing-header"
TOKENS_LIMIT = 2**31 - 1  # `max_tokens` above this is read as this; no model comes near
SHORT_BODY_BYTES = 16 * 1024
LONG_BODY_BYTES = 1024 * 1024
LONG_LIST_COMMAS = 500_000


class RequestPeek(NamedTuple):
    """What a request says about itself. Empty strings, False and 0 stand for what it does not say."""

    model: str
    stream: bool
    max_tokens: int  # the largest that is asked for, at most `TOKENS_LIMIT`
    asks_usage: bool  # `stream_options.include_usage` is true
    metadata_user_id: str
    tools: int
    messages: int
    billing_header: str  # the first system block's text, if it is Claude Code's attribution
    has_thinking: bool
    json_schema_output: bool


class _Element(msgspec.Struct, gc=False):
    """An element of a list that is only counted."""


class _Item(Message, gc=False):
    """An element of a Responses request's input. Codex offers tools in one, which is how newer models are told."""

    tools: list[_Element] | None = None


class _Typed(msgspec.Struct):
    type: str | None = None


class _Formatted(msgspec.Struct):
    format: _Typed | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None


class _SystemBlock(msgspec.Struct):
    text: str | None = None


_TokenLimit = int | float | None
_Counted = list[_Element] | None


class _Request(msgspec.Struct):
    model: str
    stream: bool | None = None
    max_tokens: _TokenLimit = None
    max_completion_tokens: _TokenLimit = None
    max_output_tokens: _TokenLimit = None
    stream_options: _StreamOptions | None = None
    metadata: _Metadata | None = None
    tools: _Counted = None
    messages: list[Message] | None = None
    input: str | list[_Item] | None = None
    system: str | list[_SystemBlock] | None = None
    thinking: _Typed | None = None
    reasoning: _Reasoning | None = None
    reasoning_effort: str | None = None
    output_config: _Formatted | None = None  # Messages
    output_format: _Typed | None = None  # Messages, before `output_config`
    response_format: _Typed | None = None  # Chat Completions
    text: _Formatted | None = None  # Responses


class _Model(msgspec.Struct):
    model: str


class _ModelOnce:
    """A model's name that the decoder hands to `_take_model`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class _Progress(threading.local):
    """What this thread's decoder has met in the body that it reads: long bodies are read in other threads."""

    met_model = False


class _MetTwiceError(Exception):
    pass


_progress = _Progress()


def _take_model(_: type, name: Any) -> _ModelOnce:
    """Of repeated members msgspec keeps the last, but asks here for each: that spares a second walk over the body."""
    if type(name) is not str:
        raise TypeError("not a string")
    if _progress.met_model:
        raise _MetTwiceError
    _progress.met_model = True
    return _ModelOnce(name)


# A key that every element of the list has. Between bare quotes it cannot occur inside of a string.
_LIST_MARKS = {"messages": b'"role"', "input": b'"type"', "tools": b'"name"'}
_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_KINDS = {b'"': "a string", b"{": "an object", b"[": "a list", b"t": "true", b"f": "false", b"n": "null"}

_request: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    msgspec.defstruct("_RequestOnce", [("model", _ModelOnce)], bases=(_Request,)), dec_hook=_take_model
)
_model = msgspec.json.Decoder(_Model)
_raw_request: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    msgspec.defstruct("_RawRequest", [(name, msgspec.Raw, msgspec.Raw()) for name in _Request.__struct_fields__])
)
_fields = {field.name: msgspec.json.Decoder(field.type) for field in msgspec.structs.fields(_Request)}
_elements = msgspec.json.Decoder(list[msgspec.Raw])

_MODEL_VALUE = re.compile(rb'"model"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)


def peek(body: bytes, dialect: Dialect) -> RequestPeek:
    """Read the few fields that the gateway needs. Raises BadBody as `read_request` does."""
    return read_request(body, dialect)[0]


def read_request(body: bytes, dialect: Dialect) -> tuple[RequestPeek, Contents]:
    """Read the few fields that the gateway needs, and what the messages say, in one walk over the body.

    Raises BadBody for bad JSON, anything but an object, a model that is missing, no string or given twice, a number of
    tokens that is not finite, and nesting without end.
    """
    request = _read(body)
    if not request.model:
        raise BadBody("`model` is empty")
    limit = max(request.max_tokens or 0, request.max_completion_tokens or 0, request.max_output_tokens or 0)
    messages = request.input if dialect is Dialect.OPENAI_RESPONSES else request.messages
    system = request.system if dialect is Dialect.ANTHROPIC else None
    if isinstance(system, list):
        system = system[0].text if system else None
    thinking = request.thinking.type if request.thinking else None
    effort = request.reasoning.effort if request.reasoning else request.reasoning_effort
    formatted = request.output_config or request.text
    output_format = formatted.format if formatted else request.response_format or request.output_format
    seen = RequestPeek(
        model=request.model,
        stream=bool(request.stream),
        max_tokens=int(min(TOKENS_LIMIT, limit)) if limit > 0 else 0,
        asks_usage=bool(request.stream_options and request.stream_options.include_usage),
        metadata_user_id=(request.metadata.user_id if request.metadata else None) or "",
        tools=len(request.tools or ()) + _tools_in(request.input),
        messages=1 if isinstance(messages, str) else len(messages or ()),
        billing_header=system if system and system.startswith(BILLING_HEADER_PREFIX) else "",
        has_thinking=thinking not in (None, "disabled") or effort not in (None, "none"),
        json_schema_output=output_format is not None and output_format.type == "json_schema",
    )
    return seen, Contents(body, dialect, _told_apart(messages))


def _told_apart(messages: Any) -> Sequence[Message] | None:
    """The messages, unless there are none or they are of an odd form and were only counted."""
    if isinstance(messages, str):
        return [Message("user", content=messages)]
    return messages if messages and isinstance(messages[0], Message) else None


def replace_model(body: bytes, model: str) -> bytes:
    """The body with another model's name in the place of the top-level one; every other byte as it was.

    Raises BadBody when there is no model to replace.
    """
    start, end = _model_span(body)
    return b"".join((body[:start], msgspec.json.encode(model), body[end:]))


def ask_for_usage(body: bytes) -> bytes:
    """The body with `stream_options.include_usage` true; every other byte as it was.

    `stream_options` that are neither an object nor null stay, for the provider to refuse. Raises BadBody.
    """
    found = _last(members(body), "stream_options")
    if found is None:
        return _insert_member(body, b'"stream_options":{"include_usage":true}')
    options = body[found.start : found.end]
    if options == b"null":
        options = b"{}"
    if not options.startswith(b"{"):
        return body
    include = _last(members(options), "include_usage")
    if include is None:
        options = _insert_member(options, b'"include_usage":true')
    else:
        options = options[: include.start] + b"true" + options[include.end :]
    return b"".join((body[: found.start], options, body[found.end :]))


def _tools_in(items: str | list[_Item] | None) -> int:
    if not isinstance(items, list):
        return 0
    return sum(len(item.tools) for item in items if type(item) is _Item and item.tools)


def _read(body: bytes) -> _Request:
    # A list of millions of tiny elements would cost hundreds of megabytes to look at one by one.
    if len(body) < LONG_BODY_BYTES or body.count(b",") < LONG_LIST_COMMAS:
        _progress.met_model = False
        try:
            request: _Request = decode(_request, body)
        except (msgspec.ValidationError, UnicodeDecodeError, _MetTwiceError):
            pass  # something is odd: look at each field by itself
        else:
            request.model = request.model.name  # type: ignore[attr-defined]
            return request
    try:
        raw = decode(_raw_request, body)
    except msgspec.ValidationError as error:
        raise not_an_object(error) from None
    values: dict[str, Any] = {}
    for name, decoder in _fields.items():
        text = bytes(getattr(raw, name))
        if text:
            try:
                values[name] = _count_loosely(text, name) if name in _LIST_MARKS else decoder.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError):
                _refuse_unusable(name, text)
    if "model" not in values:
        raise BadBody("`model` is missing")
    if not _names_model_once(body) and sum(member.name == "model" for member in members(body)) > 1:
        raise BadBody("`model` is given twice")
    return _Request(**values)


def _count_loosely(text: bytes, name: str) -> list[Any]:
    """A list with as many elements as `text` has, whatever they are."""
    if name == "input" and text.startswith(b'"'):
        return [text]
    if not text.startswith(b"["):
        return []
    if text.count(b",") < LONG_LIST_COMMAS:
        return _elements.decode(text)
    return [None] * text.count(_LIST_MARKS[name])


def _refuse_unusable(name: str, text: bytes) -> None:
    """Raise BadBody if it matters that this field cannot be read."""
    kind = _KINDS.get(text[:1], "a number")
    if name == "model":
        raise BadBody("`model` is not valid text" if kind == "a string" else f"`model` must be a string, not {kind}")
    if name in _TOKEN_LIMITS and kind == "a number":
        raise BadBody(f"`{name}` is a number out of range")


def _names_model_once(body: bytes) -> bool:
    r"""Whether at most one key can be `model`: it stands there once, and no letter of it is escaped (`\u006d`).

    In a long body that takes longer than to walk over its members, so there it is False.
    """
    return len(body) < SHORT_BODY_BYTES and body.count(b'"model"') == 1 and b"\\u006" not in body


def _model_span(body: bytes) -> tuple[int, int]:
    if _names_model_once(body):
        try:
            decode(_model, body)
        except (msgspec.ValidationError, UnicodeDecodeError):
            raise BadBody("`model` is missing or not a string") from None
        match = _MODEL_VALUE.search(body)
        if match is not None:
            return match.span(1)
    found = _last(members(body), "model")
    if found is None:
        raise BadBody("`model` is missing")
    return found.start, found.end


def _last(found: list[Member], name: str) -> Member | None:
    """The member of this name that a JSON reader takes: the last one."""
    return next((member for member in reversed(found) if member.name == name), None)


def _insert_member(text: bytes, member: bytes) -> bytes:
    """The object with one more member, in front of the others."""
    start = text.index(b"{") + 1
    separator = b"" if text[start:].lstrip(b" \t\r\n").startswith(b"}") else b","
    return b"".join((text[:start], member, separator, text[start:]))
