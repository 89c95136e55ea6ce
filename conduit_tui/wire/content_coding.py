"""Decoding of gzip and deflate for the meter's own copy of an answer, with a guard against bombs."""

import zlib
from collections.abc import Iterator
from typing import Any

PIECE_BYTES = 256 * 1024
FREE_BYTES = 1024 * 1024
EXPANSION_LIMIT = 100  # decoded bytes per received byte; JSON and event streams stay below 50, a bomb makes 1000

SUPPORTED = frozenset({"gzip", "x-gzip", "deflate"})

_GZIP = b"\x1f\x8b"


class BombError(ValueError):
    """The data expands beyond reason."""


class Inflater:
    """Decodes a body as it comes. `feed` raises zlib.error for broken data and BombError."""

    def __init__(self) -> None:
        self._head = b""
        self._inflate: Any = None
        self._received = 0
        self._decoded = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes, in pieces of at most `PIECE_BYTES`."""
        self._received += len(data)
        while data:
            if self._inflate is None:
                data = self._head + data
                if len(data) < 2:
                    self._head = data
                    return
                self._head = b""
                self._inflate = zlib.decompressobj(_window_bits(data))
            piece = self._inflate.decompress(data, PIECE_BYTES)
            if self._inflate.eof:  # gzip may have another member
                data = self._inflate.unused_data
                self._inflate = None
            else:
                data = self._inflate.unconsumed_tail
            self._decoded += len(piece)
            if self._decoded > FREE_BYTES + EXPANSION_LIMIT * self._received:
                raise BombError(f"{self._received} bytes expand to more than {self._decoded}")
            if piece:
                yield piece


def _window_bits(head: bytes) -> int:
    """What tells zlib the container: gzip, zlib, or none, which some servers mean by `deflate`."""
    if head.startswith(_GZIP):
        return zlib.MAX_WBITS + 16
    has_zlib_header = head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2]) % 31 == 0
    return zlib.MAX_WBITS if has_zlib_header else -zlib.MAX_WBITS
