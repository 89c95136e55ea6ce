import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.usage import Usage
from conduit_tui.wire.meter import Meter, estimate, meter_for

STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"


def event(value: dict[str, Any] | str, name: str | None = None) -> bytes:
    data = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if name is None and isinstance(value, dict):
        name = value.get("type")
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def read(dialect: Dialect, body: bytes, content_type: str = STREAM, encoding: str = "", step: int = 0) -> Meter:
    meter = meter_for(dialect, content_type, encoding)
    for start in range(0, len(body), step or len(body) or 1):
        meter.feed(body[start : start + (step or len(body))])
    meter.finish()
    return meter


def facts(meter: Meter) -> tuple[Any, ...]:
    return (
        meter.usage,
        meter.output_characters,
        meter.complete,
        meter.error_type,
        meter.message_id,
        meter.model,
        meter.malformed,
    )


# Anthropic


def message_start(**usage: Any) -> bytes:
    message = {"id": "msg_1", "type": "message", "model": "claude-opus-5-5", "content": [], "usage": usage}
    return event({"type": "message_start", "message": message})


def delta(**parts: str) -> bytes:
    return event({"type": "content_block_delta", "index": 0, "delta": parts})


def message_delta(**usage: Any) -> bytes:
    return event({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage})


STOP = event({"type": "message_stop"})
ANTHROPIC = (
    message_start(
        input_tokens=10,
        cache_creation_input_tokens=300,
        cache_read_input_tokens=2000,
        cache_creation={"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        output_tokens=1,
        service_tier="standard",
    )
    + event({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}})
    + event({"type": "ping"})
    + delta(type="thinking_delta", thinking="hmm")
    + delta(type="signature_delta", signature="c2lnbmF0dXJl")
    + delta(type="text_delta", text="Grüße 😀")
    + b": a comment\n\n"
    + delta(type="input_json_delta", partial_json='{"a":1}')
    + event({"type": "new_event", "delta": {"text": "not counted"}})
    + message_delta(output_tokens=42, output_tokens_details={"thinking_tokens": 7}, server_tool_use={"web": 1})
    + STOP
)
ANTHROPIC_FACTS = (Usage(2310, 42, 2000, 100, 200, 7), 3 + 7 + 7, True, "", "msg_1", "claude-opus-5-5", False)

# OpenAI


def chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
    return event(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-5.5", "choices": choices, **more}
    )


CHAT_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 20, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 30},
}
CHAT = (
    chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}], usage=None)
    + chunk([{"index": 0, "delta": {"reasoning_content": "hmm"}}])
    + chunk([{"index": 0, "delta": {"content": "Grüße"}, "logprobs": None}], usage=None)
    + chunk([{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"arguments": "{}"}}]}}])
    + chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=None)
    + chunk([], usage=CHAT_USAGE)
    + event("[DONE]")
)
CHAT_FACTS = (Usage(100, 50, 60, 20, 0, 30), 3 + 5 + 2, True, "", "chatcmpl-1", "gpt-5.5", False)

RESPONSES_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 20},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 150,
}


def response(kind: str, **more: Any) -> bytes:
    body = {"id": "resp_1", "object": "response", "model": "gpt-5.5-codex", "error": None, "usage": None, **more}
    return event({"type": kind, "sequence_number": 1, "response": body})


RESPONSES = (
    response("response.created", tools=[{"type": "function", "name": "shell"}])
    + event({"type": "response.output_item.added", "item": {"type": "message", "content": []}})
    + event({"type": "response.reasoning_summary_text.delta", "delta": "hmm"})
    + event({"type": "response.output_text.delta", "delta": "Grüße"})
    + event({"type": "response.function_call_arguments.delta", "delta": "{}"})
    + event({"type": "response.output_text.done", "text": "Grüße"})
    + response("response.completed", usage=RESPONSES_USAGE)
)
RESPONSES_FACTS = (Usage(100, 50, 60, 20, 0, 30), 3 + 5 + 2, True, "", "resp_1", "gpt-5.5-codex", False)

STREAMS = [
    (Dialect.ANTHROPIC, ANTHROPIC, ANTHROPIC_FACTS),
    (Dialect.OPENAI_CHAT, CHAT, CHAT_FACTS),
    (Dialect.OPENAI_RESPONSES, RESPONSES, RESPONSES_FACTS),
]
each_stream = pytest.mark.parametrize(("dialect", "stream", "expected"), STREAMS, ids=[one[0] for one in STREAMS])


@each_stream
def test_a_stream(dialect: Dialect, stream: bytes, expected: tuple[Any, ...]) -> None:
    assert facts(read(dialect, stream)) == expected


@each_stream
@given(places=st.lists(st.integers(0, 5000), max_size=30))
def test_a_stream_split_anywhere(dialect: Dialect, stream: bytes, expected: tuple[Any, ...], places: list[int]) -> None:
    meter = meter_for(dialect, STREAM)
    cuts = sorted(min(place, len(stream)) for place in places)
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        meter.feed(stream[start:end])
    meter.finish()
    assert facts(meter) == expected


@each_stream
def test_a_stream_byte_by_byte_with_other_line_ends(dialect: Dialect, stream: bytes, expected: tuple[Any, ...]) -> None:
    for ending in (b"\r\n", b"\r"):
        assert facts(read(dialect, stream.replace(b"\n", ending), step=1)) == expected


@each_stream
def test_a_stream_without_event_lines_and_without_its_last_blank_line(
    dialect: Dialect, stream: bytes, expected: tuple[Any, ...]
) -> None:
    bare = b"".join(line for line in stream.splitlines(keepends=True) if not line.startswith(b"event:"))
    assert facts(read(dialect, bare.rstrip(b"\n"))) == expected


@each_stream
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "raw deflate", "two members", "identity"])
def test_a_compressed_stream(dialect: Dialect, stream: bytes, expected: tuple[Any, ...], encoding: str) -> None:
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(stream),
        "x-gzip": gzip.compress(stream),
        "deflate": zlib.compress(stream),
        "raw deflate": raw.compress(stream) + raw.flush(),
        "two members": gzip.compress(stream[:100]) + gzip.compress(stream[100:]),
        "identity": stream,
    }[encoding]
    header = {"raw deflate": "deflate", "two members": "GZIP"}.get(encoding, encoding)
    for step in (0, 1, 7):
        assert facts(read(dialect, packed, encoding=header, step=step)) == expected


@each_stream
def test_a_stream_that_is_cut_gives_what_was_known(dialect: Dialect, stream: bytes, expected: tuple[Any, ...]) -> None:
    for length in range(len(stream)):
        meter = read(dialect, stream[:length])
        assert meter.output_characters <= expected[1]
        if meter.usage is not None:
            assert meter.usage.input_tokens == expected[0].input_tokens
            assert meter.usage.output_tokens in (1, expected[0].output_tokens)


def test_a_cut_anthropic_stream_has_its_input() -> None:
    cut = ANTHROPIC[: ANTHROPIC.index(b"message_delta")]
    meter = read(Dialect.ANTHROPIC, cut)
    assert meter.usage == Usage(2310, 1, 2000, 100, 200)
    assert meter.output_characters == 17
    assert not meter.complete


@each_stream
def test_a_stream_under_another_content_type(dialect: Dialect, stream: bytes, expected: tuple[Any, ...]) -> None:
    assert facts(read(dialect, stream, "text/plain")) == expected


def test_an_unknown_content_coding_says_nothing() -> None:
    meter = read(Dialect.ANTHROPIC, b"\x00\x01\x02", JSON, "br")
    assert facts(meter) == (None, 0, False, "", "", "", False)


@pytest.mark.parametrize(
    ("dialect", "body", "expected"),
    [
        (
            Dialect.ANTHROPIC,
            {
                "id": "msg_2",
                "model": "claude-haiku-5-5",
                "content": [
                    {"type": "thinking", "thinking": "abc", "signature": "x"},
                    {"type": "text", "text": "de"},
                    {"type": "tool_use", "id": "t", "name": "Bash", "input": {"a": 1}},
                ],
                "usage": {"input_tokens": 5, "output_tokens": 9, "cache_creation_input_tokens": 4},
            },
            (Usage(9, 9, 0, 4), 3 + 2 + len('{"a": 1}'), True, "", "msg_2", "claude-haiku-5-5", False),
        ),
        (
            Dialect.OPENAI_CHAT,
            {
                "id": "chatcmpl-2",
                "model": "gpt-5.5",
                "choices": [{"message": {"content": "hello", "refusal": None}, "finish_reason": "stop"}],
                "usage": CHAT_USAGE,
            },
            (Usage(100, 50, 60, 20, 0, 30), 5, True, "", "chatcmpl-2", "gpt-5.5", False),
        ),
        (
            Dialect.OPENAI_RESPONSES,
            {
                "id": "resp_2",
                "model": "gpt-5.5",
                "error": None,
                "output": [
                    {"type": "reasoning", "summary": [{"text": "ab"}]},
                    {"type": "message", "content": [{"type": "output_text", "text": "cde"}]},
                    {"type": "function_call", "arguments": "{}"},
                ],
                "usage": RESPONSES_USAGE,
            },
            (Usage(100, 50, 60, 20, 0, 30), 7, True, "", "resp_2", "gpt-5.5", False),
        ),
    ],
)
def test_an_answer_that_is_no_stream(dialect: Dialect, body: dict[str, Any], expected: tuple[Any, ...]) -> None:
    text = json.dumps(body).encode()
    assert facts(read(dialect, text, JSON)) == expected
    assert facts(read(dialect, gzip.compress(text), JSON, "gzip", step=5)) == expected


@pytest.mark.parametrize(
    ("dialect", "body", "error_type"),
    [
        (
            Dialect.ANTHROPIC,
            {"type": "error", "error": {"type": "overloaded_error", "message": "x"}},
            "overloaded_error",
        ),
        (Dialect.OPENAI_CHAT, {"error": {"type": "invalid_request_error", "code": None}}, "invalid_request_error"),
        (Dialect.OPENAI_CHAT, {"error": {"type": None, "code": 404}}, "404"),
        (Dialect.OPENAI_CHAT, {"error": "model not found"}, "error"),
        (Dialect.OPENAI_RESPONSES, {"error": {"code": "rate_limit_exceeded"}}, "rate_limit_exceeded"),
    ],
)
def test_an_error_body(dialect: Dialect, body: dict[str, Any], error_type: str) -> None:
    meter = read(dialect, json.dumps(body).encode(), JSON)
    assert (meter.usage, meter.error_type, meter.complete) == (None, error_type, False)


def test_error_events() -> None:
    broken = message_start(input_tokens=5, output_tokens=1) + event(
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    )
    meter = read(Dialect.ANTHROPIC, broken)
    assert (meter.error_type, meter.usage, meter.complete) == ("overloaded_error", Usage(5, 1), False)

    meter = read(Dialect.OPENAI_CHAT, event({"error": {"type": "server_error"}}) + event("[DONE]"))
    assert (meter.error_type, meter.complete) == ("server_error", False)

    late = chunk([{"delta": {}, "finish_reason": "stop"}]) + event({"error": {"type": "server_error"}})
    meter = read(Dialect.OPENAI_CHAT, late)
    assert (meter.error_type, meter.complete) == ("server_error", False)

    meter = read(Dialect.OPENAI_RESPONSES, event({"type": "error", "code": "server_error", "message": "x"}))
    assert (meter.error_type, meter.complete) == ("server_error", False)

    failed = response("response.failed", error={"code": "server_error"}, usage=RESPONSES_USAGE)
    meter = read(Dialect.OPENAI_RESPONSES, failed)
    assert (meter.error_type, meter.complete) == ("server_error", False)
    assert meter.usage == RESPONSES_FACTS[0]


def test_an_incomplete_response_has_come_to_its_end() -> None:
    meter = read(Dialect.OPENAI_RESPONSES, response("response.incomplete", usage=RESPONSES_USAGE))
    assert meter.complete
    assert meter.usage == RESPONSES_FACTS[0]


def test_error_types_are_fit_for_a_screen() -> None:
    meter = read(Dialect.OPENAI_CHAT, json.dumps({"error": {"type": "a\x1b[31m\n" + "b" * 1000}}).encode(), JSON)
    assert meter.error_type.startswith("a[31mb")
    assert len(meter.error_type) <= 128


# Usage as providers differ in it


def test_message_delta_may_correct_the_input() -> None:
    stream = message_start(input_tokens=0, output_tokens=0) + message_delta(
        input_tokens=50, cache_read_input_tokens=7, output_tokens=9
    )
    assert read(Dialect.ANTHROPIC, stream + STOP).usage == Usage(57, 9, 7)


def test_message_delta_with_zeros_keeps_the_input() -> None:
    stream = message_start(input_tokens=50, cache_read_input_tokens=7, output_tokens=3)
    stream += message_delta(input_tokens=0, cache_read_input_tokens=0, output_tokens=9)
    assert read(Dialect.ANTHROPIC, stream).usage == Usage(57, 9, 7)


def test_cumulative_usage_is_not_added_up() -> None:
    stream = message_start(input_tokens=50, output_tokens=1)
    stream += message_delta(output_tokens=10) + message_delta(output_tokens=25)
    assert read(Dialect.ANTHROPIC, stream).usage == Usage(50, 25)


def test_an_explicit_zero_stays_zero() -> None:
    stream = message_start(input_tokens=50, output_tokens=1) + message_delta(output_tokens=0)
    assert read(Dialect.ANTHROPIC, stream).usage == Usage(50, 0)
    chat = chunk([], usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})
    assert read(Dialect.OPENAI_CHAT, chat).usage == Usage()


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}])
def test_usage_that_says_nothing_is_none(usage: object) -> None:
    assert read(Dialect.OPENAI_CHAT, chunk([], usage=usage)).usage is None
    assert read(Dialect.OPENAI_RESPONSES, response("response.completed", usage=usage)).usage is None
    assert read(Dialect.ANTHROPIC, event({"type": "message_delta", "usage": usage})).usage is None


def test_cache_writes_without_a_breakdown_are_five_minute_writes() -> None:
    assert read(Dialect.ANTHROPIC, message_start(input_tokens=1, cache_creation_input_tokens=9)).usage == Usage(
        10, 0, 0, 9
    )


def test_a_breakdown_larger_than_the_total_counts() -> None:
    usage = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6}
    stream = message_start(input_tokens=1, cache_creation_input_tokens=9, cache_creation=usage)
    assert read(Dialect.ANTHROPIC, stream).usage == Usage(11, 0, 0, 4, 6)


def test_compaction_on_the_server_is_added() -> None:
    iterations = [
        {"type": "message", "input_tokens": 10, "output_tokens": 5},
        {"type": "compaction", "input_tokens": 1000, "cache_read_input_tokens": 20, "output_tokens": 300},
    ]
    stream = message_start(input_tokens=10, output_tokens=1) + message_delta(output_tokens=5, iterations=iterations)
    assert read(Dialect.ANTHROPIC, stream + STOP).usage == Usage(1030, 305, 20)


def test_usage_in_the_last_ordinary_chunk() -> None:
    stream = chunk([{"delta": {}, "finish_reason": "stop"}], usage={"prompt_tokens": 5, "completion_tokens": 6})
    meter = read(Dialect.OPENAI_CHAT, stream)
    assert (meter.usage, meter.complete) == (Usage(5, 6), True)


def test_reasoning_that_is_no_part_of_the_output_is_added() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 30}}
    assert read(Dialect.OPENAI_CHAT, chunk([], usage=usage)).usage == Usage(10, 35, 0, 0, 0, 30)


def test_deepseek_names_its_cache_hits_otherwise() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8}
    assert read(Dialect.OPENAI_CHAT, chunk([], usage=usage)).usage == Usage(10, 5, 8)


# Metering never raises

BAD_COUNTS = [-1, -(10**12), 10**12, 10**40, 1.5, "5", True, [], {}, "NaN"]


@pytest.mark.parametrize("count", BAD_COUNTS)
def test_impossible_counts(count: object) -> None:
    for dialect, stream in (
        (Dialect.ANTHROPIC, message_start(input_tokens=7) + message_delta(output_tokens=count)),
        (Dialect.OPENAI_CHAT, chunk([], usage={"prompt_tokens": 7, "completion_tokens": count})),
        (Dialect.OPENAI_RESPONSES, response("response.completed", usage={"input_tokens": 7, "output_tokens": count})),
    ):
        meter = read(dialect, stream)
        assert meter.malformed
        assert meter.usage == Usage(7, 0)


def test_a_count_as_a_whole_float_is_a_count() -> None:
    meter = read(Dialect.OPENAI_CHAT, chunk([], usage={"prompt_tokens": 7.0, "completion_tokens": 1e2}))
    assert (meter.usage, meter.malformed) == (Usage(7, 100), False)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "delta", "message", "usage", "choices", "response", "error", "id", "output_tokens"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.sampled_from(Dialect), st.lists(json_values, max_size=4))
def test_any_json_is_survived(dialect: Dialect, parts: list[Any]) -> None:
    stream = b"".join(event(json.dumps(part), "x") for part in parts)
    good = {Dialect.ANTHROPIC: ANTHROPIC, Dialect.OPENAI_CHAT: CHAT, Dialect.OPENAI_RESPONSES: RESPONSES}[dialect]
    meter = read(dialect, stream + good)
    assert meter.usage is not None  # what comes after still counts
    for part in parts:
        read(dialect, json.dumps(part).encode(), JSON)


@given(
    st.sampled_from(Dialect), st.binary(max_size=200), st.sampled_from([STREAM, JSON]), st.sampled_from(["", "gzip"])
)
def test_any_bytes_are_survived(dialect: Dialect, body: bytes, content_type: str, encoding: str) -> None:
    meter = read(dialect, body, content_type, encoding, step=7)
    assert meter.usage is None


@each_stream
def test_broken_events_on_the_way_are_flagged(dialect: Dialect, stream: bytes, expected: tuple[Any, ...]) -> None:
    for broken in (b"data: {\n\n", b"data: <html>\n\n", b"data: " + b"[" * 100_000 + b"\n\n", b'data: {"type":5}\n\n'):
        meter = read(dialect, broken + stream)
        assert facts(meter)[:6] == expected[:6]


def test_html_is_malformed() -> None:
    meter = read(Dialect.ANTHROPIC, b"<html>Bad gateway</html>", "text/html")
    assert (meter.usage, meter.malformed) == (None, True)


@pytest.mark.parametrize("content_type", [STREAM, JSON])
def test_a_bomb_is_left_alone(content_type: str) -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(b" " * 1_000_000) for _ in range(200)) + squeeze.flush()
    assert len(bomb) < 300_000
    tracemalloc.start()
    meter = read(Dialect.ANTHROPIC, bomb, content_type, "gzip", step=65536)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (meter.usage, meter.malformed) == (None, True)
    assert peak < 40_000_000


def test_an_endless_body_is_dropped() -> None:
    meter = meter_for(Dialect.ANTHROPIC, JSON)
    tracemalloc.start()
    for _ in range(40):
        meter.feed(b" " * 1024 * 1024)
    left = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    meter.finish()
    assert meter.malformed
    assert left < 1_000_000


def test_an_estimate_rounds_up() -> None:
    assert estimate(0, 0) == Usage()
    assert estimate(1, 1) == Usage(1, 1)
    assert estimate(2600, 401) == Usage(1000, 101)
