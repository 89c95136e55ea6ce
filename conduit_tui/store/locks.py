"""Locks on files: the one that makes a process the writer, and whether another process holds one."""

import asyncio
import fcntl
import os
from pathlib import Path
from types import TracebackType

from conduit_tui.store.errors import PassingError
from conduit_tui.store.interface import StoreError

_POLL_SECONDS = 0.005


class WriterLock:
    """An exclusive `flock` on a file; it ends with the process at the latest. Not inherited by children that exec.

    `async with WriterLock(path, timeout)` takes it and gives it back.
    """

    def __init__(self, path: Path, timeout: float = 2.0) -> None:
        self._path = path
        self._timeout = timeout
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it. Raises StoreError if the file cannot be used."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreError(f"cannot open {self._path}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            raise StoreError(f"cannot lock {self._path}: {error.strerror}") from None
        self._descriptor = descriptor
        return True

    async def acquire(self, timeout: float | None = None) -> None:
        """Take the lock, waiting for at most `timeout` seconds (the constructor's by default). Raises StoreError.

        When the time is up that is a PassingError.
        """
        seconds = self._timeout if timeout is None else timeout
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.try_acquire():
            if asyncio.get_running_loop().time() >= deadline:
                raise PassingError(f"another process is writing ({self._path} is locked; waited {seconds:g} s)")
            await asyncio.sleep(_POLL_SECONDS)

    def release(self) -> None:
        """Give the lock back; without it, nothing happens."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    async def __aenter__(self) -> "WriterLock":
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock. A lock that cannot be asked counts as free: who needs it will say why."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
