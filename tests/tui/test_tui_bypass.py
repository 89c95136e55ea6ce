"""The bypass on every screen: the banner, the key that asks first, and what the environment keeps on."""

import pytest
from rule_scenes import furnish
from scenes import World, live, shows, status

from tests.waiting import until

pytestmark = pytest.mark.anyio

BANNER = "BYPASS  rules and project limits off, overall budget holds"


async def test_the_key_asks_first_and_the_banner_stands_on_every_screen(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, "READY", without="BYPASS")
        await pilot.press("B")
        await shows(pilot, "Bypass on?", "The overall budget holds")
        await pilot.press("escape")
        assert world.store is not None
        assert not await world.store.bypass()
        await pilot.press("B", "y")
        await until(world.store.bypass)
        world.say(seen=live(40).model_copy(update={"bypass": True}))
        await shows(pilot, BANNER, "B off")
        for key in "2345678":
            await pilot.press(key)
            await shows(pilot, BANNER)
        await pilot.press("B")
        await shows(pilot, "Bypass off?")
        await pilot.press("y")
        world.say(seen=live(40))
        await shows(pilot, without="BYPASS")


async def test_without_a_gateway_the_database_tells(world: World) -> None:
    await furnish(world)
    assert world.store is not None
    await world.store.set_bypass(True)
    world.vanish()
    world.say(told=status())
    async with world.app().run_test(size=(80, 24)) as pilot:
        await shows(pilot, BANNER)
        await pilot.press("B", "y")
        await shows(pilot, without="BYPASS")
        assert not await world.store.bypass()


async def test_what_the_environment_keeps_on_is_not_offered_to_be_switched_off(world: World) -> None:
    await furnish(world)
    world.say(seen=live(40).model_copy(update={"bypass": True, "bypass_forced": True}))
    async with world.app().run_test(size=(80, 24), notifications=True) as pilot:
        await shows(pilot, BANNER, "CONDUIT_BYPASS", without="B off")
        await pilot.press("B")
        await shows(pilot, "start it without", without="Bypass off?")
