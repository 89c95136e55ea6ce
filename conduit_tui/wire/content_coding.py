"""Decoding of gzip and deflate for the meter's own copy of an answer, with a guard against bombs."""

import zlib
from collections.abc import Iterator

PIECE_BYTES = 256 * 1024
FREE_BYTES = 1024 * 1024
EXPANSION_LIMIT = 100  # decoded bytes per received byte; JSON and event streams stay below 50, a bomb makes 1000

SUPPORTED = frozenset({"gzip", "x-gzip", "deflate"})

_GZIP_OR_ZLIB = zlib.MAX_WBITS + 32
_RAW_DEFLATE = -zlib.MAX_WBITS


class BombError(ValueError):
    """The data expands beyond reason."""


class Inflater:
    """Decodes a body as it comes. `feed` raises zlib.error for broken data and BombError."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._received = 0
        self._decoded = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded bytes, in pieces of at most `PIECE_BYTES`."""
        first = self._received == 0
        self._received += len(data)
        while data:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)  # gzip may have several members
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error:
                if not first:
                    raise
                self._inflate = zlib.decompressobj(_RAW_DEFLATE)  # what some servers mean by "deflate"
                piece = self._inflate.decompress(data, PIECE_BYTES)
            first = False
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            self._decoded += len(piece)
            if self._decoded > FREE_BYTES + EXPANSION_LIMIT * self._received:
                raise BombError(f"{self._received} bytes expand to more than {self._decoded}")
            if piece:
                yield piece
