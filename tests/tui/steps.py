"""How a snapshot is got to: from the Overview by keys, until words are there."""

from collections.abc import Awaitable, Callable

import pytest
from scenes import shows
from textual.pilot import Pilot

SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((120, 40), id="120x40")]
OVERVIEW = ("READY", "SESSIONS")

Before = Callable[[Pilot[int]], Awaitable[None]]


def go(keys: str, *words: str, first: tuple[str, ...] = OVERVIEW) -> Before:
    """Wait for the first words, press keys one by one (those with commas between them at once), wait for words."""

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, *first)
        for key in keys.split():
            await pilot.press(*key.split(","))
            await pilot.pause(0.1)
        await shows(pilot, *words)
        await pilot.pause(0.4)

    return before
