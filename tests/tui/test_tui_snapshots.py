"""Every screen at 80x24 and 120x40."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from scenes import FACES, World, live, shows, status
from textual.pilot import Pilot

from conduit_tui.domain.processes import GatewayState
from conduit_tui.tui.profile import Profile

SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((120, 40), id="120x40")]
Before = Callable[[Pilot[int]], Awaitable[None]]


def go(keys: str, *words: str) -> Before:
    """Wait for the Overview, press keys one by one, wait for words."""

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "READY", "SESSIONS", "no price")
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause(0.02)
        await shows(pilot, *words)
        await pilot.pause(0.2)

    return before


SCREENS = {
    "overview": go("", "streaming 12 s"),
    "requests": go("2", "waiting 3 s", "320 requests"),
    "requests_scrolled": go("2 k k k k k", "paused", "sonnet-5-5→haiku-5-5"),
    "filter": go("2 slash o p u s", "64 of 320"),
    "detail": go("2 k k k k k enter", "317 of 320", "trace"),
    "detail_error": go("2 k k k enter", "319 of 320", "overloaded"),
    "process": go("7", "watchdog", "upstream slow"),
    "help": go("2 question_mark", "Open the request under the cursor"),
    "leave": go("q", "leave everything running"),
    "project": go("p", "128 requests"),
    "palette": go("colon r e s t", "Restart the gateway"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_screen(busy: World, snap_compare: Any, screen: str, size: tuple[int, int]) -> None:
    assert snap_compare(busy.app(), terminal_size=size, run_before=SCREENS[screen])


@pytest.mark.parametrize("profile", FACES)
@pytest.mark.parametrize("screen", ["overview", "requests", "detail", "process", "help"])
def test_profile(busy: World, snap_compare: Any, screen: str, profile: Profile) -> None:
    before = SCREENS[screen]
    assert snap_compare(busy.app(profile=profile), run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_empty(tmp_path: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    world = World(tmp_path / "state")
    world.state_dir.prepare()
    world.say(told=status(ready_since=None, generation=1, starts=1), seen=live(0))

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "No request has come", "READY")

    assert snap_compare(world.app(), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_not_started(tmp_path: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    world = World(tmp_path / "state", up_fails="port 4141 is taken by nginx (pid 812)\ntry --port, or stop it")
    world.state_dir.prepare()

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "port 4141 is taken", "NOT STARTED")

    assert snap_compare(world.app(), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_process_in_trouble(busy: World, snap_compare: Any, size: tuple[int, int]) -> None:
    busy.say(
        told=status(
            GatewayState.BACKOFF, reason="exit by signal 11", retry_at=1_763_116_924_000, gateway_pid=None,
            ready_since=None, gateway_memory_bytes=None, gateway_cpu_percent=None,
        )
    )  # fmt: skip

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "BACKOFF")
        await pilot.press("7")
        await shows(pilot, "watchdog", "exit by signal 11", "upstream slow")
        await pilot.pause(0.2)

    assert snap_compare(busy.app(), terminal_size=size, run_before=before)


def test_too_small(busy: World, snap_compare: Any) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "needs 60x16, is 40x10")

    assert snap_compare(busy.app(), terminal_size=(40, 10), run_before=before)
