"""The Process screen: what drains and for how long, what the log has, in words and as a picture."""

from typing import Any

import pytest
from scenes import NOW, World, shows, status
from steps import SIZES
from textual.pilot import Pilot

from conduit_tui.domain.processes import GatewayState, Retiree


def text(pilot: Pilot[int]) -> str:
    screen = pilot.app.screen
    return "\n".join(strip.text for strip in screen._compositor.render_strips())


@pytest.mark.anyio
async def test_a_drain_is_counted_down(busy: World) -> None:
    busy.say(told=status(GatewayState.DRAINING, in_flight=3, drain_until=NOW + 24_500))
    async with busy.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "DRAINING")
        await pilot.press("7")
        await shows(pilot, "3 streams, cut in 24 s")
        busy.say(told=status(GatewayState.DRAINING, in_flight=1, drain_until=NOW + 3_000))
        await shows(pilot, "1 stream, cut in 3 s")


@pytest.mark.anyio
async def test_older_gateways_are_shown_while_they_drain(busy: World) -> None:
    older = (
        Retiree(generation=2, pid=2110, streams=4, until=NOW + 12_000),
        Retiree(generation=1, pid=2101, streams=None, until=NOW + 2_000),
    )
    busy.say(told=status(retiring=older))
    async with busy.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "READY")
        await pilot.press("7")
        await shows(pilot, "pid 2110", "generation 2, 4 streams, cut in 12 s", "generation 1, its streams, cut in 2 s")
        busy.say(told=status(renewal_failure="not READY within 20 s"))
        await shows(pilot, "the restart failed: not READY within 20 s")
        assert "pid 2110   generation 2, 4 streams" not in text(pilot)


@pytest.mark.anyio
async def test_the_log_shows_the_lines_that_have_some_words(busy: World) -> None:
    async with busy.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "READY")
        await pilot.press("7")
        await shows(pilot, "5 lines")
        await pilot.press("slash", *"SLOW anthropic")
        await shows(pilot, "1 line", "upstream slow")
        assert "gateway started" not in text(pilot)
        await pilot.press("enter")
        await shows(pilot, "/ SLOW anthropic")
        await pilot.press("7", "escape")
        await shows(pilot, "5 lines", "gateway started")
        await pilot.press("slash", "x", "escape")
        await shows(pilot, "5 lines")


@pytest.mark.parametrize("size", SIZES)
def test_draining(busy: World, snap_compare: Any, size: tuple[int, int]) -> None:
    busy.say(
        told=status(
            retiring=(Retiree(generation=2, pid=2110, streams=4, until=NOW + 12_000),), reason="restart on request"
        )
    )

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "READY")
        await pilot.press("7")
        await shows(pilot, "watchdog", "upstream slow", "cut in 12 s")
        await pilot.press("slash", *"upstream", "enter")
        await shows(pilot, "/ upstream")
        await pilot.pause(0.2)

    assert snap_compare(busy.app(), terminal_size=size, run_before=before)
