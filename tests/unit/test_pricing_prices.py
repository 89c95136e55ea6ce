"""Prices of one's own, the price list, the unknown-model rate: never nothing by accident."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from conduit_tui.domain.prices import HIGHEST_RATE, UNKNOWN, UNKNOWN_RATE, PriceOverride
from conduit_tui.domain.usage import NO_EXTRAS, Extras, Usage
from conduit_tui.pricing.catalog import Catalog, Price
from conduit_tui.pricing.overrides import Overrides, cost
from conduit_tui.pricing.prices import FREE, UNKNOWN_MODEL, Prices

DOLLAR = 1_000_000_000
AT = 1_800_000_000_000
CATALOG = Catalog()

COUNTS = st.integers(0, 10**7)


def own(model: str, provider: str = "", **rates: object) -> PriceOverride:
    return PriceOverride.model_validate(
        {"model": model, "provider": provider, "input": 3 * DOLLAR, "output": 15 * DOLLAR, **rates}
    )


@given(
    model=st.sampled_from(
        ["claude-opus-5", "gpt-4o", "gpt-audio", "deepseek-chat", "whisper-1", "nobody-knows-1", "priced", ""]
    ),
    provider=st.sampled_from(["anthropic", "openai", "ollama", ""]),
    usage=st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS),
    extras=st.just(NO_EXTRAS)
    | st.builds(
        Extras,
        st.sampled_from(["", "batch", "flex", "priority", "fast", "scale", "\x1b[2J"]),
        st.booleans(),
        *[COUNTS] * 3,
        *[st.integers(0, 50)] * 4,
    ),
)
@settings(max_examples=400, deadline=None)
def test_what_is_used_costs_something_unless_it_is_said_to_be_free(
    model: str, provider: str, usage: Usage, extras: Extras
) -> None:
    prices = Prices(CATALOG, [own("priced"), own("free-*", free=True, input=0, output=0)])
    price = prices.price(model, usage, provider, AT, extras)
    assert price.source
    assert (price.nanodollars > 0) == (any(usage[:5]) or any(extras[5:]))
    assert price.nanodollars >= prices.price(model, usage, provider, AT, extras._replace(web_searches=0)).nanodollars
    assert prices.price("free-model", usage, provider, AT, extras) == Price(0, FREE)


def test_the_unknown_rate_is_stated_and_can_be_set() -> None:
    usage = Usage(1_000_000, 1_000_000)
    assert Prices(CATALOG).price("nobody-knows-1", usage, "", AT) == Price(90 * DOLLAR, UNKNOWN_MODEL)
    dear = own(UNKNOWN, input=100 * DOLLAR, output=200 * DOLLAR)
    prices = Prices(CATALOG, [dear])
    assert prices.price("nobody-knows-1", usage, "", AT) == Price(300 * DOLLAR, UNKNOWN_MODEL)
    assert prices.price(UNKNOWN, usage, "", AT).source == UNKNOWN_MODEL
    assert not prices.knows("nobody-knows-1", "", AT)
    assert prices.knows("claude-opus-4-5", "anthropic", AT)
    prices.use([own("nobody-*")])
    assert prices.knows("nobody-knows-1", "", AT)
    assert prices.price("nobody-knows-1", usage, "", AT).source.startswith("own price of ")


class _BrokenList(Catalog):
    """A price list that says what it should not."""

    def __init__(self, says: int) -> None:
        super().__init__()
        self.says = says

    def price(self, model: str, usage: Usage, provider_hint: str, at_ms: int, extras: Extras = NO_EXTRAS) -> Price:
        return Price(self.says, "a broken list")


@pytest.mark.parametrize("says", [0, -1, -(1 << 40)])
def test_a_list_that_says_nothing_or_less_is_not_believed(says: int) -> None:
    prices = Prices(_BrokenList(says))
    assert prices.price("m", Usage(1, 1), "", AT).source == UNKNOWN_MODEL
    assert prices.price("m", Usage(1, 1), "", AT).nanodollars > 0
    assert not prices.knows("m", "", AT)


def _listed(rate: object) -> Iterator[Catalog]:
    """A catalog over a price list with one model, at these rates."""
    from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
    from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider

    price = ModelPrice(input_mtok=rate, output_mtok=rate, web_searches_kcount=rate)  # type: ignore[arg-type]
    model = ModelInfo(id="m", match=ClauseEquals("m"), prices=price)
    provider = Provider(id="p", name="p", api_pattern="https://p", models=[model])
    set_custom_snapshot(DataSnapshot(providers=[provider], from_auto_update=False))
    try:
        yield Catalog()
    finally:
        set_custom_snapshot(None)


listed = contextmanager(_listed)


@pytest.mark.parametrize("rate", [Decimal("nan"), Decimal("inf"), Decimal(-1), Decimal(0), 3.0, "3", None])
def test_rates_that_are_none_leave_the_unknown_rate(rate: object) -> None:
    with listed(rate) as catalog:
        prices = Prices(catalog)
        for usage in (Usage(1, 0), Usage(0, 1), Usage(1_000_000, 1_000_000, 500, 40, 3, 2)):
            price = prices.price("m", usage, "p", AT)
            assert price == Price(cost(UNKNOWN_RATE, usage), UNKNOWN_MODEL)
        assert prices.price("m", Usage(1, 1), "p", AT, Extras(web_searches=2)).nanodollars > 2 * 25_000_000
        assert not prices.knows("m", "p", AT)
        assert prices.days_old(AT) == 0


def test_a_sound_list_of_ones_own_is_believed() -> None:
    with listed(Decimal(3)) as catalog:
        assert Prices(catalog).price("m", Usage(1_000_000), "p", AT).nanodollars == 3 * DOLLAR


def test_a_tool_used_with_a_free_model_is_free_and_with_an_own_price_is_not() -> None:
    prices = Prices(CATALOG, [own("priced"), own("free", free=True, input=0, output=0)])
    extras = Extras(tier="priority", web_searches=1)
    assert prices.price("free", Usage(10, 10), "", AT, extras) == Price(0, FREE)
    assert prices.price("priced", Usage(), "", AT, extras) == Price(25_000_000, "own price of 1970-01-01", True)


def test_how_old_the_list_is() -> None:
    assert 0 <= CATALOG.days_old(1_795_000_000_000) < 400  # November 2026
    assert CATALOG.days_old(1_795_000_000_000 + 400 * 86_400_000) > 100


def test_negative_counts_are_no_credit() -> None:
    prices = Prices(CATALOG, [own("m")])
    assert prices.price("m", Usage(-5, -5), "", AT).nanodollars == 0
    assert prices.price("m", Usage(1_000_000, -5), "", AT).nanodollars == 3 * DOLLAR
    assert prices.price("nobody-knows-1", Usage(-5, 1_000_000), "", AT).nanodollars == 75 * DOLLAR


@pytest.mark.parametrize(
    ("model", "provider", "input_rate"),
    [
        ("qwen3", "local", 1), ("qwen3", "other", 2), ("qwen3-big", "local", 3), ("qwen3-small", "other", 4),
        ("quartz", "local", 5), ("llama", "local", None),
    ],
)  # fmt: skip
def test_the_nearest_price_counts(model: str, provider: str, input_rate: int | None) -> None:
    overrides = Overrides(
        [
            own("q*", input=5), own("qwen3*", input=4), own("qwen3*", "local", input=3), own("qwen3", input=2),
            own("qwen3", "local", input=1),
        ]
    )  # fmt: skip
    found = overrides.find(model, provider)
    assert (found and found.input) == input_rate


def test_every_kind_of_token_has_its_rate() -> None:
    rates = own("m", cache_read=DOLLAR, cache_write_5m=4 * DOLLAR, cache_write_1h=6 * DOLLAR)
    million = 1_000_000
    assert cost(rates, Usage(10 * million, 2 * million, 4 * million, 3 * million, 2 * million, million)) == (
        (1 * 3 + 4 * 1 + 3 * 4 + 2 * 6 + 2 * 15) * DOLLAR
    )
    assert cost(own("m"), Usage(million, 0, million)) == 3 * DOLLAR  # a rate that is not given is not nothing
    assert cost(own("m", input=1, output=1), Usage(1)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"input": -1}, {"output": 0}, {"input": HIGHEST_RATE + 1}, {"input": float("nan")}, {"input": "cheap"},
        {"free": True}, {"model": ""}, {"cache_read": -1}, {"model": UNKNOWN, "free": True, "input": 0, "output": 0},
    ],
)  # fmt: skip
def test_prices_that_are_none_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        own(**{"model": "m", **fields})  # type: ignore[arg-type]


def test_the_unknown_rate_is_dear() -> None:
    for model in ("claude-opus-4-5", "gpt-4o", "gemini-2.5-pro"):
        listed = CATALOG.price(model, Usage(1000, 1000), "", AT)
        assert cost(UNKNOWN_RATE, Usage(1000, 1000)) >= listed.nanodollars > 0
