"""Rules in the running gateway: which model reaches the provider, why, and what is kept of the decision."""

import asyncio
import http.client
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from conduit_tui.control.remote import RemoteControl
from conduit_tui.domain.captures import CaptureKind
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import parse
from conduit_tui.store.reader import SqliteReader
from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message, response
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider

OPUS, SONNET, HAIKU = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"
SESSION = {"x-claude-code-session-id": "5e55"}


def rule(name: str, when: str, use: str, priority: int = 0, **more: Any) -> Rule:
    return Rule(id=name, name=name, conditions=parse(when), target_model=use, priority=priority, **more)


@pytest.fixture
def rules(gateway: Gateway) -> Iterator[Any]:
    """Puts rules in force, and takes them away again."""

    def put(*given: Rule, **config: Any) -> None:
        asyncio.run(change(gateway, given, config))

    gateway.fake.reset()
    yield put
    put(enabled=True, default_model="as-requested", fallback=(), features={}, capture="preview", rollout=100)


async def change(gateway: RunningGateway, given: Sequence[Rule], config: dict[str, Any]) -> None:
    control = RemoteControl(gateway.state_dir)
    project = await control.project("default")
    if config:
        merged = type(project.config).model_validate(project.config.model_dump() | config)
        project = await control.save_config("default", merged, project.revision)
    await control.save_rules("default", list(given), project.revision)


def reached(fake: FakeProvider) -> str:
    """The model of the newest request that the provider saw."""
    model: str = fake.requests()[-1].json["model"]
    return model


def test_a_rule_changes_the_model_and_nothing_else(gateway: Gateway, rules: Any) -> None:
    rules(rule("explore", 'agentType = "Explore"', HAIKU))
    body = b'{"max_tokens": 9, "model" :\t"claude-opus-5-5", "messages": [{"role": "user", "content": "\\u00e9"}] }'
    headers = ANTHROPIC_HEADERS | SESSION | {"x-claude-code-agent-type": "Explore"}
    answer = ask(gateway.port, "POST", "/v1/messages", body, headers)
    assert answer.status == 200
    assert gateway.fake.requests()[-1].body == body.replace(OPUS.encode(), HAIKU.encode())
    assert answer.header("x-conduit-decision") == f"source=rule; model={HAIKU}; rule=explore"
    ask(gateway.port, "POST", "/v1/messages", body, ANTHROPIC_HEADERS)
    assert gateway.fake.requests()[-1].body == body


def test_real_clients_are_routed_alike(gateway: Gateway, rules: Any) -> None:
    rules(
        rule("small", 'message contains "quick"', HAIKU), rule("mini", 'dialect = "openai-responses"', "gpt-5.4-mini")
    )
    claude = anthropic.Anthropic(base_url=gateway.url, api_key="sk-ant-fake", max_retries=0)
    assert claude.messages.create(**message("a quick question")).model == HAIKU
    with claude.messages.stream(**message("a quick stream")) as stream:
        assert stream.get_final_message().model == HAIKU
    assert claude.messages.create(**message("a long one")).model == OPUS
    gpt = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-fake", max_retries=0)
    assert gpt.responses.create(**response("anything")).model == "gpt-5.4-mini"
    assert gpt.chat.completions.create(**chat("anything")).model == "gpt-5.5"


def test_the_examples_of_the_book(gateway: Gateway, rules: Any) -> None:
    rules(
        rule("research", 'tokenCount > 1000 and agentType = "research" and message contains "analyze"', SONNET, 10),
        rule("big", 'tokenCount > 100000 or flags contains "images"', HAIKU, 5),
        rule("off", "messageCount >= 0", "claude-off", 99, enabled=False),
        default_model=OPUS,
    )
    long = "please analyze this carefully " * 400
    research = ANTHROPIC_HEADERS | {"x-conduit-agent-type": "research"}
    picture = [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]
    cases = [
        (message(long, model="claude-x"), research, SONNET),
        (message("analyze", model="claude-x"), research, OPUS),
        (message(long, model="claude-x"), ANTHROPIC_HEADERS, OPUS),
        (message("look", model="claude-x") | {"messages": [{"role": "user", "content": picture}]}, research, HAIKU),
        (message("word " * 120_000, model="claude-x"), ANTHROPIC_HEADERS, HAIKU),
    ]
    for body, headers, expected in cases:
        assert ask(gateway.port, "POST", "/v1/messages", body, headers).status == 200
        assert reached(gateway.fake) == expected


def test_the_trace_says_what_each_rule_answered(gateway: Gateway, rules: Any) -> None:
    rules(rule("second", 'model contains "opus"', SONNET, 5), rule("first", "toolCount > 3", HAIKU, 9))
    before = gateway.new_rows()
    ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS)
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.requested_model, row.routed_model, row.routing_source, row.rule_id) == (OPUS, SONNET, "rule", "second")
    decision = json.loads(row.metadata)["decision"]
    assert [(step["name"], step["outcome"]) for step in decision["steps"]] == [
        ("first", "no match"),
        ("second", "matched"),
    ]
    assert decision["steps"][0]["conditions"] == [
        {"text": "toolCount > 3", "value": "0", "answer": "no", "looked_at": True}
    ]
    facts = json.loads(row.metadata)["facts"]
    assert (facts["toolCount"], facts["messageCount"], facts["maxTokens"]) == (0, 1, 64)


def test_a_sticky_rule_keeps_its_answer_and_a_plain_one_does_not(gateway: Gateway, rules: Any) -> None:
    few, many = message("hi"), message("hi") | {"messages": [{"role": "user", "content": "hi"}] * 3}
    for sticky, expected in (("request", [HAIKU, OPUS]), ("session", [HAIKU, HAIKU])):
        rules(rule(f"short {sticky}", "messageCount < 2", HAIKU, sticky=sticky))
        headers = ANTHROPIC_HEADERS | {"x-claude-code-session-id": f"s-{sticky}"}
        for body, model in zip((few, many), expected, strict=True):
            ask(gateway.port, "POST", "/v1/messages", body, headers)
            assert reached(gateway.fake) == model
        ask(gateway.port, "POST", "/v1/messages", many, headers | {"x-claude-code-session-id": "another"})
        assert reached(gateway.fake) == OPUS


def test_a_broken_cache_is_shown_with_its_cost(gateway: Gateway, rules: Any) -> None:
    rules(rule("long talks", "messageCount > 1", SONNET))
    warm = gateway.fake.script(
        "warm", {"usage": {"input": 50_000, "output": 10, "cache_read": 40_000, "cache_write_5m": 9_000}}
    )
    cold = gateway.fake.script("cold", {"usage": {"input": 51_000, "output": 10, "cache_write_5m": 50_000}})
    before = gateway.new_rows()
    headers = ANTHROPIC_HEADERS | {"x-claude-code-session-id": "cached"}
    ask(gateway.port, "POST", "/v1/messages", message(), headers | warm)
    longer = message() | {"messages": [{"role": "user", "content": "hi"}] * 3}
    ask(gateway.port, "POST", "/v1/messages", longer, headers | cold)
    decision = json.loads(gateway.wait_rows(before + 2)[-1].row.metadata)["decision"]
    broken = decision["broken_cache"]
    assert (broken["before"], broken["tokens"]) == (OPUS, 49_000)
    # claude-sonnet-5-5, per million: $2.50 to write, $0.10 to read (genai-prices)
    assert broken["nanodollars"] == pytest.approx(49_000 * (2.5 - 0.1) / 1e6 * 1e9, rel=0.01)


def test_a_disabled_project_and_switched_off_routing(gateway: Gateway, rules: Any) -> None:
    always = rule("always", "messageCount > 0", HAIKU)
    for config, expected, source in (
        ({"enabled": False}, OPUS, "bypass"),
        ({"enabled": True, "default_model": SONNET, "features": {"auto_routing": False}}, SONNET, "default"),
        ({"enabled": True, "features": {"auto_routing": True}}, HAIKU, "rule"),
    ):
        rules(always, **config)
        answer = ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS)
        assert reached(gateway.fake) == expected
        assert (answer.header("x-conduit-decision") or "").startswith(f"source={source};")


def test_a_project_is_rolled_out_by_sessions_and_the_trace_says_so(gateway: Gateway, rules: Any) -> None:
    rules(rule("always", "messageCount > 0", HAIKU), rollout=50)
    reached_by = {}
    for number in range(12):
        headers = ANTHROPIC_HEADERS | {"x-conduit-session": f"rolled-{number}"}
        before = gateway.new_rows()
        for _ in range(2):
            ask(gateway.port, "POST", "/v1/messages", message(), headers)
            models = reached_by.setdefault(number, set())
            models.add(reached(gateway.fake))
        row = gateway.wait_rows(before + 2)[-1].row
        if models == {OPUS}:
            assert row.routing_reason == "outside of the project's rollout of 50 %: as requested"
            assert "outside of the project's rollout" in row.metadata
    assert sorted(set(map(frozenset, reached_by.values())), key=sorted) == [{HAIKU}, {OPUS}]


def test_cost_tracking_can_be_switched_off(gateway: Gateway, rules: Any) -> None:
    rules(features={"cost_tracking": False})
    before = gateway.new_rows()
    ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS)
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.cost_nanodollars, row.price_source) == (0, "not tracked")
    assert row.input_tokens > 0


@pytest.mark.parametrize("status", [429, 500, 529])
def test_fallbacks_are_tried_in_order_each_with_its_row(gateway: Gateway, rules: Any, status: int) -> None:
    rules(rule("first", "messageCount > 0", OPUS, fallback=(SONNET, HAIKU)))
    before = gateway.new_rows()
    failing = {"status": status, "message": "no"}
    named = gateway.fake.script("twice", failing, failing, {"text": "third time"})
    answer = ask(gateway.port, "POST", "/v1/messages", message(model="claude-x"), ANTHROPIC_HEADERS | named)
    assert answer.status == 200
    assert "third time" in answer.body.decode()
    assert answer.header("x-conduit-decision") == f"source=fallback; model={HAIKU}; rule=first"
    rows = [stored.row for stored in gateway.wait_rows(before + 3)[-3:]]
    assert [(row.attempt, row.routed_model, row.status) for row in rows] == [
        (1, OPUS, status),
        (2, SONNET, status),
        (3, HAIKU, 200),
    ]
    assert len({row.exchange_id for row in rows}) == 1
    assert [row.routing_source for row in rows] == ["rule", "fallback", "fallback"]
    assert str(status) in rows[2].routing_reason


def test_when_all_fall_backs_fail_the_last_error_is_the_answer(gateway: Gateway, rules: Any) -> None:
    rules(rule("first", "messageCount > 0", OPUS, fallback=(SONNET, HAIKU)))
    before = gateway.new_rows()
    named = gateway.fake.script("never", *({"status": 529, "message": f"overloaded {number}"} for number in range(5)))
    answer = ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS | named)
    assert (answer.status, answer.json["error"]["message"]) == (529, "overloaded 2")
    assert len(gateway.fake.requests("never")) == 3
    assert len(gateway.wait_rows(before + 3)) == before + 3


def test_nothing_is_tried_again_after_the_first_byte(gateway: Gateway, rules: Any) -> None:
    rules(rule("first", "messageCount > 0", OPUS, fallback=(SONNET,)))
    named = gateway.fake.script("cut", {"text": "word " * 50, "cut": {"pieces": 5, "how": "rst"}})
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        ask(gateway.port, "POST", "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | named)
    assert len(gateway.fake.requests("cut")) == 1


def test_a_rule_acts_in_every_dialect_that_its_target_is_served_in(gateway: Gateway, rules: Any) -> None:
    """The fake provider serves every model in every dialect."""
    rules(rule("all", "messageCount > 0", "gpt-5.4-mini"))
    for target, body in (("/v1/chat/completions", chat()), ("/v1/responses", response())):
        assert ask(gateway.port, "POST", target, body, OPENAI_HEADERS).status == 200
        assert reached(gateway.fake) == "gpt-5.4-mini"


def test_a_target_that_no_provider_serves_in_the_dialect_is_passed_over(tmp_path: Path, fake: FakeProvider) -> None:
    provider = fake_provider(fake.url, dialects=("anthropic",), models=("claude-*",), default=False)
    narrow = RunningGateway(tmp_path / "state", [provider])
    try:
        given = [rule("gpt", "messageCount > 0", "gpt-5.5", 9), rule("haiku", 'model contains "opus"', HAIKU)]
        asyncio.run(change(narrow, given, {}))
        assert ask(narrow.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
        row = narrow.wait_rows(1)[-1].row
        assert (row.routed_model, row.rule_id) == (HAIKU, "haiku")
        first, *_ = json.loads(row.metadata)["decision"]["steps"]
        assert first["outcome"] == "not served"
        assert "gpt-5.5" in first["note"]
    finally:
        narrow.close()


def test_counts_follow_the_route(gateway: Gateway, rules: Any) -> None:
    rules(rule("always", "messageCount > 0", HAIKU))
    rows = gateway.new_rows()
    assert ask(gateway.port, "POST", "/v1/messages/count_tokens", message(), ANTHROPIC_HEADERS).status == 200
    assert reached(gateway.fake) == HAIKU
    assert gateway.new_rows() == rows


def test_texts_are_kept_as_the_project_says(gateway: Gateway, rules: Any) -> None:
    async def kept(exchange_id: str) -> dict[CaptureKind, tuple[str, bool]]:
        reader = await SqliteReader.open(gateway.state_dir.database)
        try:
            return {each.kind: (each.text, each.cut) for each in await reader.captures_of_exchange(exchange_id)}
        finally:
            await reader.close()

    long = "x" * 3000
    for mode, kinds in (("none", set()), ("preview", {"message"}), ("full", {"message", "request"})):
        rules(capture=mode)
        before = gateway.new_rows()
        answer = ask(gateway.port, "POST", "/v1/messages", message(long), ANTHROPIC_HEADERS)
        gateway.wait_rows(before + 1)
        texts = asyncio.run(kept(answer.header("x-conduit-exchange") or ""))
        assert set(texts) == kinds
        if mode == "preview":
            assert texts[CaptureKind.MESSAGE] == (long[:2000], True)
        if mode == "full":
            assert texts[CaptureKind.MESSAGE] == (long, False)
