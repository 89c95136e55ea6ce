"""Prices of one's own: set, refused, removed; and who has none."""

from collections.abc import AsyncIterator

import pytest
from scenes import HOUR, World, live, row, shows, status
from textual.pilot import Pilot

from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.tui.screens.price_form import rate_problem

pytestmark = pytest.mark.anyio


@pytest.fixture
async def day(busy: World) -> AsyncIterator[World]:
    """A working day; one model has no price, and one a fee that nobody lists."""
    last = await busy.fill(
        [
            row(
                900,
                ago=HOUR,
                routed_model="house-7b",
                requested_model="house-7b",
                flags="unpriced",
                cost_nanodollars=90_000_000,
            ),
            row(901, ago=HOUR, routed_model="gpt-5.5", flags="estimated,partly-priced", cost_nanodollars=250_000_000),
        ]
    )
    busy.say(told=status(), seen=live(last))
    yield busy
    await busy.close()


async def prices_of(world: World) -> list[PriceOverride]:
    async with world.open_control() as control:
        return await control.price_overrides()


async def type_over(pilot: Pilot[int], text: str) -> None:
    await pilot.press("end", "ctrl+u", *text)


async def test_the_overview_names_models_without_a_price_and_leads_to_the_form(day: World) -> None:
    async with day.app().run_test(size=(120, 40)) as pilot:
        text = await shows(pilot, "house-7b has no price: unknown-model rate charged", "~$0.090")
        assert "a fee or tier without a published price" in text
        assert "counted as free" not in text
        await pilot.press("5", "dollar_sign")
        text = await shows(
            pilot, "own prices", "unknown models", "15", "75", "built in", "NO PRICE", "house-7b", "IN PART"
        )
        await pilot.press("j", "enter")
        await shows(pilot, "price of", "input $")


async def test_a_price_is_set_changed_and_removed(day: World) -> None:
    async with day.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5", "dollar_sign")
        await shows(pilot, "own prices")
        await pilot.press("n")
        await shows(pilot, "a price of one's own", "a name, or a pattern such as qwen*")
        await pilot.press(*"house-*", "tab", "tab", "tab", *"0.5", "tab", *"2", "tab", *"0.05", "ctrl+s")
        await shows(pilot, "own prices", "house-*", "0.5", "0.05")
        (price,) = await prices_of(day)
        assert (price.input, price.output, price.cache_read) == (
            NANO_PER_DOLLAR // 2,
            2 * NANO_PER_DOLLAR,
            NANO_PER_DOLLAR // 20,
        )
        await pilot.press("g", "enter")
        await shows(pilot, "price of house-*")
        await pilot.press("tab", "tab", "tab")
        await type_over(pilot, "0.75")
        await pilot.press("ctrl+s")
        await shows(pilot, "own prices", "0.75")
        await pilot.press("g", "D")
        await shows(pilot, "Remove the price of house-*?")
        await pilot.press("y")
        await shows(pilot, "Everything else costs what the price list says", without="house-*")
    assert await prices_of(day) == []


async def test_a_model_of_ones_own_machine_is_said_to_be_free(day: World) -> None:
    async with day.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5", "dollar_sign")
        await shows(pilot, "own prices")
        await pilot.press("n")
        await shows(pilot, "a price of one's own")
        await pilot.press(*"house-7b", "tab", "tab", "space", "ctrl+s")
        await shows(pilot, "own prices", "free")
    (price,) = await prices_of(day)
    assert price.free


GOOD = {"model": "house-7b", "provider": "", "input": "1", "output": "2", "cache-read": ""}
LABELS = {"input": "input $", "output": "output $", "cache-read": "cache read $"}
BAD = (
    ("input", "-1", "a rate cannot be negative"),
    ("input", "nan", "not an amount in dollars"),
    ("input", "", "dollars per million tokens, such as 2.50"),
    ("output", "0", "nothing is free by its rate"),
    ("output", "1e9", "a rate is at most $10,000"),
    ("cache-read", "-0.01", "a rate cannot be negative"),
    ("provider", "nobody", "there is no provider 'nobody'"),
    ("model", "a model", "is not a model's name or a pattern"),
    ("model", "", "a name, or a pattern"),
)


@pytest.mark.parametrize(
    "text", ["-1", "-0", "nan", "inf", "cheap", "0", "1e-10", "1e9", "1e400", "0x10", "1,2,", "", "2.50", "٣"]
)
async def test_rates(text: str) -> None:
    bad = bool(rate_problem(text, needed=True))
    assert bad is (text not in ("2.50", "٣")), "what reads as an amount is one"
    assert bool(rate_problem(text, needed=False)) is (bad and text not in ("", "0", "-0", "1e-10"))


async def test_bad_input_is_refused_beside_the_field_and_nothing_is_saved(day: World) -> None:
    async with day.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5", "dollar_sign")
        await shows(pilot, "own prices")
        await pilot.press("n")
        await shows(pilot, "a price of one's own")
        for name, good in GOOD.items():
            pilot.app.screen.query_one(f"#{name}").focus()
            await pilot.press(*good)
        for field, text, words in BAD:
            pilot.app.screen.query_one(f"#{field}").focus()
            await type_over(pilot, text)
            await pilot.press("ctrl+s")
            shown = await shows(pilot, words)
            line = next(line for line in shown.splitlines() if line.startswith(f" {LABELS.get(field, field)} "))
            assert words[:20] in line, "beside its field"
            await type_over(pilot, GOOD[field])
    assert await prices_of(day) == []


async def test_what_is_free_has_no_rate_and_unknown_models_are_never_free(day: World) -> None:
    async with day.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("5", "dollar_sign")
        await shows(pilot, "own prices")
        await pilot.press("n")
        await shows(pilot, "a price of one's own")
        await pilot.press(*"unknown", "tab", "tab", "space", "tab", *"1")
        await shows(pilot, "unknown models are never free", "what is free has no rate")
        await pilot.press("ctrl+s")
        await shows(pilot, "unknown models are never free")
    assert await prices_of(day) == []


async def test_the_price_list_is_missing_or_old(day: World) -> None:
    seen = live(0)
    async with day.app().run_test(size=(120, 40)) as pilot:
        await shows(pilot, "SESSIONS")
        day.say(seen=seen.model_copy(update={"price_list_problem": "ImportError: no module"}))
        await shows(pilot, "! PRICES  the price list cannot be read", "ImportError: no module")
        await pilot.press("4")
        await shows(pilot, "! PRICES  the price list cannot be read", "[24 h]")
        await pilot.press("1")
        day.say(seen=seen.model_copy(update={"price_list_days": 200}))
        await shows(pilot, "the newest listed price is 200 days old", without="! PRICES")
