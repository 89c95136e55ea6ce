"""The Usage and Budgets screens and the Overview with budgets, at 80x24 and 120x40."""

from typing import Any

import pytest
from money_scenes import with_budgets
from scenes import FACES, World, shows
from steps import SIZES, Before, go
from textual.pilot import Pilot

from conduit_tui.tui.profile import Profile


async def a_bar(pilot: Pilot[int]) -> None:
    """The bar before the one that is not over."""
    await USAGE["day"](pilot)
    await pilot.press("comma", "comma")
    await shows(pilot, "▲", "cached)")
    await pilot.pause(0.4)


USAGE: dict[str, Before] = {
    "day": go("4", "$63.36", "than the models asked for"),
    "hour": go("4 [", "[1 h]", "than the models asked for"),
    "week": go("4 ]", "[7 d]", "than the models asked for"),
    "month": go("4 ] ]", "[30 d]", "today so far", "than the models asked for"),
    "p50": go("4 m m m", "[p50]", "than the models asked for"),
    "bar": a_bar,
    "sessions": go("4 b b b b", "[session]", "no session", "than the models asked for"),
}
BUDGETS = {
    "budgets": go("5", "$10.69 of $14", "2 entries to check"),
    "form": go("5 j e x", "budget of api-server", "not an amount"),
    "check": go("5 w", "the gateway died"),
    "prices": go("5 dollar_sign", "own prices", "qwen3-*", "free", "NO PRICE", "mistral-large"),
    "price-form": go("5 dollar_sign n tab tab tab minus 1", "a price of one's own", "a rate cannot be negative"),
    "overview": go("", "TODAY   $2.14 of $2.40", "saved by rules", "docs: daily cost limit"),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", USAGE)
def test_usage(busy: World, snap_compare: Any, screen: str, size: tuple[int, int]) -> None:
    assert snap_compare(busy.app(), terminal_size=size, run_before=USAGE[screen])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", BUDGETS)
def test_budgets(busy: World, snap_compare: Any, screen: str, size: tuple[int, int]) -> None:
    assert snap_compare(with_budgets(busy).app(), terminal_size=size, run_before=BUDGETS[screen])


@pytest.mark.parametrize("size", SIZES)
def test_no_budget(busy: World, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(busy.app(), terminal_size=size, run_before=go("5", "No limits are set"))


@pytest.mark.parametrize("profile", FACES)
def test_profiles(busy: World, snap_compare: Any, profile: Profile) -> None:
    assert snap_compare(busy.app(profile=profile), run_before=USAGE["day"])


@pytest.mark.parametrize("profile", FACES)
@pytest.mark.parametrize("screen", ["budgets", "prices"])
def test_budget_profiles(busy: World, snap_compare: Any, screen: str, profile: Profile) -> None:
    assert snap_compare(with_budgets(busy).app(profile=profile), run_before=BUDGETS[screen])
