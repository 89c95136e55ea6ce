"""Screens that are left before they are there, or while another one lies over them."""

import pytest
from scenes import World, live, shows, status

from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.reconcile import ReconcileScreen
from conduit_tui.tui.screens.sessions import SessionsScreen

pytestmark = pytest.mark.anyio


def question() -> Dialog:
    return Dialog("Really", ("It is gone then.",), (Choice("yes", "y", "yes"), Choice("no", "n", "no")))


@pytest.mark.parametrize("times", [1, 3])
async def test_a_screen_that_goes_before_it_is_there_takes_nothing_with_it(world: World, times: int) -> None:
    world.say(told=status(), seen=live(0))
    async with world.app().run_test() as pilot:
        await shows(pilot, "READY")
        for make in (question, SessionsScreen, ReconcileScreen) * times:
            pilot.app.push_screen(make())
            pilot.app.pop_screen()
        await shows(pilot, "READY", "Overview")
        await pilot.press("7")
        await shows(pilot, "HISTORY")


async def test_a_screen_that_is_left_under_another_one_goes_after_it(world: World) -> None:
    world.say(told=status(), seen=live(0))
    async with world.app().run_test() as pilot:
        await shows(pilot, "READY")
        below = SessionsScreen()
        await pilot.app.push_screen(below)
        answers: list[str | None] = []
        pilot.app.push_screen(question(), answers.append)
        below.dismiss()
        await shows(pilot, "Really", "It is gone then.")
        assert answers == []
        await pilot.press("y")
        await shows(pilot, "READY", "Overview", without="Really")
        assert answers == ["yes"]
        assert len(pilot.app.screen_stack) == 1
