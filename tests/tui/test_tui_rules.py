"""The Rules screen by keyboard: list, editor, form, try, backtest, and what others change meanwhile."""

import time

import pytest
from rule_scenes import PROJECT, RULES, furnish, routed_rows, rule
from scenes import World, live, row, shows, status
from textual.pilot import Pilot

from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import to_text
from conduit_tui.tui.conduit import system_clock
from conduit_tui.tui.project_rules import rules_of
from conduit_tui.tui.screens.backtest import BacktestScreen
from conduit_tui.tui.widgets.expression_area import ExpressionArea

pytestmark = pytest.mark.anyio


async def stored(world: World) -> list[Rule]:
    """The project's rules as the database has them."""
    assert world.store is not None
    return next(rules_of(project) for project in await world.store.projects() if project.name == PROJECT)


async def names(world: World) -> list[str]:
    return [each.name for each in await stored(world)]


async def type_text(pilot: Pilot[int], text: str) -> None:
    await pilot.press(*({" ": "space", "\t": "tab", "\n": "enter"}.get(each, each) for each in text))


async def at_rules(pilot: Pilot[int], *words: str) -> str:
    await shows(pilot, "READY")
    await pilot.press("3")
    return await shows(pilot, *(words or ("they fire", "default", "everything else")))


def line_with(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


async def test_lists_in_firing_order_with_hits_and_worries(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(120, 24)) as pilot:
        text = await at_rules(pilot)
        places = [
            text.index(f"{name} ") for name in ("explore", "big context", "night batch", "analysis", "everything")
        ]
        assert places == sorted(places)
        explore = line_with(text, 'agentType = "Explore"')
        for words in ("●   10", "sonnet-5-5→haiku-5-5", "        10", "10:21", "!"):
            assert words in explore
        assert line_with(text, "night batch").startswith(" ○    3")
        assert "3 of 4 on" in text
        assert line_with(text, "everything else").split()[-3:] == ["as", "requested", "20"]


async def test_of_all_projects_one_with_rules_is_shown_and_stays(world: World) -> None:
    await world.fill([])
    assert world.store is not None
    for name in ("docs", "web"):
        rules = [rule(f"of {name}", 'agentType = "Explore"', "claude-haiku-5-5", 1).model_dump(by_alias=True)]
        await world.store.add_project(Project(name=name, config=ProjectConfig(routing_rules=rules)))
    world.say(told=status(), seen=live(0))
    async with world.app().run_test() as pilot:
        await at_rules(pilot, "of docs", " docs  p chooses another")
        rules = [rule("of another", 'agentType = "Plan"', "claude-haiku-5-5", 1).model_dump(by_alias=True)]
        await world.store.add_project(Project(name="api", config=ProjectConfig(routing_rules=rules)))
        await pilot.press("D")
        await shows(pilot, " docs  p chooses another", "has no rule")


async def test_detail_beside_where_there_is_room_else_by_enter(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(80, 24)) as pilot:
        await at_rules(pilot)
        await pilot.press("enter")
        await shows(pilot, "broke 1 cache ($0.480)", "claude-haiku-5-5  for anthropic")
        await pilot.press("j")
        await shows(pilot, "decided once per session, for 50 % of sessions", "claude-opus-5-5  when that one fails")
        await pilot.press("enter")
        await shows(pilot, "night batch", without="decided once per session")
        await pilot.resize_terminal(120, 40)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x0b"])
async def test_a_condition_pasted_in_lines_becomes_one(world: World, end: str) -> None:
    """Also where the area has another idea of what ends a line."""
    await furnish(world)
    async with world.app().run_test(size=(120, 24)) as pilot:
        await at_rules(pilot)
        await pilot.press("n", "tab")
        area = pilot.app.screen.query_one("#when", ExpressionArea)
        area.focus()
        area.load_text(f'agentType = "Explore"{end}  and tokenCount > 5{end}')
        await pilot.pause()
        assert area.document.line_count == 1
        assert " ".join(area.text.split()) == 'agentType = "Explore" and tokenCount > 5'


async def test_toggle_move_delete_and_undo(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(notifications=True) as pilot:
        await at_rules(pilot, "3 of 4 on")
        await pilot.press("space")
        await shows(pilot, "2 of 4 on")
        await pilot.press("J", "J")
        await shows(pilot, "revision 5")
        assert await names(world) == ["big context", "night batch", "explore", "analysis"]
        await pilot.press("D")
        await shows(pilot, "deleted; u brings it back", "2 of 3 on")
        await pilot.press("u")
        await shows(pilot, "undone", "2 of 4 on")
        await pilot.press("u")
        await shows(pilot, "revision 8")
        assert await names(world) == ["big context", "explore", "night batch", "analysis"]
        assert not (await stored(world))[1].enabled


async def test_another_ones_change_is_seen_and_a_stale_one_refused(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(notifications=True) as pilot:
        await at_rules(pilot, "3 of 4 on", "revision 2")
        await pilot.press("e")
        await shows(pilot, "ctrl+s save", "of the last 40 match")
        async with world.open_control() as control:
            project = await control.project(PROJECT)
            await control.save_rules(PROJECT, rules_of(project)[:3], project.revision)
        await pilot.press("shift+tab")
        await type_text(pilot, " one")
        await pilot.press("ctrl+s")
        await shows(pilot, "the rules were changed meanwhile", "explore one")
        await pilot.press("ctrl+s")
        await shows(pilot, "they fire", "explore one")
        assert await names(world) == ["explore one", "big context", "night batch"]


async def test_the_list_says_why_no_rule_acts(world: World) -> None:
    await furnish(world)
    async with world.open_control() as control:
        await control.set_bypass(True)
    async with world.app().run_test() as pilot:
        await at_rules(pilot, "no rule acts: bypass is on")


async def test_text_with_completion_live_error_and_count(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await at_rules(pilot)
        await pilot.press("n")
        await shows(pilot, "new rule", "no condition yet", without="must have")
        await type_text(pilot, "wide\ttok")
        text = await shows(pilot, "unknown field `tok`", "input tokens: system, tools and messages", "▲")
        assert line_with(text, "▲").index("▲") == line_with(text, "when ").index("tok")
        await pilot.press("tab")
        await type_text(pilot, "> 8000x")
        await shows(pilot, "`>` needs a number, `8000x` is none")
        await pilot.press("backspace", "0")
        await shows(pilot, "tokenCount > 80000", "of the last 40 match", "of 10 it is not known", without="needs a")
        await type_text(pilot, ' and model = "cl')
        await shows(pilot, "a closing quote is missing", "claude-haiku-5-5")
        await pilot.press("escape")
        await shows(pilot, "a closing quote is missing", "changed, not saved", without="claude-haiku-5-5")
        await pilot.press("ctrl+o", "down", "enter")
        text = await shows(pilot, "all of", "of the last 40 match", without="closing")
        assert 'model = "claude-' in line_with(text, "when ")


async def test_text_and_form_are_kept_in_step(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await at_rules(pilot)
        await pilot.press("j", "e")
        await shows(pilot, "all of", "tokenCount > 50000", "not")
        await pilot.press("tab", "a")
        await shows(pilot, "Condition:", "what of the request?")
        await type_text(pilot, "hou\n")
        await shows(pilot, "Condition: hour", "how compared?")
        await type_text(pilot, ">=\n")
        await shows(pilot, "Condition: hour >=", "with what?")
        await type_text(pilot, "late\n")
        await shows(pilot, "needs a number")
        await pilot.press(*["backspace"] * 4, "2", "2", "enter")
        await shows(pilot, "   hour >= 22")
        await pilot.press("n")
        await shows(pilot, "and not", "      hour >= 22")
        await pilot.press("k", "k", "k", "k", "k", "k", "enter")
        await shows(pilot, "any of", "or not")
        await pilot.press("j", "d")
        await shows(pilot, 'not flags contains "thinking" or not hour >= 22', without="tokenCount")
        await pilot.press("ctrl+s")
        await shows(pilot, "they fire")
        assert to_text((await stored(world))[1].conditions) == 'not flags contains "thinking" or not hour >= 22'


async def test_refusals_and_warnings_beside_their_fields(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(notifications=True) as pilot:
        await at_rules(pilot)
        await pilot.press("n", "ctrl+s")
        await shows(pilot, "not saved", "must have a name", "must have at least one condition")
        await type_text(pilot, "explore\thour > 3\t\t\t\t")
        await shows(pilot, 'there is a routing rule "explore"')
        await pilot.press(*["shift+tab"] * 5)
        await shows(pilot, 'there is a routing rule "explore" already')
        await pilot.press(*["tab"] * 5)
        await type_text(pilot, ".5")
        await shows(pilot, "a priority is an integer")
        await pilot.press("ctrl+s")
        assert await names(world) == [each.name for each in RULES]


async def test_a_model_that_nobody_serves_is_saved_only_when_it_is_meant(world: World) -> None:
    from conduit_tui.routing import served

    await furnish(world, [rule("odd", "hour > 3", "claude-opus-5-5", 1)])
    before = served.serving
    # The built-in providers serve every name; here they serve their own makers' alone.
    served.serving = lambda providers, dialect, model: None if model == "nobody" else before(providers, dialect, model)
    try:
        async with world.app().run_test() as pilot:
            await at_rules(pilot)
            await pilot.press("e", "tab", "tab", *["backspace"] * 20)
            await type_text(pilot, "nobody")
            await shows(pilot, "! no provider serves `nobody`")
            await pilot.press("ctrl+s")
            await shows(pilot, "Save?", "save it all the same")
            await pilot.press("escape")
            await shows(pilot, "ctrl+s save", without="Save?")
            await pilot.press("ctrl+s")
            await shows(pilot, "Save?")
            await pilot.press("s")
            text = await shows(pilot, "they fire", "nobody")
            assert line_with(text, "nobody").rstrip().endswith("!")
    finally:
        served.serving = before


async def test_leaving_asks_only_where_something_was_changed(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await at_rules(pilot)
        await pilot.press("e")
        await shows(pilot, "ctrl+s save")
        await pilot.press("escape")
        await shows(pilot, "they fire", without="ctrl+s")
        await pilot.press("e")
        await shows(pilot, "ctrl+s save")
        await type_text(pilot, " or hour > 3")
        await pilot.press("escape")
        await shows(pilot, "Leave the rule?")
        await pilot.press("n")
        await shows(pilot, "or hour > 3", "changed, not saved", without="Leave")
        await pilot.press("2")  # in a field it is typed
        await shows(pilot, "hour > 32")
        await pilot.press("escape")
        await shows(pilot, "Leave the rule?")
        await pilot.press("d")
        await shows(pilot, "they fire", without="ctrl+s")
        assert to_text((await stored(world))[0].conditions) == 'agentType = "Explore"'


async def test_try_by_hand_and_on_a_real_request(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await at_rules(pilot)
        await pilot.press("t")
        await shows(pilot, "typed by hand", "no rule matched: as requested")
        await type_text(pilot, "please analyse this\tclaude-opus-5-5")
        await shows(pilot, "no provider serves gpt-6.1-sol in this dialect", "✓ please analyse this", "✗ 5")
        await type_text(pilot, "\tExplore")
        await shows(pilot, "→ claude-haiku-5-5", "not looked at: the first match wins")
        await type_text(pilot, "\tmany")
        await shows(pilot, "tokenCount is a number")
        await pilot.press("pagedown")
        text = await shows(pilot, "request 1 of 40: 10:35", "Fix the failing test.", "→ claude-sonnet-5-5")
        assert "✓ 61,204" in text
        await pilot.press("pagedown", "pagedown")
        await shows(pilot, "request 3 of 40", "→ claude-haiku-5-5")
        await pilot.press("escape")
        await shows(pilot, "they fire")


async def test_backtest_counts_progress_and_can_be_cancelled(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await at_rules(pilot)
        await pilot.press("b")
        await shows(pilot, "[7 d]", "No request of the last 7 d")  # the world's requests are of another year
        await pilot.press("left")
        await shows(pilot, "[24 h]")
        await pilot.press("escape")
        await shows(pilot, "cancelled")
        await pilot.press("escape")
        await shows(pilot, "they fire")
        assert world.asked == ["backtest default 7d 4", "backtest default 24h 4"]


async def test_a_backtest_that_fails_gives_its_reason(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await at_rules(pilot)
        pilot.app.push_screen(BacktestScreen("nobody", RULES))
        await shows(pilot, "there is no project 'nobody'", "r runs it again")


async def test_the_empty_state_teaches_and_x_writes_examples(world: World) -> None:
    await world.fill(
        [row(1, ago=1_000, project=PROJECT, requested_model="claude-haiku-9", routed_model="claude-haiku-9")]
    )
    world.say(told=status(), seen=live(1))
    async with world.app().run_test() as pilot:
        await at_rules(pilot, "has no rule", "x  writes these two")
        await pilot.press("x")
        text = await shows(pilot, "explore", "big context", "0 of 2 on")
        assert "haiku-9" in text
        await pilot.press("space")
        await shows(pilot, "1 of 2 on")


async def test_the_overview_says_which_rules_need_a_person(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await shows(pilot, 'rule "explore": broke 1 cache ($0.480)')
        await pilot.press("G", "enter")
        text = await shows(pilot, "they fire", "default  ", "explore")
        assert "conduit  default" in text


async def test_the_detail_of_a_request_shows_how_it_was_decided(world: World) -> None:
    await furnish(world)
    async with world.app().run_test(size=(100, 50)) as pilot:
        await shows(pilot, "READY")
        await pilot.press("2")
        text = await shows(pilot, "sonnet-5-5→haiku-5-5", "40 requests")
        await pilot.press("k", "k", "enter")
        text = await shows(pilot, "decision", "38 of 40")
        assert '✓  10 explore      agentType = "Explore"  ✓ Explore  → claude-haiku-5-5' in text
        assert "·   5 big context  not looked at: the first match wins" in text
        assert "! broke the cache of claude-opus-5-5: +$0.480, 84.0k tokens written anew" in text
        assert "Fix the failing test." in text


async def test_the_log_is_filtered_in_the_language_of_rules(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await pilot.press("2")
        await shows(pilot, "40 requests")
        await pilot.press("slash")
        await type_text(pilot, 'model contains "sonnet" and cost < 0.05')
        await shows(pilot, "10 of 40", without="claude-opus-5-5")
        await pilot.press("enter")
        await shows(pilot, '/ model contains "sonnet" and cost < 0.05', "10 of 40")
        await pilot.press("escape", "slash")
        await type_text(pilot, "csot > 3")
        await shows(pilot, "unknown field `csot`, did you mean")


async def test_the_whole_journey_at_80x24(world: World) -> None:
    """Made, tried, backtested, saved, reordered, disabled, deleted, undone; on requests of this very day."""
    now = int(time.time() * 1_000)
    rows = [
        each._replace(created_at=now - (40 - number) * 60_000, routing_source="client", rule_id="",
                      requested_model="claude-opus-5-5", routed_model="claude-opus-5-5", cost_nanodollars=71_234_500)
        for number, each in enumerate(routed_rows())
    ]  # fmt: skip
    await furnish(world, RULES[3:], rows)
    app = world.app()
    app.now = system_clock
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await at_rules(pilot, "analysis")
        await pilot.press("n")
        await shows(pilot, "new rule")
        await type_text(pilot, "look around\tag")
        await pilot.press("down", "up", "down", "up", "tab")
        await type_text(pilot, '= "Explore"')
        await shows(pilot, "10 of the last 40 match")
        await type_text(pilot, "\t\tclaude-haiku-4-5")
        await pilot.press("ctrl+t")
        await shows(pilot, "typed by hand")
        await type_text(pilot, "\t\tExplore")
        await shows(pilot, "→ claude-haiku-4-5", "✓ Explore")
        await pilot.press("escape", "ctrl+r")
        text = await shows(pilot, "last 7 d, 40 requests", "opus-5-5 → haiku-4-5", seconds=40)
        assert "look around" in text
        await pilot.press("escape")
        await shows(pilot, "changed, not saved")
        await pilot.press("ctrl+s")
        await shows(pilot, "they fire", "look around", "2 of 2 on")
        assert await names(world) == ["look around", "analysis"]
        await pilot.press("J")
        await shows(pilot, "revision 4")
        assert await names(world) == ["analysis", "look around"]
        await pilot.press("space")
        await shows(pilot, "1 of 2 on")
        await pilot.press("D")
        await shows(pilot, "1 of 1 on", "u brings it back")
        await pilot.press("u")
        await shows(pilot, "1 of 2 on", "look around")
        await pilot.press("u", "u")
        await shows(pilot, "2 of 2 on", "revision 9")
        assert await names(world) == ["look around", "analysis"]


async def test_a_condition_of_many_pages_is_not_coloured_for_that_takes_its_square(world: World) -> None:
    await furnish(world)
    async with world.app().run_test() as pilot:
        await at_rules(pilot)
        await pilot.press("n")
        await shows(pilot, "new rule")
        area = pilot.app.screen.query_one(ExpressionArea)
        area.write('agentType = "Explore"')
        assert area.get_line(0).spans
        area.write('agentType = "Explore" or ' * 2_000)
        assert not area.get_line(0).spans
