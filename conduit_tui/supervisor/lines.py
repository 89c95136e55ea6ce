"""The lines that come through a pipe."""

import asyncio
import os
from collections.abc import Callable

_CHUNK = 65_536


class Lines:
    """Gives each line of a pipe to `take`, without its end; a line longer than `limit` bytes comes in several.

    It owns the descriptor. `ended` is set at the pipe's end. `rest` is what came before of a line that was not whole.
    """

    def __init__(self, descriptor: int, limit: int, take: Callable[[bytes], None], rest: bytes = b"") -> None:
        self.descriptor = descriptor
        self.rest = rest
        self.ended = asyncio.Event()
        self._limit = limit
        self._take = take
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def pause(self) -> None:
        """Read no more; the descriptor stays open, and `rest` is what belongs before whatever comes next."""
        if self.descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self.descriptor)

    def resume(self) -> None:
        """Read on."""
        if self.descriptor >= 0:
            asyncio.get_running_loop().add_reader(self.descriptor, self._read)

    def close(self) -> None:
        """Read no more and close the descriptor. May be called again."""
        if self.descriptor >= 0:
            self.pause()
            os.close(self.descriptor)
            self.descriptor = -1
            self.ended.set()

    def _read(self) -> None:
        try:
            chunk = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        for line in lines:
            self._give(line)
        if not chunk or len(self.rest) >= self._limit:
            line, self.rest = self.rest, b""
            if line:
                self._give(line)
        if not chunk:
            self.close()

    def _give(self, line: bytes) -> None:
        for start in range(0, max(len(line), 1), self._limit):
            self._take(line[start : start + self._limit])
