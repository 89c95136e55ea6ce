"""What real usage reports cost, beside the provider's own arithmetic: dollars per million times tokens.

Each figure says where it is from. The pages are those of the providers; `genai-prices 0.2.3` after a page means that
the figure was taken from that list's record of it, with the date at which the list says it looked.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.pricing.catalog import Catalog, Price
from conduit_tui.pricing.prices import Prices
from conduit_tui.wire.meter import Meter, meter_for

AT = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)
PRICES = Prices(Catalog())

CLAUDE = "platform.claude.com/docs/en/about-claude/pricing, 2026-10 (genai-prices 0.2.3)"
CLAUDE_BATCH = "platform.claude.com/docs/en/build-with-claude/batch-processing#pricing, 2026-10-14 (genai-prices 0.2.3)"
CLAUDE_FAST = "platform.claude.com/docs/en/build-with-claude/fast-mode#pricing, 2026-10 (genai-prices 0.2.3)"
CLAUDE_US = "platform.claude.com/docs/en/build-with-claude/data-residency, read 2026-11: 1.1 times from Opus 4.6 on"
OPUS_5 = "platform.claude.com/docs/about-claude/models/whats-new-opus-5, read 2026-11"
OPUS_5_5 = "platform.claude.com/docs/models/opus-5-5/overview, read 2026-11"
CLI = "what claude CLI 2.1.330 booked for the same usage, 2026-11"
OPENAI = "developers.openai.com/api/docs/pricing, 2026-11 (genai-prices 0.2.3)"
OPENAI_MAY = "developers.openai.com/api/docs/pricing, read 2026-05-04, unchanged in genai-prices 0.2.3"
OPENAI_TOOLS = (
    "developers.openai.com/api/docs/pricing#built-in-tools: $10 a thousand searches, $2.50 for files, 2026-11"
)
GOOGLE = "ai.google.dev/gemini-api/docs/pricing, 2026-10-14 (genai-prices 0.2.3)"
XAI = "docs.x.ai/docs/models, 2026-11 (genai-prices 0.2.3)"
DEEPSEEK = "api-docs.deepseek.com/quick_start/pricing, 2026-11 (genai-prices 0.2.3)"
MISTRAL = "mistral.ai/pricing, 2026-11 (genai-prices 0.2.3)"
GROQ = "groq.com/pricing, 2026-11 (genai-prices 0.2.3)"


class Case(NamedTuple):
    """A usage report, and its price as (dollars per million, tokens); `fees` in dollars."""

    model: str
    shape: str
    answer: dict[str, Any]
    sums: tuple[tuple[float, int], ...]
    source: str
    fees: float = 0.0
    provider: str = ""
    times: float = 1.0

    @property
    def dollars(self) -> Decimal:
        tokens = sum((Decimal(str(rate)) * count / 1_000_000 for rate, count in self.sums), Decimal(0))
        return tokens * Decimal(str(self.times)) + Decimal(str(self.fees))


def claude(fresh: int, out: int, **more: Any) -> dict[str, Any]:
    return {"type": "message", "content": [], "usage": {"input_tokens": fresh, "output_tokens": out, **more}}


def chat(sent: int, out: int, *, tier: str = "default", **details: dict[str, int]) -> dict[str, Any]:
    usage = {"prompt_tokens": sent, "completion_tokens": out, "total_tokens": sent + out}
    usage |= {f"{name}_tokens_details": each for name, each in details.items()}
    return {"object": "chat.completion", "choices": [], "service_tier": tier, "usage": usage}


def response(whole: int, out: int, *items: dict[str, Any], tier: str = "default", cached: int = 0) -> dict[str, Any]:
    usage = {
        "input_tokens": whole, "output_tokens": out, "input_tokens_details": {"cached_tokens": cached},
        "output_tokens_details": {"reasoning_tokens": out // 2}, "total_tokens": whole + out,
    }  # fmt: skip
    return {"object": "response", "status": "completed", "output": list(items), "service_tier": tier, "usage": usage}


SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}}
OPEN_PAGE = {"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "open_page"}}
FILES = {"type": "file_search_call", "id": "fs_1", "queries": ["x"]}

CASES = (
    # Anthropic: input_tokens is what the cache has no part in.
    Case("claude-opus-5-5", "plain", claude(12_000, 900), ((4, 12_000), (20, 900)), OPUS_5_5),
    Case("claude-opus-5-5", "cache read", claude(200, 900, cache_read_input_tokens=90_000),
         ((4, 200), (0.2, 90_000), (20, 900)), OPUS_5_5),
    Case("claude-opus-5-5", "write for 5 minutes", claude(200, 900, cache_creation_input_tokens=30_000),
         ((4, 200), (5, 30_000), (20, 900)), OPUS_5_5),
    Case("claude-opus-5-5", "write for both", claude(
        10, 5, cache_creation_input_tokens=3_000,
        cache_creation={"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 2_000},
    ), ((4, 10), (5, 1_000), (8, 2_000), (20, 5)), OPUS_5_5),
    Case("claude-opus-5-5", "thinking", claude(1_000, 5_000, output_tokens_details={"thinking_tokens": 4_000}),
         ((4, 1_000), (20, 5_000)), OPUS_5_5),
    Case("claude-opus-5-5", "three web searches", claude(9_000, 700, server_tool_use={"web_search_requests": 3}),
         ((4, 9_000), (20, 700)), CLAUDE, 0.03),
    Case("claude-opus-5-5", "batch with a search", claude(
        9_000, 700, service_tier="batch", cache_read_input_tokens=4_000, server_tool_use={"web_search_requests": 1},
    ), ((2, 9_000), (0.1, 4_000), (10, 700)), CLAUDE_BATCH, 0.01),
    Case("claude-opus-5-5", "fast", claude(9_000, 700, service_tier="standard", speed="fast"),
         ((8, 9_000), (40, 700)), CLAUDE_FAST),
    Case("claude-opus-5-5", "in the US", claude(9_000, 700, inference_geo="us", cache_read_input_tokens=5_000),
         ((4, 9_000), (0.2, 5_000), (20, 700)), CLAUDE_US, times=1.1),
    Case("claude-opus-5-5", "nothing", claude(0, 0), (), OPUS_5_5),
    Case("claude-opus-5-5", "as Claude Code is answered", claude(
        2, 511, cache_creation_input_tokens=1_928, cache_read_input_tokens=3_743,
        cache_creation={"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 1_928},
        server_tool_use={"web_search_requests": 0, "web_fetch_requests": 0}, service_tier="standard",
        inference_geo="not_available", speed="standard",
        iterations=[{"type": "message", "input_tokens": 2, "output_tokens": 511}],
    ), ((4, 2), (5, 1_928), (0.2, 3_743), (20, 511)), OPUS_5_5),
    Case("claude-opus-5", "all kinds", claude(
        100, 50, cache_read_input_tokens=1_000, cache_creation_input_tokens=600,
        cache_creation={"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 200},
    ), ((5, 100), (0.5, 1_000), (6.25, 400), (10, 200), (25, 50)), OPUS_5),
    Case("claude-opus-4-6", "batch", claude(8_000, 500, service_tier="batch"), ((2.5, 8_000), (12.5, 500)),
         CLAUDE_BATCH),
    Case("claude-opus-4-1", "plain", claude(8_000, 500), ((15, 8_000), (75, 500)), CLAUDE),
    Case("claude-sonnet-5-5", "cache read", claude(10, 200, cache_read_input_tokens=50_000),
         ((2, 10), (0.1, 50_000), (10, 200)), CLAUDE),
    Case("claude-sonnet-4-6", "write and read", claude(
        5_464, 10, cache_creation_input_tokens=5_464, cache_read_input_tokens=10_928,
    ), ((3, 5_464), (3.75, 5_464), (0.3, 10_928), (15, 10)), CLI),
    Case("claude-sonnet-4-6", "flat at 900,000", claude(900_000, 100), ((3, 900_000), (15, 100)), CLAUDE),
    Case("claude-sonnet-4-5", "200,000 exactly", claude(200_000, 100), ((3, 200_000), (15, 100)), CLAUDE),
    Case("claude-sonnet-4-5", "long context", claude(1, 100, cache_read_input_tokens=200_000),
         ((6, 1), (0.6, 200_000), (22.5, 100)), CLAUDE),
    Case("claude-haiku-5-5", "short", claude(100_000, 1_000), ((0.1, 100_000), (0.5, 1_000)), CLAUDE),
    Case("claude-haiku-5-5", "long", claude(90_000, 1_000, cache_creation_input_tokens=10_001),
         ((0.5, 90_000), (0.625, 10_001), (2.5, 1_000)), CLAUDE),
    Case("claude-haiku-4-5-20251001", "plain", claude(7_636, 22), ((1, 7_636), (5, 22)), CLAUDE),
    Case("claude-3-5-haiku-latest", "write for an hour", claude(
        1, 1, cache_creation_input_tokens=1_000_000, cache_creation={"ephemeral_1h_input_tokens": 1_000_000},
    ), ((0.8, 1), (1.6, 1_000_000), (4, 1)), CLAUDE),
    Case("claude-fable-5-1", "cache read", claude(10, 10, cache_read_input_tokens=100_000),
         ((10, 10), (0.25, 100_000), (50, 10)), CLAUDE),
    # OpenAI, chat completions: prompt_tokens is the whole prompt.
    Case("gpt-5.5", "plain", chat(4_000, 300), ((5, 4_000), (30, 300)), OPENAI_MAY),
    Case("gpt-5.5", "long context", chat(272_001, 300), ((10, 272_001), (45, 300)), OPENAI),
    Case("gpt-5.5", "priority", chat(4_000, 300, tier="priority"), ((12.5, 4_000), (75, 300)), OPENAI),
    Case("gpt-5.4", "cached", chat(4_000, 300, prompt={"cached_tokens": 3_000}),
         ((2.5, 1_000), (0.25, 3_000), (15, 300)), OPENAI_MAY),
    Case("gpt-5.4", "flex", chat(4_000, 300, tier="flex"), ((1.25, 4_000), (7.5, 300)), OPENAI),
    Case("gpt-5.4-mini", "cached", chat(4_000, 300, prompt={"cached_tokens": 4_000}), ((0.075, 4_000), (4.5, 300)),
         OPENAI_MAY),
    Case("gpt-5.4-nano", "reasoning", chat(4_000, 300, completion={"reasoning_tokens": 256}),
         ((0.2, 4_000), (1.25, 300)), OPENAI_MAY),
    Case("gpt-5.6-sol", "cache write", chat(4_000, 300, prompt={"cached_tokens": 1_000, "cache_write_tokens": 2_000}),
         ((4, 1_000), (0.4, 1_000), (5, 2_000), (20, 300)), OPENAI),
    Case("gpt-5", "priority and cached", chat(4_000, 300, tier="priority", prompt={"cached_tokens": 3_000}),
         ((2.5, 1_000), (0.25, 3_000), (20, 300)), OPENAI),
    Case("gpt-4o-mini", "plain", chat(4_000, 300), ((0.15, 4_000), (0.6, 300)), OPENAI),
    Case("gpt-4.1", "cached", chat(4_000, 300, prompt={"cached_tokens": 2_000}),
         ((2, 2_000), (0.5, 2_000), (8, 300)), OPENAI),
    Case("gpt-audio", "audio both ways", chat(
        1_000, 1_000, prompt={"audio_tokens": 800}, completion={"audio_tokens": 900},
    ), ((2.5, 200), (32, 800), (10, 100), (64, 900)), OPENAI),
    Case("gpt-realtime", "audio from the cache", chat(
        1_000, 100, prompt={"audio_tokens": 800, "cached_tokens": 500, "cached_tokens_details": {"audio_tokens": 300}},
        completion={"audio_tokens": 100},
    ), ((4, 0), (0.4, 200), (32, 500), (0.4, 300), (64, 100)), OPENAI),
    # OpenAI, responses.
    Case("gpt-5.5", "responses", response(4_000, 300, cached=1_000), ((5, 3_000), (0.5, 1_000), (30, 300)), OPENAI_MAY),
    Case("o3", "flex", response(4_000, 300, tier="flex"), ((1, 4_000), (4, 300)), OPENAI),
    Case("gpt-5", "searches", response(9_000, 300, SEARCH, OPEN_PAGE, SEARCH, FILES),
         ((1.25, 9_000), (10, 300)), OPENAI_TOOLS, 0.0225),
    Case("gpt-6-sol", "plain", response(9_000, 300), ((2, 9_000), (10, 300)), OPENAI),
    Case("o1", "plain", response(1_000, 100), ((15, 1_000), (60, 100)), OPENAI),
    # Others that speak OpenAI's chat completions.
    Case("gemini-2.5-pro", "short", chat(200_000, 100), ((1.25, 200_000), (10, 100)), GOOGLE),
    Case("gemini-2.5-pro", "long", chat(200_001, 100), ((2.5, 200_001), (15, 100)), GOOGLE),
    Case("gemini-2.5-flash", "cached", chat(10_000, 100, prompt={"cached_tokens": 8_000}),
         ((0.3, 2_000), (0.03, 8_000), (2.5, 100)), GOOGLE),
    Case("grok-4.3", "reasoning beside the output", {
        "choices": [], "usage": {
            "prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_400,
            "completion_tokens_details": {"reasoning_tokens": 300},
        },
    }, ((1.25, 1_000), (2.5, 400)), XAI),
    Case("grok-4.3", "200,000 is long", chat(200_000, 100), ((2.5, 200_000), (5, 100)), XAI),
    Case("deepseek-chat", "by day", chat(1_000, 100, prompt={"cached_tokens": 400}),
         ((0.27, 600), (0.07, 400), (1.1, 100)), DEEPSEEK, provider="deepseek"),
    Case("mistral-large-2512", "plain", chat(1_000, 100), ((0.5, 1_000), (1.5, 100)), MISTRAL, provider="mistral"),
    Case("codestral-2508", "plain", chat(1_000, 100), ((0.3, 1_000), (0.9, 100)), MISTRAL, provider="mistral"),
    Case("openai/gpt-oss-120b", "plain", chat(1_000, 100), ((0.15, 1_000), (0.6, 100)), GROQ, provider="groq"),
)  # fmt: skip


def dialect_of(case: Case) -> Dialect:
    if case.answer.get("type") == "message":
        return Dialect.ANTHROPIC
    return Dialect.OPENAI_RESPONSES if case.answer.get("object") == "response" else Dialect.OPENAI_CHAT


def whole(case: Case) -> Meter:
    meter = meter_for(dialect_of(case), "application/json")
    meter.feed(json.dumps(case.answer).encode())
    meter.finish()
    return meter


def streamed(case: Case) -> Meter:
    """The same report as a stream has it, in small pieces."""
    answer = case.answer
    match dialect_of(case):
        case Dialect.ANTHROPIC:
            usage = answer["usage"]
            first = {**usage, "output_tokens": 1, "server_tool_use": None}
            last = {
                "output_tokens": usage["output_tokens"],
                "output_tokens_details": usage.get("output_tokens_details"),
            }
            last |= {"server_tool_use": usage.get("server_tool_use")}
            events = [
                {"type": "message_start", "message": {**answer, "usage": first}},
                {"type": "message_delta", "delta": {}, "usage": last},
                {"type": "message_stop"},
            ]
        case Dialect.OPENAI_CHAT:
            begun = {"object": "chat.completion.chunk", "service_tier": answer.get("service_tier"), "choices": []}
            events = [begun, {**answer, "object": "chat.completion.chunk"}]
        case _:
            events = [{"type": "response.created", "response": {**answer, "output": [], "usage": None}}]
            events += [{"type": "response.output_item.done", "item": item} for item in answer["output"]]
            events.append({"type": "response.completed", "response": answer})
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    meter = meter_for(dialect_of(case), "text/event-stream")
    for start in range(0, len(text), 7):
        meter.feed(text[start : start + 7])
    meter.finish()
    return meter


@pytest.mark.parametrize("read", [whole, streamed])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.model}, {case.shape}")
def test_costs_what_the_provider_says(case: Case, read: Any) -> None:
    meter = read(case)
    assert not meter.malformed
    assert meter.usage is not None
    hint = case.provider or {Dialect.ANTHROPIC: "anthropic"}.get(dialect_of(case), "")
    price: Price = PRICES.price(case.model, meter.usage, hint, AT, meter.extras)
    assert Decimal(price.nanodollars) == pytest.approx(case.dollars * 1_000_000_000, rel=Decimal("0.0001"), abs=1)
    assert price.source.startswith("genai-prices ")
    assert not price.partly


def test_the_table_is_wide() -> None:
    assert len({case.model for case in CASES}) >= 20
    assert all(case.source for case in CASES)


@pytest.mark.parametrize(
    ("model", "answer", "stated"),
    [
        ("gpt-5", response(10, 1, {"type": "image_generation_call"}), 0.25),
        ("gpt-5", response(10, 1, *[{"type": "code_interpreter_call", "container_id": "c1"}] * 3), 0.05),
        ("gpt-4o-search-preview", {**chat(10, 1), "model": "gpt-4o-search-preview-2025-03-11"}, 0.025),
        ("claude-opus-5-5", claude(10, 1, server_tool_use={"code_execution_requests": 2}), 0.10),
        ("claude-3-opus-latest", claude(10, 1, server_tool_use={"web_search_requests": 1}), 0.025),
    ],
)
def test_a_fee_that_nobody_lists_is_charged_and_flagged(model: str, answer: dict[str, Any], stated: float) -> None:
    meter = whole(Case(model, "", answer, (), ""))
    assert meter.usage is not None
    plain = PRICES.price(model, meter.usage, "", AT)
    price = PRICES.price(model, meter.usage, "", AT, meter.extras)
    assert price.nanodollars - plain.nanodollars == round(stated * 1_000_000_000)
    assert price.partly
    assert not plain.partly


@pytest.mark.parametrize(
    ("model", "answer", "flagged"),
    [
        ("claude-opus-5-5", claude(1_000, 100, service_tier="priority"), True),
        ("gpt-5-nano", chat(1_000, 100, tier="priority"), True),
        ("gpt-5-nano", chat(1_000, 100, tier="scale"), True),
        ("gpt-4o-mini", chat(1_000, 100, tier="flex"), False),  # which is never dearer
        ("gpt-4o-audio-preview", chat(1_000, 100, prompt={"audio_tokens": 1_000}), True),
    ],
)
def test_a_tier_or_sound_that_nobody_lists_costs_the_usual_rate_and_is_flagged(
    model: str, answer: dict[str, Any], flagged: bool
) -> None:
    meter = whole(Case(model, "", answer, (), ""))
    assert meter.usage is not None
    price = PRICES.price(model, meter.usage, "", AT, meter.extras)
    assert price.nanodollars == PRICES.price(model, meter.usage, "", AT).nanodollars > 0
    assert price.partly is flagged
