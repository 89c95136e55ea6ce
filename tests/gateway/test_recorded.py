"""What is written down of an exchange: who, what, how much, how long."""

import json
import time

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message, response

CLAUDE = ANTHROPIC_HEADERS | {
    "User-Agent": "claude-cli/2.1.330 (external, sdk-cli)",
    "X-Claude-Code-Session-Id": "0e6d5c9a-0000-4000-8000-000000000001",
}
USAGE = {"input": 10_000, "output": 200, "cache_read": 6_000, "cache_write_5m": 2_000, "cache_write_1h": 1_000}


@pytest.mark.parametrize("stream", [False, True])
def test_an_anthropic_row(gateway: Gateway, stream: bool) -> None:
    before = gateway.new_rows()
    named = gateway.fake.script("priced", {"usage": USAGE})
    began = int(time.time() * 1000)
    ask(gateway.port, "POST", "/v1/messages", message(stream=stream), CLAUDE | named)
    stored = gateway.wait_rows(before + 1)[-1]
    row = stored.row
    assert (row.input_tokens, row.output_tokens, stored.total_tokens) == (10_000, 200, 10_200)
    assert (row.cache_read_tokens, row.cache_write_5m_tokens, row.cache_write_1h_tokens) == (6_000, 2_000, 1_000)
    # claude-opus-5-5, per million: $4 in, $20 out, cache read $0.20, write $5 (5 min) and $8 (1 h)
    dollars = (1_000 * 4 + 200 * 20 + 6_000 * 0.2 + 2_000 * 5 + 1_000 * 8) / 1_000_000
    assert row.cost_nanodollars == round(dollars * 1e9)
    assert row.price_source.startswith("genai-prices ")
    assert (row.requested_model, row.routed_model, row.provider) == ("claude-opus-5-5", "claude-opus-5-5", "fake")
    assert (row.routing_source, row.routing_reason, row.status, row.error_type) == ("client", "as requested", 200, "")
    assert (row.client, row.agent_type, row.request_class) == ("claude-cli", "main", "main")
    assert row.session == "0e6d5c9a-0000-4000-8000-000000000001"
    assert began - 1 <= row.created_at <= time.time() * 1000
    assert 0 <= row.first_byte_ms <= row.latency_ms < 60_000
    assert 0 < row.overhead_us < 60_000_000


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("target", "make"), [("/v1/chat/completions", chat), ("/v1/responses", response)])
def test_an_openai_row(gateway: Gateway, target: str, make, stream: bool) -> None:  # type: ignore[no-untyped-def]
    before = gateway.new_rows()
    usage = {"input": 5_000, "output": 300, "cache_read": 4_000, "reasoning": 250}
    named = gateway.fake.script("priced-openai", {"usage": usage})
    ask(gateway.port, "POST", target, make(stream=stream), OPENAI_HEADERS | named)
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.reasoning_tokens) == (
        5_000,
        300,
        4_000,
        250,
    )
    assert row.cost_nanodollars > 0
    assert row.flags == ""


def test_subagents_and_projects_are_told_apart(gateway: Gateway) -> None:
    before = gateway.new_rows()
    agent = {"x-claude-code-agent-id": "a1b2c3d4e5f607182", "x-claude-code-agent-type": "Explore"}
    ask(gateway.port, "POST", "/p/docs/v1/messages", message(), CLAUDE | agent)
    ask(gateway.port, "POST", "/v1/messages", message(), CLAUDE | {"x-conduit-project": "api-server"})
    ask(gateway.port, "POST", "/v1/messages", message(), CLAUDE | {"x-claude-code-request-class": "compaction"})
    first, second, third = (stored.row for stored in gateway.wait_rows(before + 3)[-3:])
    assert (first.project, first.agent, first.agent_type, first.request_class) == (
        "docs",
        "a1b2c3d4e5f607182",
        "Explore",
        "subagent",
    )
    assert (second.project, second.agent_type) == ("api-server", "main")
    assert (third.project, third.request_class) == ("default", "compaction")


CODEX = {**OPENAI_HEADERS, "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64)", "session-id": "s-1"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('{"thread_id":"s-1","thread_source":"user","request_kind":"turn"}', ("", "main", "main")),
        ('{"thread_id":"t-2","thread_source":"subagent","request_kind":"turn"}', ("t-2", "subagent", "subagent")),
        ('{"thread_source":"thread_title"}', ("", "", "auxiliary")),
        ('{"thread_source":"user","request_kind":"compaction"}', ("", "", "compaction")),
        ('{"thread_source":7}', ("", "", "")),
        ("[" * 20_000, ("", "", "")),
        ("\xff", ("", "", "")),
    ],
)
def test_codex_tells_its_agents_apart(gateway: Gateway, said: str, told: tuple[str, str, str]) -> None:
    before = gateway.new_rows()
    ask(gateway.port, "POST", "/v1/responses", response(), CODEX | {"x-codex-turn-metadata": said})
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.agent, row.agent_type, row.request_class) == told
    assert row.session == "s-1"


def test_an_unknown_model_is_marked_never_silently_free(gateway: Gateway) -> None:
    before = gateway.new_rows()
    ask(gateway.port, "POST", "/v1/messages", message(model="house-model-7b"), ANTHROPIC_HEADERS)
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.price_source, row.flags) == ("unknown-model rate", "unpriced")
    assert row.cost_nanodollars > 0


@pytest.mark.parametrize("status", [401, 429, 529])
def test_an_error_row_costs_nothing_and_says_what_it_was(gateway: Gateway, status: int) -> None:
    before = gateway.new_rows()
    named = gateway.fake.script("failing", {"status": status, "message": "no"})
    ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS | named)
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.status, row.cost_nanodollars, row.input_tokens, row.flags) == (status, 0, 0, "")
    assert row.error_type.endswith("_error")


def test_a_stream_without_usage_is_estimated(gateway: Gateway) -> None:
    before = gateway.new_rows()
    named = gateway.fake.script("mute", {"usage": "missing", "text": "x" * 400})
    ask(gateway.port, "POST", "/v1/messages", message("y" * 2600, stream=True), ANTHROPIC_HEADERS | named)
    row = gateway.wait_rows(before + 1)[-1].row
    assert "estimated" in row.flags
    assert row.input_tokens > 900
    assert row.output_tokens >= 100
    assert row.cost_nanodollars > 0


def test_the_detail_holds_trace_timings_and_redacted_headers(gateway: Gateway) -> None:
    before = gateway.new_rows()
    ask(gateway.port, "POST", "/v1/messages?beta=true", message(), CLAUDE)
    detail = json.loads(gateway.wait_rows(before + 1)[-1].row.metadata)
    assert [step[0] for step in detail["trace"]] == ["identify", "decide", "provider"]
    assert detail["target"] == "/v1/messages?beta=true"
    assert set(detail["timings"]) == {"body_ms", "sent_us", "first_byte_ms", "done_ms"}
    headers = {name.lower(): value for name, value in detail["request_headers"]}
    assert headers["user-agent"].startswith("claude-cli/")
    assert "sk-ant-fake" not in headers["x-api-key"]
    assert "request-id" in {name.lower() for name, _ in detail["response_headers"]}
    assert detail["message_id"]
