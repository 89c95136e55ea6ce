"""OpenAI's chat completions."""

from collections.abc import Iterator
from typing import Any

from conduit_tui.demo.dialects.reply import Event, Reply, Text, ToolCall, compact, json_pieces, pieces
from conduit_tui.domain.usage import Usage

_FINISH_REASONS = {"end": "stop", "length": "length", "tool": "tool_calls", "refusal": "content_filter"}
_ERROR_TYPES = {401: "invalid_request_error", 429: "rate_limit_error"}
_ERROR_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def stream(reply: Reply, *, include_usage: bool) -> Iterator[Event]:
    """The chunks of a streamed completion; the usage chunk comes only if it was asked for."""
    yield _chunk(reply, include_usage, {"role": "assistant", "content": "", "refusal": None})
    calls = 0
    for block in reply.blocks:
        if isinstance(block, Text):
            for piece in pieces(block.text):
                yield _chunk(reply, include_usage, {"content": piece})
        elif isinstance(block, ToolCall):
            opening = {**_tool_call(reply, calls, block), "index": calls}
            opening["function"] = {"name": block.name, "arguments": ""}
            yield _chunk(reply, include_usage, {"tool_calls": [opening]})
            for piece in json_pieces(block.arguments):
                delta = {"index": calls, "function": {"arguments": piece}}
                yield _chunk(reply, include_usage, {"tool_calls": [delta]})
            calls += 1
    yield _chunk(reply, include_usage, {}, _FINISH_REASONS[reply.stop])
    if include_usage and reply.usage is not None:
        yield Event("", {**_shell(reply, "chat.completion.chunk"), "choices": [], "usage": usage_body(reply.usage)})
    yield Event("", "[DONE]")


def completion(reply: Reply) -> dict[str, Any]:
    """The body of a completion that was not streamed."""
    text = "".join(block.text for block in reply.blocks if isinstance(block, Text))
    tool_blocks = [block for block in reply.blocks if isinstance(block, ToolCall)]
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None, "annotations": []}
    if tool_blocks:
        message["tool_calls"] = [_tool_call(reply, index, block) for index, block in enumerate(tool_blocks)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH_REASONS[reply.stop]}
    body = {**_shell(reply, "chat.completion"), "choices": [choice]}
    if reply.usage is not None:
        body["usage"] = usage_body(reply.usage)
    return body


def usage_body(usage: Usage) -> dict[str, Any]:
    """Usage in the dialect's words."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def error_body(status: int, text: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """The body of an error answer, in both OpenAI dialects."""
    kind = _ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": text, "type": kind, "param": param, "code": code or _ERROR_CODES.get(status)}}


def models_body(models: tuple[str, ...]) -> dict[str, Any]:
    """The body of the list of models."""
    data = [{"id": model, "object": "model", "created": 1_756_684_800, "owned_by": "openai"} for model in models]
    return {"object": "list", "data": data}


def _shell(reply: Reply, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{reply.id}",
        "object": kind,
        "created": reply.created,
        "model": reply.model,
        "service_tier": "default",
        "system_fingerprint": "fp_50cad350e4",
    }


def _chunk(reply: Reply, include_usage: bool, delta: dict[str, Any], finish_reason: str | None = None) -> Event:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    body = {**_shell(reply, "chat.completion.chunk"), "choices": [choice]}
    if include_usage:
        body["usage"] = None
    return Event("", body)


def _tool_call(reply: Reply, index: int, block: ToolCall) -> dict[str, Any]:
    function = {"name": block.name, "arguments": compact(block.arguments)}
    return {"id": f"call_{reply.id}{index:02d}", "type": "function", "function": function}
