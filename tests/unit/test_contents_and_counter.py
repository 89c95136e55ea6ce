"""What rules read from a body, in every dialect, and how many tokens it has."""

import json
from typing import Any

import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.routing.counter import TokenCounter
from conduit_tui.routing.tokens import estimate_request_tokens
from conduit_tui.wire.contents import Contents
from conduit_tui.wire.requests import read_request

ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES


def contents(dialect: Dialect, **fields: Any) -> Contents:
    return Contents(json.dumps(fields).encode(), dialect)


def test_the_message_is_what_the_user_said_last() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "second"},
                {"type": "text", "text": "<system-reminder>not said</system-reminder>"},
            ],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Bash", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "output"}]},
    ]
    assert contents(ANTHROPIC, messages=messages).message == "second"
    assert contents(CHAT, messages=[{"role": "user", "content": "x"}, {"role": "tool", "content": "y"}]).message == "x"
    assert contents(RESPONSES, input="plain").message == "plain"
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "item"}]}
    assert contents(RESPONSES, input=[item, {"type": "function_call_output", "output": "z"}]).message == "item"


def test_the_system_prompt_is_everything_the_system_says() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "system", "content": "c"}, {"role": "user", "content": "x"}]
    assert contents(ANTHROPIC, system=blocks, messages=messages).system == "a\nb\nc"
    assert contents(CHAT, messages=[{"role": "developer", "content": "d"}]).system == "d"
    assert contents(RESPONSES, instructions="e", input="x").system == "e"


@pytest.mark.parametrize(
    ("dialect", "fields", "expected"),
    [
        (ANTHROPIC, {"messages": [{"role": "user", "content": 'an "image" in words'}]}, False),
        (ANTHROPIC, {"messages": [{"role": "user", "content": [{"type": "image"}]}]}, True),
        (
            ANTHROPIC,
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "image"}]}]}]},
            True,
        ),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, True),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, True),
        (RESPONSES, {"input": "image"}, False),
    ],
)
def test_pictures_are_found_where_they_are(dialect: Dialect, fields: dict[str, Any], expected: bool) -> None:
    assert contents(dialect, **fields).has_images is expected


@pytest.mark.parametrize("kind", [None, 3, ["image"], {"image": 1}])
def test_a_type_that_is_no_text_is_passed_over(kind: Any) -> None:
    odd = contents(
        ANTHROPIC, messages=[{"role": "user", "type": kind, "content": [{"type": kind, "text": "hello"}, 7]}]
    )
    assert (odd.message, odd.has_images) == ("", False)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([{"role": "user", "content": "plain"}], "plain"),
        ([{"role": "user", "content": [{"type": "text", "text": "in a block"}]}], "in a block"),
        (
            [{"role": "user", "content": ["bare text in a list"]}, {"role": "user", "content": [{"text": 3}]}],
            "bare text in a list",
        ),
        ([{"role": "user", "content": "one"}, 7, None, [], {"role": "assistant", "content": {"odd": 1}}], "one"),
        ([{"role": "user", "content": {"type": "text", "text": "no list"}}], ""),
        ({"role": "user"}, ""),
        ("text", "text"),
        (None, ""),
    ],
)
@pytest.mark.parametrize("dialect", [ANTHROPIC, CHAT, RESPONSES])
def test_what_is_read_along_is_what_is_read_alone(dialect: Dialect, messages: Any, said: str) -> None:
    body = json.dumps({"model": "m", "input" if dialect is RESPONSES else "messages": messages}).encode()
    along, alone = read_request(body, dialect)[1], Contents(body, dialect)
    assert (along.message, along.has_images) == (alone.message, alone.has_images) == (said, False)


def test_metadata_is_read_through_json_in_a_string() -> None:
    found = contents(ANTHROPIC, metadata={"user_id": '{"session_id": "s-1"}', "a": {"b": 3}})
    assert found.metadata("user_id.session_id") == "s-1"
    assert found.metadata("a.b") == 3
    assert found.metadata("a.c") is found.metadata("x.y") is found.metadata("a.b.c") is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"7", b'{"messages": 3, "system": {}, "tools": "x"}', b'"' * 9])
def test_odd_bodies_have_empty_contents(body: bytes) -> None:
    odd = Contents(body, ANTHROPIC)
    assert (odd.message, odd.system, odd.metadata("x")) == ("", "", None)
    assert TokenCounter().count(body, ANTHROPIC, "claude-opus-5-5") <= len(body)


def conversation(turns: int) -> bytes:
    messages = [
        {"role": ("user", "assistant")[number % 2], "content": f"turn {number}: " + "some code(); and prose, " * 20}
        for number in range(turns)
    ]
    body = {"model": "gpt-5.5", "system": "be brief " * 50, "tools": [{"name": "Bash"}], "messages": messages}
    return json.dumps(body).encode()


def test_a_count_agrees_with_the_estimate_of_the_whole() -> None:
    for model in ("gpt-5.5", "claude-opus-5-5"):
        body = conversation(30)
        assert TokenCounter().count(body, CHAT, model) == pytest.approx(
            estimate_request_tokens(body, CHAT, model), rel=0.03
        )


def test_a_second_count_is_the_same_and_counts_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from conduit_tui.routing import counter as module

    counted: list[str] = []
    real = module.count
    monkeypatch.setattr(module, "count", lambda text: (counted.append(text), real(text))[1])
    counter = TokenCounter()
    first = counter.count(conversation(30), CHAT, "gpt-5.5")
    assert counted
    counted.clear()
    assert counter.count(conversation(30), CHAT, "gpt-5.5") == first
    assert counted == []
    assert counter.count(conversation(31), CHAT, "gpt-5.5") > first
    assert len(counted) <= 2


def test_a_token_is_at_least_a_byte_and_forgotten_counts_do_no_harm() -> None:
    counter = TokenCounter(kept=2)
    body = conversation(9)
    assert counter.count(body, CHAT, "gpt-5.5") == counter.count(body, CHAT, "gpt-5.5") <= len(body)
