"""Starting, attaching, losing and finding daemon and gateway; leaving."""

import pytest
from scenes import World, busy_day, flights, live, shows, status

from conduit_tui.domain.processes import GatewayState
from conduit_tui.tui import feeds
from conduit_tui.tui.state import Link
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def test_starts_a_daemon_when_none_answers(world: World) -> None:
    async with world.app().run_test() as pilot:
        await shows(pilot, "READY")
        assert world.asked == ["up"]


async def test_attaches_to_the_one_that_runs(world: World) -> None:
    world.say(told=status())
    async with world.app().run_test() as pilot:
        await shows(pilot, "READY")
        assert world.asked == []


async def test_a_failed_start_gives_its_reason_and_can_be_tried_again(world: World) -> None:
    world.up_fails = "port 4141 is taken by nginx (pid 812)"
    async with world.app().run_test() as pilot:
        await shows(pilot, "✗ NOT STARTED", "port 4141 is taken by nginx", "try again")
        world.up_fails = ""
        await pilot.press("s")
        await shows(pilot, "READY", without="NOT STARTED")
        assert world.asked == ["up", "up"]


async def test_a_lost_daemon_is_said_and_found_again(world: World) -> None:
    last = await world.fill(busy_day(30))
    world.say(told=status(), seen=live(last))
    app = world.app()
    async with app.run_test() as pilot:
        await shows(pilot, "READY", "SESSIONS")
        world.vanish()
        await shows(pilot, "○ UNREACHABLE", "daemon unreachable since 10:42", without="READY")
        world.say(told=status(), seen=live(last))
        await shows(pilot, "READY", without="unreachable")
        assert app.state.link is Link.ATTACHED
        assert "up" not in world.asked


async def test_a_lost_gateway_is_said_though_the_daemon_answers(world: World) -> None:
    last = await world.fill(busy_day(30))
    world.say(told=status(), seen=live(last))
    async with world.app().run_test() as pilot:
        await shows(pilot, "READY", "SESSIONS")
        world.seen = None
        world.say()
        await shows(pilot, "gateway unreachable since 10:42", "look")


async def test_a_gateway_that_becomes_ready_is_asked_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_WAIT_SECONDS", "LONGEST_WAIT_SECONDS"):
        monkeypatch.setattr(feeds, name, 600.0)  # nobody asks again before that by himself
    world.say(told=status(GatewayState.STARTING, gateway_pid=None))
    last = await world.fill(busy_day(30))
    async with world.app().run_test() as pilot:
        await shows(pilot, "◐ STARTING", "SESSIONS")
        world.say(told=status(), seen=live(last, flights()))
        await shows(pilot, "READY", "2 in flight", without="unreachable")


async def test_a_database_that_comes_later_is_opened(world: World) -> None:
    world.say(told=status(), seen=live(0))
    async with world.app().run_test() as pilot:
        await shows(pilot, "No request has come")
        last = await world.fill(busy_day(30))
        world.say(seen=live(last))
        await shows(pilot, "SESSIONS", "claude-opus-5-5")


@pytest.mark.parametrize(("keys", "asked"), [(["q", "enter"], []), (["q", "d"], []), (["q", "s"], ["shutdown"])])
async def test_leaving(world: World, keys: list[str], asked: list[str]) -> None:
    world.say(told=status())
    app = world.app()
    async with app.run_test() as pilot:
        await shows(pilot, "READY")
        await pilot.press(keys[0])
        await shows(pilot, "leave everything running")
        await pilot.press(*keys[1:])
        await until(lambda: app.return_value is not None)
    assert app.return_value == 0
    assert world.asked == asked


async def test_escape_backs_out_of_leaving_and_twice_control_c_leaves(world: World) -> None:
    world.say(told=status())
    app = world.app()
    async with app.run_test() as pilot:
        await shows(pilot, "READY")
        await pilot.press("q")
        await shows(pilot, "leave everything running")
        await pilot.press("escape")
        await shows(pilot, "READY", without="leave everything running")
        assert app.is_running
        await pilot.press("ctrl+c")
        await shows(pilot, "leave everything running")
        await pilot.press("ctrl+c")
        await until(lambda: app.return_value is not None)
    assert app.return_value == 0


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (["r", "r"], ["restart"]),
        (["r", "escape"], []),
        (["r", "n"], []),
        (["x", "x"], ["stop"]),
        (["x", "enter"], []),
        (["x", "exclamation_mark"], ["stop now"]),
    ],
)
async def test_dangerous_keys_ask_first(world: World, keys: list[str], asked: list[str]) -> None:
    world.say(told=status())
    async with world.app().run_test() as pilot:
        await shows(pilot, "READY")
        await pilot.press("7")
        await shows(pilot, "HISTORY")
        await pilot.press(keys[0])
        await shows(pilot, "gateway?")
        assert world.asked == []
        await pilot.press(keys[1])
        await shows(pilot, "HISTORY", without="gateway?")
        await until(lambda: len(world.asked) >= len(asked))
        await pilot.pause(0.1)
    assert world.asked == asked


async def test_start_under_a_stopped_gateway(world: World) -> None:
    world.say(told=status(GatewayState.STOPPED, gateway_pid=None))
    async with world.app().run_test() as pilot:
        await pilot.press("7")
        await shows(pilot, "STOPPED", "gateway   none")
        await pilot.press("s")
        await until(lambda: world.asked)
    assert world.asked == ["start"]


async def test_a_worker_that_fails_is_told_and_the_app_stays(world: World) -> None:
    world.say(told=status())
    app = world.app()

    async def fail() -> None:
        raise RuntimeError("[bold]broken\x1b[31m")

    async with app.run_test(notifications=True) as pilot:
        await shows(pilot, "READY")
        app.run_worker(fail(), name="reader", exit_on_error=False)
        await shows(pilot, "reader failed; the rest goes on", "RuntimeError: [bold]broken␛[31m")
        await pilot.press("7")
        await shows(pilot, "HISTORY")


async def test_too_small_and_large_again(world: World) -> None:
    world.say(told=status())
    async with world.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "READY")
        await pilot.resize_terminal(40, 10)
        await shows(pilot, "needs 60x16, is 40x10", without="READY")
        await pilot.resize_terminal(10, 3)
        await shows(pilot, "needs 60x1")
        await pilot.resize_terminal(400, 200)
        await shows(pilot, "READY", without="needs 60x16")
        await pilot.resize_terminal(60, 16)
        await shows(pilot, "READY", "Overview", without="needs 60x16")


async def test_a_database_that_cannot_be_read_is_said(world: World) -> None:
    world.state_dir.database.write_bytes(b"this is no database, and long enough to be taken for one" * 20)
    world.say(told=status(), seen=live(0))
    async with world.app().run_test() as pilot:
        await shows(pilot, "requests cannot be read:", "READY")
