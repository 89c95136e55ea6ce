"""Cancelling a task at a chosen await instead of at a chosen time."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


class CancelledAt:
    """Awaits a coroutine whose task is cancelled at its n-th suspension; `suspended` says how many there were."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], suspension: int) -> None:
        self._coroutine = coroutine
        self._suspension = suspension
        self.suspended = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        step, value = self._coroutine.send, None
        while True:
            try:
                waits_for = step(value)
            except StopIteration as stop:
                return stop.value
            self.suspended += 1
            if self.suspended == self._suspension:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                value = yield waits_for
                step = self._coroutine.send
            except BaseException as error:  # what the task throws in goes on to the coroutine
                step, value = self._coroutine.throw, error

    async def outcome(self) -> Any:
        """What it returned, or what it raised."""
        (outcome,) = await asyncio.gather(asyncio.ensure_future(self), return_exceptions=True)
        return outcome
