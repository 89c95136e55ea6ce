"""Waiting for what another process, thread or task brings about: for a condition, never for a time."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 40.0  # what has not come by then never comes, however busy the machine
SOON_SECONDS = 20.0  # what is done at once is done by then; what waits for something in vain is not


def eventually(condition: Callable[[], Any], what: str = "", *, seconds: float = PATIENCE_SECONDS) -> Any:
    """The condition's value as soon as it is true; fails the test when it never is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, what or f"{condition} did not come to hold within {seconds:g} s"
        time.sleep(0.01)
    return value


async def until(condition: Callable[[], Any], what: str = "", *, seconds: float = PATIENCE_SECONDS) -> Any:
    """`eventually` for tests whose event loop has other things to do; the condition may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while not (value := await found if inspect.isawaitable(found := condition()) else found):
        assert time.monotonic() < deadline, what or f"{condition} did not come to hold within {seconds:g} s"
        await asyncio.sleep(0.002)
    return value
