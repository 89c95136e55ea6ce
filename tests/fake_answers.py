"""What the fake provider answers: one scripted answer and one request become the pieces of a body.

A scripted answer is a JSON object with any of these keys.

What is said
    text, blocks       a string; or [{"type": "text" | "thinking" | "tool_use", "text", "name", "input"}, ...];
                       no tool is called where none is offered
    words              a number: that many words of filler text
    stop               "end", "length", "tool" (by default if there is a tool call), "refusal"
    model, id          instead of the request's model and of an id made from the conversation
    usage              {"input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning"}, or "missing"
    usage_native       the dialect's own usage object as it is (Anthropic streams: {"message_start", "message_delta"})
    cumulative         a number: so many extra message_delta events on the way, with growing output_tokens (Anthropic)
    status, message    an error answer of the dialect; `code` sets OpenAI's error code
    body, raw_body     any JSON value, or any text, as the whole body
    events             raw texts, each sent as it is, as the whole event stream
    bomb               a number: that many blanks behind gzip
    content_type       instead of the right one
    headers            [[name, value], ...] instead of or beside the usual ones; value null takes one away
    refuse_stream_options   400 if the request has stream_options
How the events are bent
    crlf, cr, bom, comments, split_data, unknown_events   true
    event_lines        false: no `event:` lines
    bad_json, html     a number: before that event comes one with broken JSON, or a piece of HTML
    error_event        {"after": number of events, "status", "message"}: then the stream ends
    drop_last          a number: so many events are missing at the end
How the body travels (carried out by the server)
    encoding           "gzip" or "deflate"
    framing            "chunked", "length" or "close"; by default chunked for streams, length for the rest
    chunks             "event" (default), "whole", "byte", a number of bytes, or {"random": seed}
    segments           the same for the bytes on the wire, framing included; by default as they come
    ttft, first_gap, gap, stall   seconds before the head, after the head, between pieces; {"after": pieces, "seconds"}
    informational      [[status, [[name, value], ...]], ...] before the head
    early              answer at the end of the request's head; the body is read afterwards
    hang               "before", "head", or a number of pieces after which nothing more comes
    cut                {"wire" | "body" | "pieces": number, "how": "fin" | "rst"}
    close              say `connection: close`; drop: close after the answer without having said so
    raw_wire           Latin-1 text that is sent instead of any HTTP answer
The word @MONOTONIC-NANO@ in a piece becomes the clock's value at the moment it is sent.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from fake_bending import Spec, bend_events

from conduit_tui.demo.dialects import (
    Block,
    Reply,
    Text,
    Thinking,
    ToolCall,
    anthropic,
    compact,
    openai_chat,
    openai_responses,
)
from conduit_tui.domain.usage import Usage

KEYS = frozenset(
    re.findall(
        r"[a-z_0-9]+",
        """
    text blocks words stop model id usage usage_native cumulative status message code body raw_body events bomb
    content_type headers refuse_stream_options crlf cr bom comments split_data unknown_events event_lines bad_json html
    error_event drop_last encoding framing chunks segments ttft first_gap gap stall informational early hang cut close
    drop raw_wire
""",
    )
)
ANTHROPIC_MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")
OPENAI_MODELS = ("gpt-6.1-sol", "gpt-5.5", "gpt-5.4-mini")
CREATED = 1_763_900_000
IMAGE_TOKENS = 1_500
DEFAULT_TEXT = "Hello from the fake provider: naïve café, 漢字, 🙂 and a \\ backslash."
EVENT_STREAM = "text/event-stream; charset=utf-8"

Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """An answer ready to be sent: `pieces` are the body before chunking; `stream` says how it is framed by default."""

    status: int
    headers: Headers
    pieces: list[bytes]
    stream: bool = False


def answer(spec: Spec, method: str, path: str, headers: dict[str, str], body: bytes, number: int) -> Answer:
    """What a provider would say to this request, as the script bends it."""
    endpoint = path.partition("?")[0]
    speaks_anthropic = "anthropic-version" in headers or endpoint.endswith(("/messages", "/count_tokens"))
    request_id = f"req_fake{number:08d}"
    usual = [("request-id" if speaks_anthropic else "x-request-id", request_id)]
    if speaks_anthropic:
        usual += [("anthropic-ratelimit-requests-remaining", "3999"), ("anthropic-organization-id", "fake-org")]
    else:
        usual += [
            ("openai-version", "2020-10-01"),
            ("openai-processing-ms", "12"),
            ("x-ratelimit-limit-requests", "500"),
        ]

    def whole(value: object, status: int = 200) -> Answer:
        return Answer(status, _bend_headers(spec, "application/json", usual), [compact(value).encode()])

    def error(status: int, text: str, code: str | None = None, param: str | None = None) -> Answer:
        if speaks_anthropic:
            return whole(anthropic.error_body(status, text, request_id), status)
        return whole(openai_chat.error_body(status, text, code=code, param=param), status)

    status = int(spec.get("status", 200))
    if method == "HEAD" or endpoint in ("/", "/api/hello"):
        return Answer(status, _bend_headers(spec, "text/plain", usual), [])
    if "raw_body" in spec:
        kind = "text/html" if spec["raw_body"].startswith("<") else "application/json"
        return Answer(status, _bend_headers(spec, kind, usual), [spec["raw_body"].encode()])
    if "body" in spec:
        return whole(spec["body"], status)
    if "bomb" in spec:
        usual.append(("content-encoding", "gzip"))
        return Answer(status, _bend_headers(spec, "application/json", usual), list(_bomb(spec["bomb"])))
    if status >= 400:
        return error(status, spec.get("message", f"Scripted error {status}"), spec.get("code"))
    if endpoint.endswith("/models"):
        return whole(
            anthropic.models_body(ANTHROPIC_MODELS) if speaks_anthropic else openai_chat.models_body(OPENAI_MODELS)
        )
    if "/models/" in endpoint:
        listed = anthropic.models_body(ANTHROPIC_MODELS) if speaks_anthropic else openai_chat.models_body(OPENAI_MODELS)
        wanted = endpoint.rpartition("/")[2]
        found = [model for model in listed["data"] if model["id"] == wanted]
        return whole(found[0]) if found else error(404, f"model: {wanted}")
    try:
        request = json.loads(body)
    except ValueError:
        return error(400, "The request body is not valid JSON")
    if endpoint.endswith("/count_tokens"):
        return whole({"input_tokens": prompt_tokens(request)})
    if spec.get("refuse_stream_options") and "stream_options" in request:
        return error(400, "Unknown parameter: 'stream_options'.", "unknown_parameter", "stream_options")
    reply = make_reply(spec, request)
    streamed = request.get("stream") is True
    if endpoint.endswith("/chat/completions"):
        asked = bool((request.get("stream_options") or {}).get("include_usage"))
        events = list(openai_chat.stream(reply, include_usage=asked)) if streamed else []
        value = openai_chat.completion(reply)
    elif endpoint.endswith("/responses"):
        events = list(openai_responses.stream(reply)) if streamed else []
        value = openai_responses.response(reply)
    elif endpoint.endswith("/messages"):
        events = list(anthropic.stream(reply)) if streamed else []
        value = anthropic.message(reply)
    else:
        return error(404, f"No such endpoint: {endpoint}")
    if not streamed:
        if "usage_native" in spec:
            value["usage"] = spec["usage_native"]
        return whole(value)
    pieces = [text.encode() for text in spec["events"]] if "events" in spec else bend_events(spec, events)
    return Answer(200, [*_bend_headers(spec, EVENT_STREAM, usual), ("cache-control", "no-cache")], pieces, stream=True)


def make_reply(spec: Spec, request: dict[str, Any]) -> Reply:
    """What the model says, and what it counted. Equal conversations give equal replies."""
    blocks = tuple(_blocks(spec, request))
    calls_tool = any(isinstance(block, ToolCall) for block in blocks)
    identity = spec.get("id") or fingerprint(request)
    return Reply(
        id=identity,
        model=spec.get("model") or str(request.get("model")),
        created=CREATED,
        blocks=blocks,
        usage=_usage(spec, request, blocks),
        stop=spec.get("stop", "tool" if calls_tool else "end"),
    )


def fingerprint(request: dict[str, Any]) -> str:
    """Hexadecimal digits that stand for the conversation, whatever a gateway did to the rest of the request."""
    said = [request.get(key) for key in ("system", "messages", "input", "instructions")]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:22]


def prompt_tokens(request: dict[str, Any]) -> int:
    """A stable count: a token for every four characters of what the model reads, a fixed one for an image."""
    return 1 + sum(_tokens(request.get(key)) for key in ("system", "messages", "tools", "input", "instructions"))


def _tokens(value: Any) -> int:
    match value:
        case str():
            return (len(value) + 3) // 4
        case {"type": "base64" | "image_url" | "input_image"}:
            return IMAGE_TOKENS
        case dict():
            return sum(1 + _tokens(item) for item in value.values())
        case list():
            return sum(_tokens(item) for item in value)
        case _:
            return 0


def _blocks(spec: Spec, request: dict[str, Any]) -> Iterator[Block]:
    said = [block for block in spec.get("blocks", ()) if block["type"] != "tool_use" or request.get("tools")]
    if said:
        for block in said:
            match block["type"]:
                case "text":
                    yield Text(block["text"])
                case "thinking":
                    yield Thinking(block["text"])
                case "tool_use":
                    yield ToolCall(block["name"], block.get("input", {}))
    elif "words" in spec:
        yield Text(" ".join(f"word-{number:06d}" for number in range(spec["words"])))
    elif schema := _wanted_schema(request):
        yield Text(json.dumps(dict.fromkeys(schema.get("properties", {}), "Fake")))
    else:
        yield Text(spec.get("text", DEFAULT_TEXT))


def _wanted_schema(request: dict[str, Any]) -> dict[str, Any] | None:
    wanted = (request.get("output_config") or {}).get("format") or request.get("output_format") or {}
    return wanted.get("schema") if wanted.get("type") == "json_schema" else None


def _usage(spec: Spec, request: dict[str, Any], blocks: tuple[Block, ...]) -> Usage | None:
    said = spec.get("usage", {})
    if said == "missing":
        return None
    prompt = prompt_tokens(request)
    cached = "cache_control" in json.dumps(request)
    thought = sum(_tokens(block.text) for block in blocks if isinstance(block, Thinking))
    output = sum(1 + _tokens(block.arguments if isinstance(block, ToolCall) else block.text) for block in blocks)
    return Usage(
        input_tokens=said.get("input", prompt),
        output_tokens=said.get("output", output),
        cache_read_tokens=said.get("cache_read", prompt * 3 // 4 if cached else 0),
        cache_write_5m_tokens=said.get("cache_write_5m", prompt // 8 if cached else 0),
        cache_write_1h_tokens=said.get("cache_write_1h", 0),
        reasoning_tokens=said.get("reasoning", thought),
    )


def _bend_headers(spec: Spec, content_type: str, usual: Headers) -> Headers:
    headers = [("content-type", spec.get("content_type", content_type)), *usual]
    replaced = {name.lower() for name, _ in spec.get("headers", ())}
    headers = [(name, value) for name, value in headers if name.lower() not in replaced]
    return headers + [(name, value) for name, value in spec.get("headers", ()) if value is not None]


def _bomb(size: int) -> Iterator[bytes]:
    packer, blanks = zlib.compressobj(level=9, wbits=31), b" " * (1 << 20)
    for _ in range(size // len(blanks)):
        yield packer.compress(blanks)
    yield packer.compress(b"{}") + packer.flush()
