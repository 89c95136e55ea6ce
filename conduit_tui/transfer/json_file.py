"""Writing a large JSON object: one row a line, nothing kept in memory."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

from conduit_tui.transfer.columns import encode

BUFFER_BYTES = 256 * 1024


class JsonFile:
    """An object whose members are written in their order. Close it to finish."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._waiting = bytearray(b"{")
        self._first = True
        self.written = 0

    def member(self, name: str, value: Any) -> None:
        """One member, whole."""
        self._begin(name)
        self._waiting += encode(value)

    def rows(self, name: str, rows: Iterable[Any]) -> None:
        """A member that is an array, an element a line."""
        self._begin(name)
        between = b"[\n"
        for row in rows:
            self._waiting += between
            self._waiting += encode(row)
            between = b",\n"
            if len(self._waiting) > BUFFER_BYTES:
                self._write()
        self._waiting += b"[]" if between == b"[\n" else b"\n]"

    def close(self) -> None:
        """Write the end."""
        self._waiting += b"\n}\n"
        self._write()

    def _begin(self, name: str) -> None:
        self._waiting += (b"\n" if self._first else b",\n") + encode(name) + b": "
        self._first = False

    def _write(self) -> None:
        self._out.write(self._waiting)
        self.written += len(self._waiting)
        self._waiting.clear()


def in_batches(cursor: Any) -> Iterator[Any]:
    """The rows of a cursor, a thousand in memory."""
    while rows := cursor.fetchmany(1_000):
        yield from rows


def iso(milliseconds: int) -> str:
    """An instant as files write it: ISO 8601, UTC, to the millisecond."""
    whole = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"


def from_iso(value: Any) -> int:
    """Milliseconds since the epoch of an ISO 8601 text, UTC where it says no zone; a number is that already.

    Raises ValueError.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError("must be an instant, such as 2026-01-31T12:00:00Z")
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"{value!r} is not an instant, such as 2026-01-31T12:00:00Z") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    elapsed = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000 + elapsed.microseconds // 1_000
