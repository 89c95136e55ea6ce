"""The members of a JSON object with their places in the text, so that one value can be exchanged in place."""

import re
from typing import Any, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")

MEMBER_LIMIT = 4096  # no client sends a hundred; a million would hold the event loop
COUNTED_BYTES = 64 * MEMBER_LIMIT  # in a text shorter than this the limit is not worth its cost
MENDED_BYTES = 2 * 1024 * 1024  # a longer text is not searched for what msgspec refuses


class BadBody(ValueError):
    """The body cannot be used; the message says what is wrong and where, in words for the client."""


class Member(NamedTuple):
    """One `name: value` of an object. `text[start:end]` is the value, without the white space around it."""

    name: str
    start: int
    end: int


class _Name:
    """A member's name that equals only itself: a dict keyed by it keeps repeated names apart and in order."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _TooManyMembersError(Exception):
    pass


_decoder = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda _, text: _Name(text))
_UP_TO_VALUE = re.compile(rb'[\s{,]*"[^"\\]*(?:\\.[^"\\]*)*"\s*:\s*', re.DOTALL)
_SURROGATES = re.compile(rb"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F]..)", re.DOTALL)


def members(text: bytes) -> list[Member]:
    """The members of the object that `text` is, in order, repeated names included. Raises BadBody.

    msgspec checks the grammar and measures the values at its own speed; only the names are walked over here.
    """
    try:
        values = decode(_decoder if len(text) < COUNTED_BYTES else _counting_decoder(), text)
    except _TooManyMembersError:
        raise BadBody(f"body has more than {MEMBER_LIMIT} members") from None
    except UnicodeDecodeError:
        raise BadBody("body is not valid UTF-8 in a member's name") from None
    except msgspec.ValidationError as error:
        raise not_an_object(error) from None
    found = []
    position = 0
    for name, value in values.items():
        match = _UP_TO_VALUE.match(text, position)
        if match is None:
            raise BadBody(f"body is not valid JSON near byte {position}")
        start = match.end()
        position = start + memoryview(value).nbytes
        found.append(Member(name.text, start, position))
    return found


def decode(decoder: msgspec.json.Decoder[T], text: bytes) -> T:
    """Decode, with what is wrong with the grammar as BadBody.

    Lets through msgspec.ValidationError (another type than the decoder wants) and UnicodeDecodeError (in a string that
    the decoder keeps).
    """
    try:
        try:
            return decoder.decode(text)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            mended = _without_lone_surrogates(text)
            if mended == text:
                raise
            return decoder.decode(mended)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise BadBody("body is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise BadBody(f"body is not valid JSON: {_in_sentence(error)}") from None


def not_an_object(error: msgspec.ValidationError) -> BadBody:
    """The error of a decoder that wants nothing but an object."""
    return BadBody(f"body must be a JSON object: {_in_sentence(error)}")


def _counting_decoder() -> msgspec.json.Decoder[dict[_Name, msgspec.Raw]]:
    """A decoder for one use that stops at the limit."""
    names = 0

    def name_of(_: type, text: Any) -> _Name:
        nonlocal names
        names += 1
        if names > MEMBER_LIMIT:
            raise _TooManyMembersError
        return _Name(text)

    return msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=name_of)


def _without_lone_surrogates(text: bytes) -> bytes:
    r"""The text with each unpaired `\ud83d` as `\ufffd`, which has the same length.

    JavaScript clients write one when they cut a text within an emoji. It is grammatical, but msgspec refuses it.
    """
    if len(text) > MENDED_BYTES:
        return text
    return _SURROGATES.sub(lambda found: found[0] if len(found[2]) > 6 else found[1] + rb"\ufffd", text)


def _in_sentence(error: Exception) -> str:
    text = str(error).removeprefix("JSON is malformed: ")
    return text[:1].lower() + text[1:]
