"""What a stream has come to, and why an answer ended, in every dialect."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conduit_tui.domain.activity import CALLS_TOOL, Activity
from conduit_tui.domain.dialects import Dialect
from conduit_tui.wire.meter import Meter, meter_for

THINKING, WRITING, TOOL_USE = Activity

ANTHROPIC: list[tuple[dict[str, Any], Activity | None]] = [
    ({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 3, "output_tokens": 1}}}, None),
    ({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}, THINKING),
    ({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}}, THINKING),
    ({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}, WRITING),
    ({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hm"}}, WRITING),
    ({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "input": {}}}, TOOL_USE),
    ({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}, TOOL_USE),
]
CHAT: list[tuple[dict[str, Any], Activity | None]] = [
    ({"id": "c", "choices": [{"delta": {"role": "assistant", "content": ""}}]}, None),
    ({"choices": [{"delta": {"reasoning_content": "Hm"}}]}, THINKING),
    ({"choices": [{"delta": {"content": "So"}}]}, WRITING),
    ({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}]}, TOOL_USE),
    ({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}, TOOL_USE),
]
RESPONSES: list[tuple[dict[str, Any], Activity | None]] = [
    ({"type": "response.created", "response": {"id": "r", "output": []}}, None),
    ({"type": "response.output_item.added", "item": {"type": "reasoning", "summary": []}}, THINKING),
    ({"type": "response.reasoning_summary_text.delta", "delta": "Hm"}, THINKING),
    ({"type": "response.output_text.delta", "delta": "So"}, WRITING),
    ({"type": "response.function_call_arguments.delta", "delta": "{"}, TOOL_USE),
    ({"type": "response.output_item.done", "item": {"type": "function_call", "arguments": "{}"}}, TOOL_USE),
    ({"type": "response.completed", "response": {"id": "r"}}, TOOL_USE),
]


def steps(meter: Meter, events: list[tuple[dict[str, Any], Activity | None]]) -> Iterator[Activity | None]:
    for event, _ in events:
        meter.feed(f"event: {event.get('type', '')}\ndata: {json.dumps(event)}\n\n".encode())
        yield meter.activity


@pytest.mark.parametrize(
    ("dialect", "events"),
    [(Dialect.ANTHROPIC, ANTHROPIC), (Dialect.OPENAI_CHAT, CHAT), (Dialect.OPENAI_RESPONSES, RESPONSES)],
)
def test_a_stream_shows_what_it_has_come_to(
    dialect: Dialect, events: list[tuple[dict[str, Any], Activity | None]]
) -> None:
    meter = meter_for(dialect, "text/event-stream")
    assert list(steps(meter, events)) == [activity for _, activity in events]
    assert meter.stop_reason in CALLS_TOOL
    assert not meter.malformed


@pytest.mark.parametrize(
    ("dialect", "body", "stop"),
    [
        (Dialect.ANTHROPIC, {"content": [], "stop_reason": "end_turn", "usage": {"input_tokens": 1}}, "end_turn"),
        (Dialect.OPENAI_CHAT, {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}, "stop"),
        (Dialect.OPENAI_RESPONSES, {"output": [{"type": "function_call", "arguments": "{}"}]}, "function_call"),
        (Dialect.OPENAI_RESPONSES, {"output": [{"type": "message", "content": []}]}, "completed"),
    ],
)
def test_a_whole_answer_says_why_it_ended(dialect: Dialect, body: dict[str, Any], stop: str) -> None:
    meter = meter_for(dialect, "application/json")
    meter.feed(json.dumps(body).encode())
    meter.finish()
    assert meter.stop_reason == stop


@pytest.mark.parametrize("odd", [7, None, ["tool_use"], {"type": 3}])
def test_an_odd_block_or_reason_costs_no_usage(odd: Any) -> None:
    meter = meter_for(Dialect.ANTHROPIC, "text/event-stream")
    events = [
        {"type": "content_block_start", "content_block": {"type": odd}},
        {"type": "message_delta", "delta": {"stop_reason": odd}, "usage": {"output_tokens": 9}},
    ]
    list(steps(meter, [(event, None) for event in events]))
    assert meter.usage is not None
    assert meter.usage.output_tokens == 9
    assert not meter.malformed
