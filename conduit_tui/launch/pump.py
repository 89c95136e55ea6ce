"""The agent's stdout on its way to ours: every byte, at once, while it is looked at."""

import contextlib
import os
import threading
from collections.abc import Callable

CHUNK = 65_536  # bytes; what a pipe holds


class Pump(threading.Thread):
    """Copies from a pipe to a descriptor until either ends. A fault in `look` never stands in the bytes' way.

    A reader that is slow, or gone, is noticed by the agent as it would be without us: nothing is stored in between.
    """

    def __init__(
        self, source: int, target: int, look: Callable[[bytes], None], ended: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(name="stdout", daemon=True)
        self._source = source
        self._target = target
        self._look = look
        self._ended = ended

    def run(self) -> None:
        try:
            while chunk := os.read(self._source, CHUNK):
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(self._target, rest) :]
                with contextlib.suppress(Exception):
                    self._look(chunk)
        except OSError:
            return  # nobody reads us any more; closing the pipe tells the agent
        finally:
            os.close(self._source)
            with contextlib.suppress(Exception):
                self._ended()


class Feed(threading.Thread):
    """Writes what was already read of our stdin to the agent's, and then the rest of it."""

    def __init__(self, source: int, target: int, beginning: bytes) -> None:
        super().__init__(name="stdin", daemon=True)
        self._source = source
        self._target = target
        self._beginning = beginning

    def run(self) -> None:
        chunk = self._beginning
        try:
            while chunk:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(self._target, rest) :]
                chunk = os.read(self._source, CHUNK)
        except OSError:
            return  # the agent reads no more
        finally:
            os.close(self._target)
