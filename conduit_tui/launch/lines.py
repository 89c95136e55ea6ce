"""Finds lines of JSON in a flood of bytes, in little memory and little time."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

LONGEST_LINE = 4 * 1024 * 1024  # bytes; a longer one is passed over
_SHORTEST = 24  # bytes that no object of interest does without
_STARTS = re.compile(rb"\n[{\[][^\n]{%d}" % _SHORTEST)
_OF_INTEREST = (b'"conduit_metadata"', b'"result"', b'"assistant"')


class JsonLines:
    """Feed it what passes by; it calls back with each object that may say something of usage.

    Only the line under way is kept, and only while it may be one of those.
    """

    def __init__(self, found: Callable[[dict[str, Any]], None]) -> None:
        self._found = found
        self._line: bytearray | None = bytearray()  # the line under way; None while it is of no interest

    def feed(self, chunk: bytes) -> None:
        """Look through the next bytes."""
        end = chunk.find(b"\n")
        if end < 0:
            self._extend(chunk)
            return
        self._extend(chunk[:end])
        self._finish()
        last = chunk.rfind(b"\n")
        for start in _STARTS.finditer(chunk, end, last + 1):
            until = chunk.find(b"\n", start.end())
            if 0 <= until <= last:
                self._read(chunk[start.start() + 1 : until])
        self._line = bytearray()
        self._extend(chunk[last + 1 :])

    def close(self) -> None:
        """The output has ended; its last line may have no end of its own."""
        self._finish()

    def _extend(self, part: bytes) -> None:
        line = self._line
        if line is None or not part:
            return
        if (not line and part[0] not in b"{[") or len(line) + len(part) > LONGEST_LINE:
            self._line = None
            return
        line += part

    def _finish(self) -> None:
        if self._line and len(self._line) >= _SHORTEST:
            self._read(bytes(self._line))
        self._line = bytearray()

    def _read(self, line: bytes) -> None:
        if not any(word in line for word in _OF_INTEREST):
            return
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return
        for each in _objects(value):
            self._found(each)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))
