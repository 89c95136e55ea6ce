"""OpenAI's responses."""

from collections.abc import Iterator
from typing import Any

from conduit_tui.demo.dialects.reply import Block, Event, Reply, Text, Thinking, ToolCall, compact, json_pieces, pieces
from conduit_tui.domain.usage import Usage


def stream(reply: Reply) -> Iterator[Event]:
    """The numbered events of a streamed response."""
    for number, (name, data) in enumerate(_unnumbered(reply)):
        yield Event(name, {"type": name, "sequence_number": number, **data})


def response(reply: Reply, *, status: str = "") -> dict[str, Any]:
    """The body of a response. `status` is by default what the reply's end says."""
    status = status or ("incomplete" if reply.stop == "length" else "completed")
    over = status in ("completed", "incomplete")
    return {
        "id": f"resp_{reply.id}",
        "object": "response",
        "created_at": reply.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": reply.model,
        "output": [_item(reply, index, block) for index, block in enumerate(reply.blocks)] if over else [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage_body(reply.usage) if over and reply.usage is not None else None,
        "user": None,
    }


def usage_body(usage: Usage) -> dict[str, Any]:
    """Usage in the dialect's words."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _unnumbered(reply: Reply) -> Iterator[tuple[str, dict[str, Any]]]:
    opening = response(reply, status="in_progress")
    yield "response.created", {"response": opening}
    yield "response.in_progress", {"response": opening}
    for index, block in enumerate(reply.blocks):
        whole = _item(reply, index, block)
        yield "response.output_item.added", {"output_index": index, "item": _opening_item(whole)}
        yield from _content(index, whole, block)
        yield "response.output_item.done", {"output_index": index, "item": whole}
    closing = response(reply)
    yield f"response.{closing['status']}", {"response": closing}


def _content(index: int, item: dict[str, Any], block: Block) -> Iterator[tuple[str, dict[str, Any]]]:
    where = {"item_id": item["id"], "output_index": index}
    match block:
        case Text(text):
            where["content_index"] = 0
            part = item["content"][0]
            yield "response.content_part.added", {**where, "part": {**part, "text": ""}}
            for piece in pieces(text):
                yield "response.output_text.delta", {**where, "delta": piece, "logprobs": []}
            yield "response.output_text.done", {**where, "text": text, "logprobs": []}
            yield "response.content_part.done", {**where, "part": part}
        case Thinking(text):
            where["summary_index"] = 0
            yield "response.reasoning_summary_part.added", {**where, "part": {"type": "summary_text", "text": ""}}
            for piece in pieces(text):
                yield "response.reasoning_summary_text.delta", {**where, "delta": piece}
            yield "response.reasoning_summary_text.done", {**where, "text": text}
            yield "response.reasoning_summary_part.done", {**where, "part": {"type": "summary_text", "text": text}}
        case ToolCall(_, arguments):
            for piece in json_pieces(arguments):
                yield "response.function_call_arguments.delta", {**where, "delta": piece}
            yield "response.function_call_arguments.done", {**where, "arguments": compact(arguments)}


def _item(reply: Reply, index: int, block: Block) -> dict[str, Any]:
    key = f"{reply.id}{index:02d}"
    match block:
        case Text(text):
            part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
            return {
                "id": f"msg_{key}",
                "type": "message",
                "status": "completed",
                "content": [part],
                "role": "assistant",
            }
        case Thinking(text, signature):
            summary = [{"type": "summary_text", "text": text}]
            return {"id": f"rs_{key}", "type": "reasoning", "encrypted_content": signature, "summary": summary}
        case ToolCall(name, arguments):
            return {
                "id": f"fc_{key}",
                "type": "function_call",
                "status": "completed",
                "arguments": compact(arguments),
                "call_id": f"call_{key}",
                "name": name,
            }


def _opening_item(item: dict[str, Any]) -> dict[str, Any]:
    empty = {"content": [], "summary": [], "arguments": "", "status": "in_progress"}
    return {key: empty.get(key, value) for key, value in item.items()}
