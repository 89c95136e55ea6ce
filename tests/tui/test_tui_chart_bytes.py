"""What a redraw of the chart costs on the wire, on a real terminal."""

import asyncio
import random
import re
import time

import pytest
from scenes import MINUTE, World, live, row, served
from terminal import ESCAPE, control_centre

CHART_BYTES = 20_000


def now() -> int:
    """The control centre that is started here has the real clock."""
    return int(time.time() * 1_000)


def rugged() -> list[object]:
    """A day that is as hard to draw as one gets: every stretch has every model, in another proportion."""
    dice = random.Random(3)
    return [
        row(
            10_000 + number * 10 + model, ago=0, routed_model=f"model-{model}", requested_model=f"model-{model}",
            cost_nanodollars=dice.randrange(10**9), created_at=now() - number * 30 * MINUTE - MINUTE,
        )
        for number in range(48)
        for model in range(6)
    ]  # fmt: skip


@pytest.fixture
def hard(busy: World) -> World:
    async def fill() -> int:
        last = await busy.fill(rugged())  # type: ignore[arg-type]
        await busy.close()
        busy.store = None
        return last

    busy.say(seen=live(asyncio.run(fill())))
    return busy


@pytest.mark.parametrize("profile", ["local", "ssh"])
def test_a_redraw_of_the_chart(hard: World, profile: str) -> None:
    async def add(number: int) -> int:
        last = await hard.fill([row(number, ago=0, created_at=now() - 1_000, cost_nanodollars=3_000_000)])
        await hard.close()
        hard.store = None
        return last

    with served(hard), control_centre(hard.folder, profile=profile) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.wait_quiet()
        before = len(terminal.written)
        terminal.press("4")
        terminal.read_until(lambda written: b"than" in written or b"every request" in written)
        terminal.wait_quiet(0.5)
        whole = CHART_BYTES if profile == "ssh" else 2 * CHART_BYTES
        assert len(terminal.written) - before <= whole, "the whole screen with its chart, from nothing to the last word"
        for keys in ("m", "v", "v", "]", "[", "b"):
            before = len(terminal.written)
            terminal.press(keys)
            terminal.read_until(bool)
            terminal.wait_quiet(0.5)
            assert 0 < len(terminal.written) - before <= CHART_BYTES, f"after {keys}"
        assert terminal.read(1.5) == b"", "idle"
        if profile == "ssh":
            assert not re.search(rb"[34]8[;:][25]", bytes(terminal.written)), "more than sixteen colours"
        before = len(terminal.written)
        hard.say(seen=live(asyncio.run(add(20_001))))
        terminal.read_until(lambda written: bool(ESCAPE.sub(b"", written).strip()))
        terminal.wait_quiet(0.5)
        assert len(terminal.written) - before <= 2_500, "one more request repaints what it changed"
