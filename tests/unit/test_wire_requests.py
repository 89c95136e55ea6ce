import json
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from conduit_tui.domain.dialects import Dialect
from conduit_tui.wire.requests import TOKENS_LIMIT, BadBody, ask_for_usage, peek, replace_model

CLAUDE_CODE = {
    "model": "claude-opus-5-5",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": 'call it "model": "x"', "cache_control": {"type": "e"}}]},
        {"role": "system", "content": "environment"},
    ],
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.d01; cc_entrypoint=sdk-cli;"},
        {"type": "text", "text": "You are Claude Code", "cache_control": {"type": "ephemeral"}},
    ],
    "tools": [{"name": "Agent", "input_schema": {"properties": {"model": {"type": "string"}}}}, {"name": "Bash"}],
    "metadata": {"user_id": '{"device_id":"ab","session_id":"11"}'},
    "max_tokens": 128000,
    "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "medium"},
    "stream": True,
}


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def test_reads_a_claude_code_request() -> None:
    assert peek(as_bytes(CLAUDE_CODE), Dialect.ANTHROPIC) == (
        "claude-opus-5-5",
        True,
        128000,
        False,
        '{"device_id":"ab","session_id":"11"}',
        2,
        2,
        "x-anthropic-billing-header: cc_version=2.1.330.d01; cc_entrypoint=sdk-cli;",
        True,
        False,
    )


def test_reads_a_title_request() -> None:
    body = {"model": "m", "system": "Title", "output_config": {"format": {"type": "json_schema", "schema": {}}}}
    found = peek(as_bytes(body), Dialect.ANTHROPIC)
    assert found.json_schema_output
    assert (found.tools, found.has_thinking, found.billing_header, found.stream) == (0, False, "", False)


def test_reads_a_chat_request() -> None:
    body = {
        "model": "gpt-5.5",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "max_completion_tokens": 5000,
        "max_tokens": None,
        "reasoning_effort": "high",
        "response_format": {"type": "json_schema", "json_schema": {}},
    }
    found = peek(as_bytes(body), Dialect.OPENAI_CHAT)
    assert (found.asks_usage, found.max_tokens, found.messages) == (True, 5000, 1)
    assert found.has_thinking
    assert found.json_schema_output


@pytest.mark.parametrize(("given_input", "messages"), [("hi", 1), ([{"role": "user"}] * 3, 3), (None, 0), ({}, 0)])
def test_reads_a_responses_request(given_input: object, messages: int) -> None:
    body = {
        "model": "gpt-5.5-codex",
        "input": given_input,
        "reasoning": {"effort": "medium"},
        "text": {"format": {"type": "json_schema"}},
        "max_output_tokens": 7,
    }
    found = peek(as_bytes(body), Dialect.OPENAI_RESPONSES)
    assert (found.messages, found.has_thinking, found.json_schema_output, found.max_tokens) == (messages, True, True, 7)


def test_counts_the_tools_that_are_offered_within_the_input() -> None:
    """As codex does for the newest models."""
    offered = {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "exec"}, {}]}
    body = {"model": "gpt-6.1-sol", "input": [offered, {"type": "message", "role": "user", "content": "hi"}]}
    assert peek(as_bytes(body), Dialect.OPENAI_RESPONSES).tools == 2
    assert peek(as_bytes({**body, "tools": [{}]}), Dialect.OPENAI_RESPONSES).tools == 3
    body["input"] = [{**offered, "tools": "odd"}, "odd"]
    found = peek(as_bytes(body), Dialect.OPENAI_RESPONSES)
    assert (found.tools, found.messages) == (0, 2)


@pytest.mark.parametrize(
    ("thinking", "expected"), [({"type": "disabled"}, False), ({"type": "enabled"}, True), (None, False), (5, False)]
)
def test_thinking(thinking: object, expected: bool) -> None:
    assert peek(as_bytes({"model": "m", "thinking": thinking}), Dialect.ANTHROPIC).has_thinking is expected


ODD_VALUES = [None, True, 5, 1.5, "odd", [], [1, None], {}, {"type": 5}, {"format": 1}, [{"text": 7}], [[]]]


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("field", [field for field in CLAUDE_CODE if field != "model"] + ["text", "input", "reasoning"])
def test_odd_types_in_fields_that_are_only_looked_at_pass(field: str, dialect: Dialect) -> None:
    for value in ODD_VALUES:
        body = as_bytes({**CLAUDE_CODE, field: value})
        assert peek(body, dialect).model == "claude-opus-5-5"
        assert replace_model(body, "claude-haiku-5-5") == body.replace(b"claude-opus-5-5", b"claude-haiku-5-5")


def test_an_odd_field_does_not_hide_the_others() -> None:
    found = peek(as_bytes({**CLAUDE_CODE, "metadata": [1], "messages": ["one", 2, None]}), Dialect.ANTHROPIC)
    assert (found.metadata_user_id, found.messages, found.tools, found.max_tokens) == ("", 3, 2, 128000)
    assert found.billing_header


def test_text_that_is_no_utf8_passes_where_it_does_not_matter() -> None:
    found = peek(b'{"model":"m","system":"\xff","messages":[{"role":"\xfe"}],"stream":true}', Dialect.ANTHROPIC)
    assert (found.model, found.stream, found.messages) == ("m", True, 1)


def test_lone_surrogates_pass_as_javascript_writes_them() -> None:
    body = (
        rb'{"model":"m","messages":[{"role":"user","content":"cut \ud83d"}],"a":"\\\\ud83d \ud83d\ude00 \udc00","n":1}'
    )
    assert peek(body, Dialect.ANTHROPIC).messages == 1
    assert replace_model(body, "other") == body.replace(b'"m"', b'"other"')


@pytest.mark.parametrize(
    ("number", "expected"),
    [("1e2", 100), ("99.0", 99), ("-5", 0), ("0", 0), ("9999999999999999999999", TOKENS_LIMIT), ('"5"', 0)],
)
def test_max_tokens(number: str, expected: int) -> None:
    assert peek(f'{{"model":"m","max_tokens":{number}}}'.encode(), Dialect.ANTHROPIC).max_tokens == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body is not valid JSON"),
        (b"[]", "body must be a JSON object"),
        (b'"model"', "body must be a JSON object"),
        (b"{}", "`model` is missing"),
        (b'{"x":{"model":"m"}}', "`model` is missing"),
        (b'{"model":""}', "`model` is empty"),
        (b'{"model":5}', "`model` must be a string, not a number"),
        (b'{"model":null}', "`model` must be a string, not null"),
        (b'{"model":["m"]}', "`model` must be a string, not a list"),
        (b'{"model":"\xff"}', "`model` is not valid text"),
        (b'{"model":"a","model":"b"}', "`model` is given twice"),
        (b'{"model":"a","mode\\u006c":"b"}', "`model` is given twice"),
        (b'{"\\u006d\\u006Fdel":"a","x":1,"model":"a"}', "`model` is given twice"),
        (b'{"model":"m","max_tokens":NaN}', "body is not valid JSON: invalid character (byte 26)"),
        (b'{"model":"m","max_tokens":-Infinity}', "body is not valid JSON: invalid character (byte 27)"),
        (b'{"model":"m","max_tokens":1e400}', "`max_tokens` is a number out of range"),
        (
            b'{"model":"m","max_output_tokens":1' + b"0" * 1_000_000 + b"}",
            "`max_output_tokens` is a number out of range",
        ),
        (b'{"model":"m","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body is nested too deeply"),
        (b'{"model":"m"', "body is not valid JSON: input data was truncated"),
        (b'{"model":"m"} {}', "body is not valid JSON: trailing characters"),
        (b'{"model":"m","a":' + b"{}," * 20, "body is not valid JSON"),
        (b"{" + b'"model":1,' * 100_000 + b'"model":"m"}', "body has more than 4096 members"),
    ],
)
def test_refuses_with_the_reason(body: bytes, message: str) -> None:
    with pytest.raises(BadBody) as refused:
        peek(body, Dialect.ANTHROPIC)
    assert str(refused.value).startswith(message)


def test_a_list_of_millions_is_counted_without_looking_at_each() -> None:
    body = b'{"model":"m","messages":[' + b'{"role":""},' * 1_000_000 + b'{"role":""}]}'
    assert peek(body, Dialect.ANTHROPIC).messages == 1_000_001


# Bodies as any client may write them: any white space, any escapes, names that mislead

names = st.sampled_from(["model", "Model", "x", "stream_options", 'mo"del', "model\\", "include_usage", "é", ""])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10),
    st.sampled_from(['"model":"a"', "\\", 'a"', "é😀", "{", "}]", "", "\n"]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
spaces = st.text(" \n\t\r", max_size=2)


@st.composite
def json_text(draw: st.DrawFn, value: object) -> str:
    def string_text(text: str) -> str:
        written = json.dumps(text, ensure_ascii=draw(st.booleans()))
        if draw(st.integers(0, 4)) == 0:
            written = (
                '"'
                + "".join(f"\\u{ord(c):04x}" if c in string.ascii_letters else json.dumps(c)[1:-1] for c in text)
                + '"'
            )
        return written

    def text_of(value: object) -> str:
        before, after = draw(spaces), draw(spaces)
        if isinstance(value, str):
            written = string_text(value)
        elif isinstance(value, dict):
            members = [f"{draw(spaces)}{string_text(name)}{draw(spaces)}:{text_of(one)}" for name, one in value.items()]
            written = "{" + ",".join(members) + (draw(spaces) if not members else "") + "}"
        elif isinstance(value, list):
            written = "[" + ",".join(map(text_of, value)) + "]"
        else:
            written = json.dumps(value)
        return before + written + after

    return text_of(value)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[dict[str, object], bytes]:
    members = draw(st.dictionaries(names, values, max_size=5))
    members["model"] = draw(st.sampled_from(["claude-opus-5-5", 'a"b', "é", "model", "}"]))
    order = draw(st.permutations(list(members)))
    value = {name: members[name] for name in order}
    padding = draw(st.sampled_from([0, 0, 0, 20_000]))  # both ways of finding the model
    if padding:
        value["padding"] = "x" * padding
    return value, draw(json_text(value)).encode()


def assert_one_change(before: bytes, after: bytes, new: bytes) -> None:
    """`after` is `before` with one stretch exchanged for `new` (or for something that ends in it)."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    assert len(after) - start - end <= len(new)


@given(bodies(), st.sampled_from(["claude-haiku-5-5", 'q"\\', "ü😀", "m"]))
def test_only_the_model_changes(body: tuple[dict[str, object], bytes], model: str) -> None:
    value, text = body
    assert peek(text, Dialect.ANTHROPIC).model == value["model"]
    changed = replace_model(text, model)
    assert json.loads(changed) == {**value, "model": model}
    assert list(json.loads(changed)) == list(value)
    assert_one_change(text, changed, json.dumps(model).encode())


@given(bodies())
def test_only_the_usage_request_changes(body: tuple[dict[str, object], bytes]) -> None:
    value, text = body
    options = value.get("stream_options")
    assume(options is None or isinstance(options, dict))
    changed = ask_for_usage(text)
    wanted = {**(options or {}), "include_usage": True}
    assert json.loads(changed) == {**value, "stream_options": wanted}
    assert_one_change(text, changed, b'"stream_options":{"include_usage":true},')
    assert ask_for_usage(changed) == changed
    assert peek(changed, Dialect.OPENAI_CHAT).asks_usage


@pytest.mark.parametrize("options", [[], "yes", 5, True])
def test_impossible_stream_options_are_left_for_the_provider(options: object) -> None:
    body = as_bytes({"model": "m", "stream_options": options})
    assert ask_for_usage(body) == body


def test_the_last_of_repeated_stream_options_is_what_readers_take() -> None:
    body = b'{"stream_options":{},"model":"m","stream_options":{"include_usage":false,"include_usage":false}}'
    assert json.loads(ask_for_usage(body))["stream_options"]["include_usage"] is True


def test_replacing_needs_a_model() -> None:
    for body in (b"{}", b'{"x":{"model":"m"}}', b'{"model":5}', b'{"x":"model"}', b'{"x":"model", "y":{"model":1}}'):
        with pytest.raises(BadBody):
            replace_model(body, "other")
