"""A value that changes, and any number of watchers that want the newest one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Latest(Generic[Value]):
    """Holds one value. A watcher that is slower than the changes skips to the newest; nothing queues."""

    def __init__(self, value: Value) -> None:
        self._value = value
        self._version = 0
        self._changed = asyncio.Event()
        self.watchers = 0

    @property
    def value(self) -> Value:
        return self._value

    def set(self, value: Value) -> None:
        """Replace the value and wake the watchers."""
        self._value = value
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self) -> AsyncIterator[Value]:
        """The value now, then the newest one after every change."""
        self.watchers += 1
        try:
            while True:
                seen, changed = self._version, self._changed
                yield self._value
                if self._version == seen:
                    await changed.wait()
        finally:
            self.watchers -= 1
