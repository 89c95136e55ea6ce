"""The Rules screen and what it opens, at 80x24 and 120x40."""

from pathlib import Path
from typing import Any

import pytest
from rule_scenes import furnished, rule
from scenes import FACES, World, live, row, shows, status
from steps import SIZES, Before
from textual.pilot import Pilot

from conduit_tui.routing.backtest_result import BacktestResult, DayCost, ModelChange, RuleResult
from conduit_tui.tui.backtest_child import Progress
from conduit_tui.tui.profile import Profile

KEYS = {" ": "space", ">": "greater_than_sign", "=": "equals_sign", '"': "quotation_mark"}


def go(keys: str, *words: str, typed: str = "") -> Before:
    """Wait for the list, press keys one by one, type, wait for words."""

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "READY")
        await pilot.press("3")
        await shows(pilot, "everything else")
        for key in keys.split():
            await pilot.press(key)
            await pilot.pause(0.05)
        for character in typed:
            await pilot.press(KEYS.get(character, character))
        await shows(pilot, *words)
        await pilot.pause(0.3)

    return before


SCREENS = {
    "list": go("", "default", "analysis"),
    "detail": go("j enter", "big context"),
    "editor": go("j e", "29 of the last 40 match", "not"),
    "error": go("e", "a closing quote is missing", typed=' or message matches "analy'),
    "suggestions": go("n tab", "unknown field `token`", "maxTokens", typed="token"),
    "picker": go("j e tab a", "what of the request?"),
    "leave": go("e 1 escape", "Leave the rule?"),
    "try": go("t pagedown", "request 1 of 40", "61,204"),
    "backtest": go("b", "$22.80", "between"),
    "request": go("2 k k enter", "38 of 40", "broke the cache"),
    "overview": go("1", 'rule "explore": broke 1 cache'),
}

RESULT = BacktestResult(
    project="default", since=1_762_512_120_000, until=1_763_116_920_000, requests=18_204, changed=5_013, unknown=310,
    unpriced=0, cost_then=84_100_000_000, cost_now=61_300_000_000, cost_low=58_029_000_000, cost_high=68_121_000_000,
    broken_caches=41, broken_cache_tokens=3_100_000, broken_cache_cost=3_200_000_000, kept_caches=0,
    rules=(
        RuleResult(rule_id="r-explore", name="explore", target_model="claude-haiku-5-5", enabled=True, requests=4_102,
                   changed=4_102, cost_then=20_000_000_000, cost_now=4_100_000_000),
        RuleResult(rule_id="r-big", name="big context", target_model="claude-sonnet-5-5", enabled=True, requests=911,
                   changed=911, cost_then=13_900_000_000, cost_now=7_000_000_000, broken_caches=41,
                   broken_cache_cost=3_200_000_000),
        RuleResult(rule_id="r-night", name="night batch", target_model="claude-haiku-5-5", enabled=False),
    ),
    unmatched=13_191,
    models=(
        ModelChange(from_model="claude-opus-5-5", to_model="claude-opus-5-5", requests=13_191,
                    cost_then=50_200_000_000, cost_now=50_200_000_000),
        ModelChange(from_model="claude-opus-5-5", to_model="claude-haiku-5-5", requests=4_102,
                    cost_then=20_000_000_000, cost_now=4_100_000_000),
        ModelChange(from_model="claude-sonnet-5-5", to_model="claude-haiku-5-5", requests=911,
                    cost_then=13_900_000_000, cost_now=7_000_000_000),
    ),
    days=tuple(
        DayCost(day=f"2025-11-{8 + number:02}", requests=2_600, cost_then=cost * 1_000_000_000,
                cost_now=(cost - 1 - number % 4) * 1_000_000_000)
        for number, cost in enumerate((9, 14, 13, 15, 12, 11, 10))
    ),
    assumptions=(
        "another model's answer is taken to be as long as the one that was given; the interval allows 30% more or less",
        "requests that are unknown or unpriced count as they were",
    ),
)  # fmt: skip


@pytest.fixture
def ruled(tmp_path: Path) -> World:
    made = World(tmp_path / "s", tested=(Progress(0, 18_204), Progress(18_204, 18_204), RESULT))
    made.state_dir.prepare()
    return furnished(made)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_rules(ruled: World, snap_compare: Any, screen: str, size: tuple[int, int]) -> None:
    assert snap_compare(ruled.app(), terminal_size=size, run_before=SCREENS[screen])


@pytest.mark.parametrize("profile", FACES)
@pytest.mark.parametrize("screen", ["list", "editor", "error", "try", "backtest"])
def test_rules_profile(ruled: World, snap_compare: Any, screen: str, profile: Profile) -> None:
    assert snap_compare(ruled.app(profile=profile), run_before=SCREENS[screen])


@pytest.mark.parametrize("size", SIZES)
def test_rules_empty(tmp_path: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    import asyncio

    world = World(tmp_path / "s")
    world.state_dir.prepare()

    async def fill() -> None:
        await world.fill([row(1, ago=1_000, project="default")])
        await world.close()
        world.store = None

    asyncio.run(fill())
    world.say(told=status(), seen=live(1))

    async def before(pilot: Pilot[int]) -> None:
        await shows(pilot, "READY")
        await pilot.press("3")
        await shows(pilot, "has no rule", "x  writes these two")
        await pilot.pause(0.2)

    assert snap_compare(world.app(), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_backtest_progress(ruled: World, snap_compare: Any, size: tuple[int, int]) -> None:
    ruled.tested = (Progress(7_300, 18_204),)
    assert snap_compare(ruled.app(), terminal_size=size, run_before=go("b", "7,300 of 18,204 requests"))


def test_rule_that_cannot_act(tmp_path: Path, snap_compare: Any) -> None:
    from conduit_tui.domain.rules import Condition, Group

    world = World(tmp_path / "s")
    world.state_dir.prepare()
    odd = rule("odd", "hour > 3", "claude-haiku-5-5", 1).model_copy(
        update={"conditions": Group(rules=(Condition(field="tokenCount", operator=">", value=5),)), "rollout": 0.0}
    )
    furnished(world, (odd,))
    assert snap_compare(world.app(), run_before=go("enter", "a rollout of 0 % acts on no session"))
