"""Usage as providers report it to the gateway: counts that cannot be meant, fees, tiers."""

import json
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.money import NANO_PER_DOLLAR
from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message, response
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider

TEXT = "a word and another " * 100  # 1,900 characters


def native(dialect: str, count: object, of: str) -> dict[str, Any]:
    """A dialect's own usage object, or what a stream has of it, with one odd count."""
    names = {"anthropic": ("input_tokens", "output_tokens"), "chat": ("prompt_tokens", "completion_tokens")}
    sent, generated = names.get(dialect, ("input_tokens", "output_tokens"))
    return {sent: 700, generated: 50} | {sent if of == "input" else generated: count}


@pytest.mark.parametrize("of", ["input", "output"])
@pytest.mark.parametrize("count", [-5, -(10**12), 10**12, "many", 10**30])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("dialect", "target", "make", "headers"),
    [
        ("anthropic", "/v1/messages", message, ANTHROPIC_HEADERS),
        ("chat", "/v1/chat/completions", chat, OPENAI_HEADERS),
        ("responses", "/v1/responses", response, OPENAI_HEADERS),
    ],
)
def test_counts_that_cannot_be_are_recorded_flagged_and_never_credited(
    gateway: Gateway, dialect: str, target: str, make: Any, headers: dict[str, str], stream: bool, count: Any, of: str
) -> None:
    before = gateway.new_rows()
    usage = native(dialect, count, of)
    if dialect == "anthropic" and stream:
        usage = {"message_start": usage, "message_delta": {"output_tokens": usage["output_tokens"]}}
    named = gateway.fake.script("odd", {"text": TEXT, "usage_native": usage})
    if dialect == "chat" and stream:
        body = make("please " * 200, stream=True, stream_options={"include_usage": True})
    else:
        body = make("please " * 200, stream=stream)
    assert ask(gateway.port, "POST", target, body, headers | named).status == 200
    row = gateway.wait_rows(before + 1)[-1].row
    assert "estimated" in row.flags.split(",")
    assert 0 < row.cost_nanodollars < NANO_PER_DOLLAR
    likely = {"input": len(json.dumps(body)) // 3, "output": len(TEXT) // 4}[of]
    got = row.input_tokens if of == "input" else row.output_tokens
    assert likely <= got < 2 * likely + 100
    said = json.loads(row.metadata)["doubts"]
    assert len(said) == 1
    assert of in said[0] or {"input": "prompt", "output": "completion"}[of] in said[0]


def test_a_sound_report_is_taken_as_it_is(gateway: Gateway) -> None:
    before = gateway.new_rows()
    named = gateway.fake.script("sound", {"text": TEXT, "usage_native": {"input_tokens": 3, "output_tokens": 1}})
    ask(gateway.port, "POST", "/v1/messages", message("please " * 200), ANTHROPIC_HEADERS | named)
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.input_tokens, row.output_tokens, row.flags) == (3, 1, "")
    assert "doubts" not in json.loads(row.metadata)


def test_fees_and_tiers_are_charged_and_written_down(gateway: Gateway) -> None:
    before = gateway.new_rows()
    usage = {
        "input_tokens": 1_000, "output_tokens": 100, "service_tier": "batch",
        "server_tool_use": {"web_search_requests": 4},
    }  # fmt: skip
    named = gateway.fake.script("searches", {"usage_native": usage})
    ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS | named)
    row = gateway.wait_rows(before + 1)[-1].row
    # claude-opus-5-5 in a batch: $2 and $10 per million, and a cent for each search
    assert row.cost_nanodollars == 1_000 * 2_000 + 100 * 10_000 + 4 * 10_000_000
    assert json.loads(row.metadata)["extras"] == {"tier": "batch", "web_searches": 4}
    assert row.flags == ""


def test_a_fee_without_a_price_is_flagged(gateway: Gateway) -> None:
    before = gateway.new_rows()
    usage = {"input_tokens": 10, "output_tokens": 1, "server_tool_use": {"code_execution_requests": 1}}
    named = gateway.fake.script("code", {"usage_native": usage})
    ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS | named)
    row = gateway.wait_rows(before + 1)[-1].row
    assert row.flags == "partly-priced"
    assert row.cost_nanodollars > 50_000_000


@pytest.mark.parametrize(
    "damage", ["raise ImportError('damaged')", "", "__version__ = '9'\ndef calc_price(*a, **k):\n  1/0"]
)
def test_without_a_price_list_everything_costs_the_unknown_model_rate(
    tmp_path: Path, fake: FakeProvider, damage: str
) -> None:
    broken = tmp_path / "broken" / "genai_prices"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(damage)
    environment = {"PYTHONPATH": str(broken.parent)}
    budget = Budget(project="default", daily=NANO_PER_DOLLAR)
    fake.reset()
    gateway = RunningGateway(tmp_path / "s", [fake_provider(fake.url)], budgets=[budget], environment=environment)
    try:
        assert ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
        row = gateway.wait_rows(1)[-1].row
        assert (row.price_source, row.flags) == ("unknown-model rate", "unpriced")
        assert row.cost_nanodollars >= 15_000 * row.input_tokens + 75_000 * row.output_tokens > 0
        assert "the price list cannot be read" in gateway.log.read_text()
    finally:
        gateway.close()
