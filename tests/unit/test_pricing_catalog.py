import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conduit_tui.domain.money import to_nanodollars
from conduit_tui.domain.usage import Usage
from conduit_tui.pricing.catalog import Catalog, Price

SOURCE = f"genai-prices {genai_prices.__version__}"


def at(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1000)


NOW = at(2026, 11, 20, 12)

MODELS = [
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",  # dearer above 100k
    "claude-sonnet-4-6",
    "claude-sonnet-4-5",  # dearer above 200k
    "claude-opus-4-1-20250805",
    "claude-3-5-haiku-latest",
    "claude-fable-5",
    "gpt-5.6",
    "gpt-5.5",  # dearer above 272k
    "gpt-5.4",
    "gpt-5",
    "gpt-5-mini",
    "gpt-4o-mini",
    "o3",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "grok-4",
    "deepseek-chat",  # cheaper at night
    "mistral-large-latest",
]

catalog = Catalog()


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    edges = st.sampled_from([0, 1, 99_999, 100_000, 100_001, 200_000, 200_001, 272_000, 272_001, 128_001])
    prompt = draw(edges | st.integers(0, 2_000_000))
    read = draw(st.integers(0, prompt))
    write_5m = draw(st.integers(0, prompt - read))
    write_1h = draw(st.integers(0, prompt - read - write_5m))
    output = draw(st.integers(0, 200_000))
    return Usage(prompt, output, read, write_5m, write_1h, draw(st.integers(0, output)))


def calculated(model: str, usage: Usage, at_ms: int) -> int:
    reported = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
    )
    time = datetime.fromtimestamp(at_ms / 1000, UTC)
    return to_nanodollars(genai_prices.calc_price(reported, model, genai_request_timestamp=time).total_price)


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=60)
@given(usage=usages(), hour=st.integers(0, 23))
def test_equals_the_calculation_of_genai_prices(model: str, usage: Usage, hour: int) -> None:
    time = at(2026, 11, 20, hour)
    assert catalog.price(model, usage, "", time) == Price(calculated(model, usage, time), SOURCE)


def test_one_known_bill() -> None:
    usage = Usage(5464 + 5464 + 10928, 10, 10928, 5464)  # what the claude CLI books for it
    assert catalog.price("claude-sonnet-4-6", usage, "anthropic", NOW).nanodollars == 40_310_400


def test_one_hour_writes_cost_twice_the_input() -> None:
    five_minutes = catalog.price("claude-opus-5-5", Usage(1000, 0, 0, 1000), "anthropic", NOW)
    one_hour = catalog.price("claude-opus-5-5", Usage(1000, 0, 0, 0, 1000), "anthropic", NOW)
    plain = catalog.price("claude-opus-5-5", Usage(1000), "anthropic", NOW)
    assert (plain.nanodollars, five_minutes.nanodollars, one_hour.nanodollars) == (4_000_000, 5_000_000, 8_000_000)


def test_prices_change_with_the_day() -> None:
    def price(time: int) -> Decimal:
        return Decimal(catalog.price("o3", Usage(1_000_000), "openai", time).nanodollars)

    assert price(at(2025, 6, 1)) > price(NOW) > 0


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("claude-opus-5-5", "anthropic"),
        ("claude-opus-5-5", "api.anthropic.com"),
        ("claude-opus-5-5", "my-own-name"),
        ("claude-opus-5-5", "gateway.example.com"),
        ("claude-opus-5-5", "openai"),  # which does not have it
        ("claude-opus-5-5", ""),
        ("CLAUDE-OPUS-5-5", ""),
    ],
)
def test_a_hint_that_does_not_help_does_not_hurt(model: str, hint: str) -> None:
    assert catalog.price(model, Usage(1_000_000), hint, NOW) == Price(4_000_000_000, SOURCE)


def test_the_same_name_may_cost_something_else_at_another_provider() -> None:
    usage = Usage(1_000_000, 1_000_000)
    own = catalog.price("deepseek-chat", usage, "deepseek", NOW)
    other = catalog.price("deepseek/deepseek-chat", usage, "openrouter.ai", NOW)
    assert own.source == other.source == SOURCE
    assert own.nanodollars != other.nanodollars


@pytest.mark.parametrize("model", ["no-such-model", "claude-fable-5-5", "", "whisper-1", "\ud83d"])
@pytest.mark.parametrize("hint", ["", "anthropic", "openai", "localhost:11434"])
def test_without_a_price_the_source_is_none(model: str, hint: str) -> None:
    assert catalog.price(model, Usage(1000, 1000), hint, NOW) == Price(0, "none")


def test_a_priced_usage_costs_something() -> None:
    for model in MODELS:
        assert catalog.price(model, Usage(1, 0), "", NOW).nanodollars > 0
        assert catalog.price(model, Usage(0, 1), "", NOW).nanodollars > 0


def test_counts_that_contradict_each_other_are_not_refused() -> None:
    usage = Usage(input_tokens=5, output_tokens=5, cache_read_tokens=100, reasoning_tokens=50)
    for model in ("claude-opus-5-5", "deepseek-chat"):
        expected = calculated(model, Usage(100, 5, 100, 0, 0, 5), NOW)
        assert catalog.price(model, usage, "", NOW).nanodollars == expected


def test_memory_is_bounded_whatever_names_clients_send() -> None:
    small = Catalog()
    for number in range(5000):
        small.price(f"name-{number}", Usage(1), "", NOW)
    assert len(small._listings) <= 4096
    assert small.price("gpt-4o-mini", Usage(1_000_000), "", NOW).nanodollars == 150_000_000


def test_genai_prices_is_imported_at_the_first_price_only() -> None:
    script = (
        "import sys\n"
        "from conduit_tui.pricing.catalog import Catalog\n"
        "catalog = Catalog()\n"
        "assert not {'genai_prices', 'pydantic'} & set(sys.modules)\n"
        "catalog.warm()\n"
        "assert 'genai_prices' in sys.modules\n"
        "assert 'genai_prices.update_prices' not in sys.modules or 'httpx' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)
