"""JSON from elsewhere: UTF-8 only, bounded, no key twice, no number that is none, read one row at a time."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from conduit_tui.transfer.errors import TransferError

LARGEST_BYTES = 64 * 1024 * 1024
DEEPEST = 64
LARGEST_NUMBER = 2**63
LONGEST_NUMBER = 40  # digits, point and exponent of a fraction

_SPACE = re.compile(r"[ \t\n\r]*")
_LONE = re.compile(r"\\u[dD][89a-fA-F]")


def text_of(data: bytes) -> str:
    """The text of a file. Raises TransferError where it is too large or not plain UTF-8."""
    if len(data) > LARGEST_BYTES:
        raise TransferError(
            f"the file has {len(data):,} bytes, more than the {LARGEST_BYTES:,} that an import takes; "
            "`conduit-tui backup` carries whole databases"
        )
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data[:4]:
        raise TransferError("the file begins with a byte order mark or is not UTF-8; save it as plain UTF-8")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TransferError(f"the file is not UTF-8 (byte {error.start:,})") from None


def parse(text: str) -> Any:
    """A small document whole. Raises TransferError."""
    return Document(text).whole()


class Document:
    """A JSON object whose arrays are read row by row. Fractions come as Decimal, so that nothing of them is lost."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lone = _LONE.search(text) is not None
        self._decode = json.JSONDecoder(
            object_pairs_hook=_pairs, parse_int=_integer, parse_float=_fraction, parse_constant=_no_number
        ).raw_decode

    def whole(self) -> Any:
        """The document's one value."""
        value, end = self._value(self._skip(0))
        self._at_end(end)
        return value

    def index(self) -> tuple[dict[str, Any], dict[str, int]]:
        """The members of the object that are no arrays, and where its arrays begin. Every value is looked at once."""
        values: dict[str, Any] = {}
        arrays: dict[str, int] = {}
        at = self._skip(0)
        if self._text[at : at + 1] != "{":
            raise TransferError("the file is not a JSON object")
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "}":
            key, at = self._value(at)
            if not isinstance(key, str):
                raise self._broken(at, "a name in quotes")
            if key in values or key in arrays:
                raise TransferError(f"the name {key[:80]!r} stands twice")
            at = self._expect(":", at)
            if self._text[at : at + 1] == "[":
                arrays[key] = at
                at = self._past_array(at)
            else:
                values[key], at = self._value(at)
            at = self._next(at, "}")
        self._at_end(at + 1)
        return values, arrays

    def rows(self, at: int) -> Iterator[Any]:
        """The elements of the array that begins there."""
        return (value for value, _ in self._elements(at))

    def _elements(self, at: int) -> Iterator[tuple[Any, int]]:
        at = self._skip(at + 1)
        while self._text[at : at + 1] != "]":
            value, end = self._value(at)
            at = self._next(end, "]")
            yield value, at

    def _past_array(self, at: int) -> int:
        end = self._skip(at + 1)
        for _, after in self._elements(at):
            end = after
        return end + 1

    def _next(self, at: int, closing: str) -> int:
        """Past the comma, or at the closing bracket."""
        at = self._skip(at)
        if self._text[at : at + 1] == ",":
            at = self._skip(at + 1)
            if self._text[at : at + 1] == closing:
                raise self._broken(at, "another value after the comma")
            return at
        if self._text[at : at + 1] != closing:
            raise self._broken(at, f"',' or '{closing}'")
        return at

    def _value(self, at: int) -> tuple[Any, int]:
        try:
            value, end = self._decode(self._text, at)
            if self._lone:
                json.dumps(value, ensure_ascii=False, default=str).encode()
        except json.JSONDecodeError as error:
            raise self._broken(error.pos, error.msg[:1].lower() + error.msg[1:]) from None
        except RecursionError:
            raise TransferError(f"values lie within each other deeper than {DEEPEST} levels") from None
        except UnicodeEncodeError:
            raise TransferError("a text holds half of a character (a lone surrogate)") from None
        openings = self._text.count("[", at, end) + self._text.count("{", at, end)
        if openings > DEEPEST and depth_of(value) > DEEPEST:
            raise TransferError(f"values lie within each other deeper than {DEEPEST} levels")
        return value, end

    def _expect(self, sign: str, at: int) -> int:
        at = self._skip(at)
        if self._text[at : at + 1] != sign:
            raise self._broken(at, f"'{sign}'")
        return self._skip(at + 1)

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _at_end(self, at: int) -> None:
        if self._skip(at) != len(self._text):
            raise self._broken(self._skip(at), "the end of the file")

    def _broken(self, at: int, wanted: str) -> TransferError:
        line = self._text.count("\n", 0, at) + 1
        column = at - self._text.rfind("\n", 0, at)
        return TransferError(f"not JSON: {wanted} at line {line}, column {column}")


def depth_of(value: Any) -> int:
    """How many objects and arrays lie within each other."""
    depth, level = 0, [value]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return depth


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise TransferError(f"the name {twice[:80]!r} stands twice in one object")
    return members


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -LARGEST_NUMBER <= (number := int(digits)) < LARGEST_NUMBER:
        raise TransferError(f"the number {digits[:24]}… is too large")
    return number


def _fraction(digits: str) -> Decimal:
    number = Decimal(digits) if len(digits) <= LONGEST_NUMBER else None
    if number is None or not -300 <= number.adjusted() <= 300:
        raise TransferError(f"the number {digits[:24]}… has more digits than can be kept")
    return number


def _no_number(word: str) -> Any:
    raise TransferError(f"{word} is not a number in JSON")
