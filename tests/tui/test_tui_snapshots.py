"""Every screen at 80x24 and 120x40."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scenes import FACES, World, live, shows, status
from steps import OVERVIEW, SIZES, go
from textual.pilot import Pilot

from conduit_tui.domain.processes import GatewayState
from conduit_tui.tui.profile import Profile

at = partial(go, first=(*OVERVIEW, "no price"))

SCREENS = {
    "overview": at("", "streaming 12 s"),
    "requests": at("2", "waiting 3 s", "320 requests"),
    "requests_scrolled": at("2 k k k k k", "paused", "sonnet-5-5→haiku-5-5"),
    "filter": at("2 slash o p u s", "64 of 320"),
    "detail": at("2 k k k k k enter", "317 of 320", "trace"),
    "detail_error": at("2 k k k enter", "319 of 320", "overloaded"),
    "process": at("7", "watchdog", "upstream slow"),
    "help": at("2 question_mark", "Open the request under the cursor"),
    "leave": at("q", "leave everything running"),
    "project": at("p", "128 requests"),
    "palette": at("colon r e s t", "Restart the gateway"),
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
