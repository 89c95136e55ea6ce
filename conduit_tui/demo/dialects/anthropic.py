"""Anthropic's Messages API."""

from collections.abc import Iterator
from typing import Any

from conduit_tui.demo.dialects.reply import Event, Reply, Text, Thinking, ToolCall, json_pieces, pieces
from conduit_tui.domain.usage import Usage

_STOP_REASONS = {"end": "end_turn", "length": "max_tokens", "tool": "tool_use", "refusal": "refusal"}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def stream(reply: Reply) -> Iterator[Event]:
    """The events of a streamed message."""
    start: dict[str, Any] = {**_shell(reply), "content": [], "stop_reason": None}
    if reply.usage is not None:
        start["usage"] = {**usage_body(reply.usage), "output_tokens": 1}
        start["usage"].pop("output_tokens_details", None)
    yield _event("message_start", message=start)
    for index, block in enumerate(reply.blocks):
        yield from _block_events(reply, index, block)
        if index == 0:
            yield _event("ping")
    delta = {"stop_reason": _STOP_REASONS[reply.stop], "stop_sequence": None, "stop_details": None}
    if reply.usage is None:
        yield _event("message_delta", delta=delta)
    else:
        yield _event("message_delta", delta=delta, usage=_delta_usage(reply.usage))
    yield _event("message_stop")


def message(reply: Reply) -> dict[str, Any]:
    """The body of a message that was not streamed."""
    content = [_whole_block(reply, index, block) for index, block in enumerate(reply.blocks)]
    body = {**_shell(reply), "content": content, "stop_reason": _STOP_REASONS[reply.stop]}
    if reply.usage is not None:
        body["usage"] = usage_body(reply.usage)
    return body


def usage_body(usage: Usage) -> dict[str, Any]:
    """Usage in the dialect's words: `input_tokens` is what neither came from the cache nor went into it."""
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    body: dict[str, Any] = {
        "input_tokens": usage.input_tokens - usage.cache_read_tokens - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "service_tier": "standard",
    }
    if usage.reasoning_tokens:
        body["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return body


def error_body(status: int, text: str, request_id: str) -> dict[str, Any]:
    """The body of an error answer."""
    return {
        "type": "error",
        "error": {"type": error_type(status), "message": text},
        "request_id": request_id,
    }


def error_type(status: int) -> str:
    """The provider's name for an error status."""
    return _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def models_body(models: tuple[str, ...]) -> dict[str, Any]:
    """The body of the list of models."""
    data = [
        {
            "type": "model",
            "id": model,
            "display_name": model.replace("-", " ").title(),
            "created_at": "2026-09-01T00:00:00Z",
            "lifecycle": "active",
        }
        for model in models
    ]
    return {"data": data, "has_more": False, "first_id": models[0], "last_id": models[-1]}


def _shell(reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_01{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "stop_sequence": None,
        "stop_details": None,
    }


def _delta_usage(usage: Usage) -> dict[str, Any]:
    body = usage_body(usage)
    del body["cache_creation"], body["service_tier"]
    return body


def _block_events(reply: Reply, index: int, block: Text | Thinking | ToolCall) -> Iterator[Event]:
    empty: dict[str, Any]
    match block:
        case Text(text):
            empty = {"type": "text", "text": ""}
            deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": piece} for piece in pieces(text)]
        case Thinking(text, signature):
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(text)]
            deltas.append({"type": "signature_delta", "signature": signature})
        case ToolCall(_, arguments):
            empty = {**_whole_block(reply, index, block), "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *json_pieces(arguments))]
    yield _event("content_block_start", index=index, content_block=empty)
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _whole_block(reply: Reply, index: int, block: Text | Thinking | ToolCall) -> dict[str, Any]:
    match block:
        case Text(text):
            return {"type": "text", "text": text}
        case Thinking(text, signature):
            return {"type": "thinking", "thinking": text, "signature": signature}
        case ToolCall(name, arguments):
            return {
                "type": "tool_use",
                "id": f"toolu_01{reply.id}{index:02d}",
                "name": name,
                "input": arguments,
                "caller": {"type": "direct"},
            }


def _event(event_type: str, **data: Any) -> Event:
    return Event(event_type, {"type": event_type, **data})
