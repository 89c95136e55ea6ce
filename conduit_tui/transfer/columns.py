"""What a value in a row of a file may be, and how the database has it."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from conduit_tui.domain.budgets import HIGHEST_CAP
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.escapes import json_escaped
from conduit_tui.transfer.strict_json import Document

LONGEST_TEXT = 4 * 1024 * 1024  # characters of one value
LONGEST_NAME = 1_000  # characters of what rows are known and found by
LATEST = 253_402_300_799_999  # the last millisecond of the year 9999
LARGEST_COUNT = 10**12
LARGEST_ID = 2**53  # so that ids never run out
LARGEST_SUM = 10**17

_encoder = msgspec.json.Encoder(decimal_format="number")


def encode(value: Any) -> bytes:
    """Compact JSON, the one form that everything is written in. Fractions given as Decimal keep their digits."""
    encoded = _encoder.encode(value)
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return json_escaped(encoded.decode()).encode()


def as_text(value: Any) -> str:
    """JSON as the database keeps it. What is a string stays what it is: text that is no JSON has come as one."""
    return value if isinstance(value, str) else encode(value).decode()


def as_value(text: str) -> Any:
    """The JSON in a text column; the text itself where it is none."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return Document(text).whole()
    except TransferError:
        return text


def plain(value: Any) -> Any:
    """The value with floats in the place of decimals, as models have them."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


class Column(NamedTuple):
    """One column: how its value is checked when it comes from a file, and how it is written into one.

    `check` returns the value for the database; it raises ValueError with the reason.
    """

    name: str
    check: Callable[[Any], Any]
    write: Callable[[Any], Any] | None = None
    default: Any = ...  # of a file that does not say; `...`: it must

    def read(self, given: Mapping[str, Any], place: str) -> Any:
        """The column's value in a row of a file. Raises TransferError."""
        if self.name not in given:
            if self.default is ...:
                raise TransferError("is missing", f"{place}.{self.name}")
            return self.default
        try:
            return self.check(given[self.name])
        except ValueError as problem:
            raise TransferError(str(problem), f"{place}.{self.name}") from None


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"must be a whole number, not {_shown(value)}")
        if not least <= value <= most:
            raise ValueError(f"must be from {least:,} to {most:,}, not {value:,}")
        return value

    return check


def _characters(most: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"must be a text, not {_shown(value)}")
        if len(value) > most:
            raise ValueError(f"has {len(value):,} characters, more than {most:,}")
        return value

    return check


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _switch(value: Any) -> int:
    if value not in (0, 1) or not isinstance(value, int):
        raise ValueError(f"must be true or false, not {_shown(value)}")
    return int(value)


def _json(value: Any) -> str:
    text = as_text(value)
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"has {len(text):,} characters, more than {LONGEST_TEXT:,}")
    return text


def _numbers(least: int, most: int) -> Callable[[Any], list[int]]:
    one = _whole(least, most)

    def check(value: Any) -> list[int]:
        if not isinstance(value, list) or len(value) > 1_000:
            raise ValueError(f"must be a list of numbers, not {_shown(value)}")
        return [one(number) for number in value]

    return check


def _one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be {' or '.join(words)}, not {_shown(value)}")
        return str(value)

    return check


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"


def name(column: str, default: Any = ...) -> Column:
    """A name or id."""
    return Column(column, _characters(LONGEST_NAME), default=default)


def text(column: str, default: Any = ...) -> Column:
    """A text of any kind."""
    return Column(column, _characters(LONGEST_TEXT), default=default)


def count(column: str, most: int = LARGEST_COUNT, default: Any = ...) -> Column:
    """A whole number that is never negative."""
    return Column(column, _whole(0, most), default=default)


def amount(column: str) -> Column:
    """Nano-dollars of one attempt."""
    return Column(column, _whole(0, HIGHEST_CAP))


def total(column: str) -> Column:
    """A sum over many attempts; write-downs may have made a sum negative."""
    return Column(column, _whole(-LARGEST_SUM, LARGEST_SUM))


def cap(column: str) -> Column:
    """A limit in nano-dollars, or none."""
    return Column(column, _or_none(_whole(0, HIGHEST_CAP)), default=None)


def instant(column: str, default: Any = ...) -> Column:
    """Milliseconds since the epoch."""
    return Column(column, _whole(0, LATEST), default=default)


def maybe_instant(column: str) -> Column:
    """Milliseconds since the epoch, or nothing."""
    return Column(column, _or_none(_whole(0, LATEST)), default=None)


def row_id(column: str) -> Column:
    """An id that the database gave."""
    return Column(column, _whole(1, LARGEST_ID))


def maybe_id(column: str) -> Column:
    """An id that the database gave, or none."""
    return Column(column, _or_none(_whole(1, LARGEST_ID)), default=None)


def switch(column: str) -> Column:
    """Yes or no."""
    return Column(column, _switch, bool)


def choice(column: str, *words: str) -> Column:
    """One of some words."""
    return Column(column, _one_of(*words))


def nested(column: str, default: Any = ...) -> Column:
    """JSON of any shape."""
    return Column(column, _json, as_value, default)


def numbers(column: str, most: int = LARGEST_ID) -> Column:
    """A list of whole numbers; the database has it as JSON."""
    return Column(column, lambda value: encode(_numbers(0, most)(value)).decode(), json.loads)
