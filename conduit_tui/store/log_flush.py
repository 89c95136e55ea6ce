"""Bringing the write-ahead log to the disk beside the writer."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

COMMITS = 32  # about 2 MB of log

_sync = getattr(os, "fdatasync", os.fsync)


class LogFlush:
    """Flushes a database's log after every few commits, in a thread.

    A checkpoint must wait until the log is on the disk, and whoever commits then waits with it: 20 ms for what 4,000
    pages of log hold, 3 ms when nearly all of it is there already.
    """

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(f"{database.name}-wal")
        self._commits = 0
        self._flushing: asyncio.Future[None] | None = None

    def committed(self) -> None:
        """Count a commit, and flush if it is time."""
        self._commits += 1
        if self._commits >= COMMITS and (self._flushing is None or self._flushing.done()):
            self._commits = 0
            self._flushing = asyncio.get_running_loop().run_in_executor(None, self._flush)

    async def close(self) -> None:
        """Wait for the flush under way."""
        if self._flushing is not None:
            await asyncio.wait({self._flushing})

    def _flush(self) -> None:
        with suppress(OSError):  # the checkpoint does the same and says what is wrong
            descriptor = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)  # SQLite keeps no locks on this file
            try:
                _sync(descriptor)
            finally:
                os.close(descriptor)
