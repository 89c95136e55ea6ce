"""Strict budgets and the tools that run at the provider: what their results add to the prompt is held too."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, Answer, ask, message, response
from tests.gateway.running import eventually
from tests.gateway.test_spending import DOLLAR, gateway_with, spent, windows
from tests.providers import FakeProvider

SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}

# claude-opus-5-5: a window of a million tokens at $8 per million where they are written to the cache for an hour, $4
# where they are not; of the ten turns that Anthropic gives a request, nine come after results.
RESULTS = 72 * DOLLAR
SEARCH_FEE = DOLLAR // 100


def strict(cap: float, **fields: Any) -> Budget:
    return Budget(project="default", daily=round(cap * DOLLAR), mode=Mode.STRICT, **fields)


@pytest.mark.parametrize(
    ("tools", "cap", "status"),
    [
        ([SEARCH], 72.04, 402),
        ([SEARCH], 72.06, 200),
        ([FETCH], 71.99, 402),
        ([FETCH], 72.01, 200),
        ([SEARCH | {"max_uses": 0}], 0.01, 200),
        ([{"name": "web_search", "input_schema": {}}], 0.01, 200),  # a tool of the client's own
    ],
)
def test_a_strict_budget_holds_what_results_may_add(
    tmp_path: Path, fake: FakeProvider, tools: list[dict[str, Any]], cap: float, status: int
) -> None:
    with gateway_with(tmp_path / "s", fake, strict(cap)) as gateway:
        answer = ask(gateway.port, "POST", "/v1/messages", message(max_tokens=10, tools=tools), ANTHROPIC_HEADERS)
        assert answer.status == status, answer.json
        if status == 402:
            assert "9,000,000 tokens to read the results" in answer.json["error"]["message"]
            assert fake.requests() == []


def test_what_nothing_limits_is_refused_with_what_to_set(tmp_path: Path, fake: FakeProvider) -> None:
    unlimited = {name: value for name, value in SEARCH.items() if name != "max_uses"}
    balanced = Budget(project="docs", daily=DOLLAR)
    with gateway_with(tmp_path / "s", fake, strict(1_000_000), balanced) as gateway:
        for target, body, headers, limit in (
            ("/v1/messages", message(tools=[unlimited]), ANTHROPIC_HEADERS, "max_uses of web_search"),
            (
                "/v1/responses",
                response(tools=[{"type": "web_search"}]),
                OPENAI_HEADERS,
                "max_tool_calls for web_search",
            ),
            ("/v1/responses", response(tools=[{"type": "mcp"}]), OPENAI_HEADERS, "max_tool_calls for mcp"),
        ):
            refused = ask(gateway.port, "POST", target, body, headers)
            assert refused.status == (402 if headers is ANTHROPIC_HEADERS else 400)
            assert refused.header("x-should-retry") == "false"
            assert f"set {limit}, leave the tool out" in refused.json["error"]["message"]
            assert fake.requests() == []
            assert ask(gateway.port, "POST", "/p/docs" + target, body, headers).status == 200, "balanced does not ask"
            fake.reset()
        codex = OPENAI_HEADERS | {"user-agent": "codex_exec/0.169.0 (Linux)"}
        refused = ask(gateway.port, "POST", "/v1/responses", response(tools=[{"type": "web_search"}]), codex)
        assert 'set web_search = "disabled" in the config.toml of codex' in refused.json["error"]["message"]
        limited = response(tools=[{"type": "web_search"}], max_tool_calls=2)
        assert ask(gateway.port, "POST", "/v1/responses", limited, OPENAI_HEADERS).status == 200


@pytest.mark.parametrize("cap", [2, 73, 140])
def test_results_that_fill_every_turn_do_not_pass_the_cap(tmp_path: Path, fake: FakeProvider, cap: int) -> None:
    """Three at once, each of which reads nine windows full of results after a prompt of fifty tokens."""
    usage = {
        "message_start": {"input_tokens": 50, "output_tokens": 1},
        "message_delta": {
            "input_tokens": 50, "cache_creation_input_tokens": 9_000_000, "output_tokens": 10,
            "cache_creation": {"ephemeral_1h_input_tokens": 9_000_000},
            "server_tool_use": {"web_search_requests": 5},
        },
    }  # fmt: skip
    with gateway_with(tmp_path / "s", fake, strict(cap)) as gateway:
        script = fake.script("searches", {"usage_native": usage, "words": 5, "gap": 0.05, "ttft": 0.2})
        answers: list[Answer] = []

        def one() -> None:
            body = message(max_tokens=10, tools=[SEARCH], stream=True)
            answers.append(ask(gateway.port, "POST", "/v1/messages", body, ANTHROPIC_HEADERS | script))

        threads = [threading.Thread(target=one) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        rows = gateway.wait_rows(3)
        eventually(lambda: all(held == 0 for _, _, held in windows(gateway)))
        admitted = cap // 72
        assert sorted(answer.status for answer in answers) == sorted([200] * admitted + [402] * (3 - admitted))
        assert sum(stored.row.input_tokens for stored in rows) == admitted * 9_000_050
        assert spent(gateway) == admitted * (RESULTS + 5 * SEARCH_FEE + 50 * 4_000 + 10 * 20_000) <= cap * DOLLAR


def test_the_provider_s_count_of_the_prompt_gives_back_nothing_that_results_may_still_cost(
    tmp_path: Path, fake: FakeProvider
) -> None:
    with gateway_with(tmp_path / "s", fake, strict(100)) as gateway:
        usage = {"message_start": {"input_tokens": 50, "output_tokens": 1}, "message_delta": {"output_tokens": 10}}
        script = fake.script("slow", {"usage_native": usage, "words": 300, "gap": 0.1})
        body = json.dumps(message(max_tokens=10, tools=[SEARCH], stream=True)).encode()
        asking = threading.Thread(
            target=lambda: ask(gateway.port, "POST", "/v1/messages", body, ANTHROPIC_HEADERS | script)
        )
        asking.start()
        corrected = RESULTS + 4 * SEARCH_FEE + SEARCH_FEE + 50 * 4_000 + 10 * 20_000
        eventually(lambda: [held for _, _, held in windows(gateway)] == [corrected])
        fake.hurry("slow")
        asking.join(30)
