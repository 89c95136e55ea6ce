"""The Requests screen: follows, pauses, filters, opens."""

from typing import cast

import pytest
from scenes import World, busy_day, flights, live, row, screen_text, shows, status
from textual.pilot import Pilot

from conduit_tui.domain.projects import Project
from conduit_tui.tui.app import ConduitApp
from conduit_tui.tui.profile import SSH
from conduit_tui.tui.screens.requests import RequestsScreen
from conduit_tui.tui.widgets.usage_list import UsageList

pytestmark = pytest.mark.anyio


def usage_list(pilot: Pilot[int]) -> UsageList:
    return cast("RequestsScreen", pilot.app.screen).rows


async def ready(world: World, count: int = 60) -> int:
    last = await world.fill(busy_day(count))
    world.say(told=status(), seen=live(last))
    return last


async def add(world: World, first: int, count: int, **changes: object) -> None:
    """Record rows and tell about them, as a gateway does."""
    last = await world.fill(row(first + n, ago=10_000 - n, **changes) for n in range(count))
    world.say(seen=live(last))


async def test_follows_the_newest_row(world: World) -> None:
    await ready(world)
    async with world.app().run_test() as pilot:
        await pilot.press("2")
        await shows(pilot, "60 requests", "● follow")
        await add(world, 1000, 3, requested_model="claude-new-1", routed_model="claude-new-1")
        text = await shows(pilot, "63 requests", "claude-new-1")
        assert "● follow" in text
        assert usage_list(pilot).cursor == 62


async def test_stands_still_and_counts_while_the_reader_is_elsewhere(world: World) -> None:
    await ready(world)
    async with world.app().run_test() as pilot:
        await pilot.press("2")
        await shows(pilot, "60 requests")
        await pilot.press("ctrl+u", "k")
        before = (await shows(pilot, "○ paused")).splitlines()[5:20]
        await add(world, 1000, 38)
        text = await shows(pilot, "▼ 38 new  (G to follow)", "98 requests")
        assert text.splitlines()[5:20] == before
        await pilot.press("G")
        text = await shows(pilot, "● follow", without="38 new")
        assert usage_list(pilot).cursor == 97


async def test_what_is_under_way_stands_below_the_rows_until_it_is_one(world: World) -> None:
    last = await ready(world)
    world.say(seen=live(last, flights()))
    async with world.app().run_test(notifications=True) as pilot:
        await pilot.press("2")
        text = await shows(pilot, "… streaming 12 s, 640 out", "… waiting 3 s")
        assert len(usage_list(pilot)) == 62
        await pilot.press("enter")
        await shows(pilot, "still under way, for 3 s")
        world.say(seen=live(last))
        text = await shows(pilot, "60 requests", without="streaming 12 s")
        assert len(usage_list(pilot)) == 60, text


async def test_filter_narrows_counts_and_clears(world: World) -> None:
    await ready(world, 100)
    async with world.app().run_test() as pilot:
        await pilot.press("2")
        await shows(pilot, "100 requests")
        await pilot.press("slash", *"model:haiku")
        text = await shows(pilot, "of 100", without="gpt-5.2")
        assert "enter keep" in text
        await pilot.press("enter")
        text = await shows(pilot, "/ model:haiku", "q quit")
        assert "claude-opus" not in text
        await add(world, 1000, 1, requested_model="claude-haiku-9", routed_model="claude-haiku-9")
        await shows(pilot, "of 101", "claude-haiku-9")
        await add(world, 1001, 2)
        await shows(pilot, "of 103")
        await pilot.press("escape")
        await shows(pilot, "103 requests", "gpt-5.2")


async def test_filter_names_the_nearest_key(world: World) -> None:
    await ready(world)
    async with world.app().run_test() as pilot:
        await pilot.press("2", "slash", *"modle:x")
        await shows(pilot, "no key modle: did you mean model:")
        await pilot.press("enter")
        assert "no key modle" in await shows(pilot, "enter keep")
        await pilot.press("escape")
        await shows(pilot, "60 requests")


async def test_errors_stand_in_place_of_figures(world: World) -> None:
    await world.fill([row(1, ago=5_000, status=402, error_type="Daily cost limit exceeded", input_tokens=0)])
    world.say(told=status(), seen=live(1))
    async with world.app().run_test() as pilot:
        await pilot.press("2")
        text = await shows(pilot, "402 Daily cost limit exceeded")
        line = next(line for line in text.splitlines() if "402" in line)
        assert "$" not in line


@pytest.mark.parametrize(("width", "there", "gone"), [(80, "ms", "agent"), (70, "cost", " ms"), (140, "why", "~~")])
async def test_columns_give_way(world: World, width: int, there: str, gone: str) -> None:
    await ready(world)
    async with world.app().run_test(size=(width, 24)) as pilot:
        await pilot.press("2")
        text = await shows(pilot, "60 requests", "project")
        head = next(line for line in text.splitlines() if "project   " in line and "model" in line)
        assert there in head
        assert gone not in head
        assert all(len(line) <= width for line in text.splitlines())


async def test_detail_walks_the_list(world: World) -> None:
    await ready(world)
    async with world.app().run_test(size=(80, 60)) as pilot:
        await pilot.press("2")
        await shows(pilot, "60 requests")
        await pilot.press("k", "enter")
        text = await shows(pilot, "59 of 60", "trace", "timings", "tokens & cost", "Bearer ****", "529")
        await pilot.press("k")
        await shows(pilot, "58 of 60", without="overloaded")
        await pilot.press("n")
        await shows(pilot, "59 of 60")
        await pilot.press("escape")
        text = await shows(pilot, "60 requests", "○ paused")
        assert "529 overloaded error" in text


async def test_detail_shows_every_attempt(world: World) -> None:
    first = row(7, ago=9_000, status=529, error_type="overloaded_error", attempt=1)
    await world.fill([first, first._replace(attempt=2, status=200, error_type="", routed_model="claude-sonnet-5-5")])
    world.say(told=status(), seen=live(2))
    async with world.app().run_test(size=(80, 60)) as pilot:
        await pilot.press("2")
        await shows(pilot, "2 requests")
        await pilot.press("enter")
        text = await shows(pilot, "attempts", "attempt 2 of 2")
        assert "1  claude-opus-5-5" in text
        assert "2  claude-sonnet-5-5" in text


async def test_detail_says_what_it_does_not_know(world: World) -> None:
    rows = [
        row(1, ago=9_000, metadata="not json"),
        row(2, ago=8_000, metadata='{"trace": 7, "timings": [], "request_headers": "x", "shape": {"a": [1]}}'),
        row(3, ago=7_000, metadata="", routing_source="", routing_reason=""),
    ]
    await world.fill(rows)
    world.say(told=status(), seen=live(3))
    async with world.app().run_test(size=(80, 60)) as pilot:
        await pilot.press("2")
        await shows(pilot, "3 requests")
        await pilot.press("enter")
        await shows(pilot, "3 of 3", "nothing was written down")
        await pilot.press("k")
        await shows(pilot, "2 of 3", 'shape        {"a": [1]}')
        await pilot.press("k")
        await shows(pilot, "1 of 3", "metadata     not json")


async def test_pane_at_a_large_size(world: World) -> None:
    await ready(world)
    async with world.app().run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await shows(pilot, "60 requests", "tokens & cost")
        await pilot.resize_terminal(80, 24)
        await shows(pilot, "60 requests", without="tokens & cost")


async def test_keys_at_the_ends(world: World) -> None:
    await ready(world, 250)
    async with world.app().run_test() as pilot:
        await pilot.press("2")
        await shows(pilot, "250 requests")
        rows = usage_list(pilot)
        for key, cursor in (("g", 0), ("k", 0), ("j", 1), ("pagedown", 17), ("ctrl+d", 25), ("end", 249), ("j", 249)):
            await pilot.press(key)
            assert rows.cursor == cursor, key
        await pilot.press("home")
        text = await shows(pilot, "○ paused", without="·    ")
        assert "11-13" in text


async def test_a_project_chosen_narrows_the_list(world: World) -> None:
    await ready(world)
    app = world.app(project="docs")
    async with app.run_test() as pilot:
        await pilot.press("2")
        await shows(pilot, "conduit  docs", "of 60", without="api-server")
        await pilot.press("p")
        await shows(pilot, "all projects", "requests")
        await pilot.press("enter")
        await shows(pilot, "60 requests", "api-server")


async def test_more_projects_than_fit_scroll_with_the_cursor_the_busiest_first(world: World) -> None:
    await ready(world)
    assert world.store is not None
    for number in range(30):
        await world.store.add_project(Project(name=f"idle-{number:02}"))
    async with world.app().run_test() as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("p")
        text = await shows(pilot, "esc back", " api-server  24 requests", " default      0 requests")
        assert text.index(" api-server  ") < text.index(" docs  ") < text.index(" default  ") < text.index(" idle-00")
        await pilot.press("G")
        await shows(pilot, "idle-29", without="idle-00")
        await pilot.press("enter")
        await shows(pilot, "conduit  idle-29")


async def test_nothing_there_yet(world: World) -> None:
    await world.fill([])
    world.say(told=status(), seen=live(0))
    async with world.app().run_test() as pilot:
        await pilot.press("2")
        await shows(pilot, "No request yet", "0 requests")
        await pilot.press("enter", "k", "G", "ctrl+d")
        assert isinstance(pilot.app, ConduitApp)
        await add(world, 1, 1)
        text = await shows(pilot, "1 request", "claude-opus-5-5")
        assert text == screen_text(pilot.app)


async def test_what_is_under_way_is_filtered_with_the_rows(world: World) -> None:
    last = await ready(world)
    world.say(seen=live(last, flights()))
    async with world.app(profile=SSH).run_test() as pilot:
        await pilot.press("2")
        await shows(pilot, "streaming 12 s", "waiting 3 s")
        await pilot.press("slash", *"opus")
        await shows(pilot, "waiting 3 s", "of 60", without="streaming 12 s")
        await pilot.press("escape")
        await shows(pilot, "streaming 12 s", "waiting 3 s")


async def test_help_is_whole_at_80_columns(world: World) -> None:
    await ready(world)
    async with world.app().run_test() as pilot:
        await pilot.press("2", "question_mark")
        await shows(pilot, "project: session:,", "or as a rule does")
        await pilot.press("G")
        await shows(pilot, "Requests: every request as it comes", "Backups: safety copies: make, look, restore;")


async def test_why_says_what_differs_first(world: World) -> None:
    last = await world.fill(
        [row(1, ago=1_000, routing_source="client", routing_reason="no rule matched: as requested")]
    )
    world.say(told=status(), seen=live(last))
    async with world.app().run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        text = await shows(pilot, "  as requested")
        assert "no rule matched:…" not in text


async def test_esc_leads_back_to_where_the_filter_came_from(world: World) -> None:
    await ready(world)
    async with world.app().run_test() as pilot:
        await shows(pilot, "MODELS TODAY")
        await pilot.press("enter")
        await shows(pilot, "/ model:", "esc back")
        await pilot.press("escape")
        await shows(pilot, "MODELS TODAY")
        await pilot.press("2")
        await shows(pilot, "60 requests", without="esc")
        await pilot.press("s")
        await shows(pilot, "sessions")
        await pilot.press("enter")
        await shows(pilot, "/ session:", "esc back")
        await pilot.press("escape")
        await shows(pilot, " 3 sessions")
        await pilot.press("enter")
        await shows(pilot, "/ session:", "esc back")
        await pilot.press("3", "2")  # goes elsewhere and comes again: from then on esc only clears
        await shows(pilot, "/ session:", "esc clear")
        await pilot.press("escape")
        await shows(pilot, "60 requests", without="esc")


async def test_nothing_found_by_model_names_the_field_of_what_served(world: World) -> None:
    await ready(world)
    async with world.app().run_test() as pilot:
        await pilot.press("2", "slash", *'model = "claude-haiku-9"', "enter")
        await shows(pilot, "routedModel is what served it")
        await pilot.press("escape")
        await shows(pilot, "60 requests")
