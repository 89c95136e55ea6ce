"""Answers of Anthropic's Messages API."""

from typing import Annotated, Any

import msgspec

from conduit_tui.domain.activity import Activity
from conduit_tui.domain.usage import NO_EXTRAS, Extras, Usage
from conduit_tui.wire.content_coding import Inflater
from conduit_tui.wire.metering import COUNT_LIMIT, NOTHING, Meter, clean, tier_of


class _Delta(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: Any = None


class _Message(msgspec.Struct):
    id: Any = None
    model: Any = None
    usage: Any = None


class _Started(msgspec.Struct):
    type: Any = None


class _Event(msgspec.Struct):
    type: str | None = None
    delta: _Delta | None = None
    content_block: msgspec.Raw = NOTHING
    message: _Message | None = None
    usage: Any = None
    error: Any = None


class _Body(msgspec.Struct):
    id: Any = None
    model: Any = None
    usage: Any = None
    error: Any = None
    stop_reason: Any = None
    content: msgspec.Raw = NOTHING


class _Block(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    input: msgspec.Raw = NOTHING


_Count = Annotated[int, msgspec.Meta(ge=0, le=COUNT_LIMIT)]
_Tokens = _Count | None


class _CacheCreation(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: _Tokens = None
    ephemeral_1h_input_tokens: _Tokens = None


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: _Tokens = None


class _ServerTools(msgspec.Struct, gc=False):
    web_search_requests: _Tokens = None
    code_execution_requests: _Tokens = None


class _UsualUsage(msgspec.Struct, gc=False):
    input_tokens: _Count
    output_tokens: _Count
    cache_read_input_tokens: _Tokens = None
    cache_creation_input_tokens: _Tokens = None
    cache_creation: _CacheCreation | None = None
    output_tokens_details: _OutputDetails | None = None
    server_tool_use: _ServerTools | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: None = None

    def usage(self) -> Usage:
        creation, details = self.cache_creation, self.output_tokens_details
        return _usage(
            self.input_tokens,
            self.cache_read_input_tokens or 0,
            self.cache_creation_input_tokens or 0,
            (creation.ephemeral_5m_input_tokens or 0) if creation else 0,
            (creation.ephemeral_1h_input_tokens or 0) if creation else 0,
            self.output_tokens,
            (details.thinking_tokens or 0) if details else 0,
        )

    def extras(self) -> Extras:
        tools, tier, us_only = self.server_tool_use, _tier(self.service_tier, self.speed), self.inference_geo == US_ONLY
        if not (tools or tier or us_only):
            return NO_EXTRAS
        return Extras(
            tier=tier,
            us_only=us_only,
            web_searches=(tools.web_search_requests or 0) if tools else 0,
            code_sessions=(tools.code_execution_requests or 0) if tools else 0,
        )


class _UsualBody(msgspec.Struct, gc=False):
    """What nearly every answer fits; it is read in a third of the time."""

    usage: _UsualUsage
    content: list[_Block]
    id: Any = None
    model: Any = None
    stop_reason: Any = None
    error: None = None


_decode_started = msgspec.json.Decoder(_Started).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_usual_body = msgspec.json.Decoder(_UsualBody).decode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_content = msgspec.json.Decoder(list[_Block]).decode

_COUNTS = {
    "uncached": ("input_tokens",),
    "cache_read": ("cache_read_input_tokens",),
    "cache_write": ("cache_creation_input_tokens",),
    "cache_write_5m": ("cache_creation", "ephemeral_5m_input_tokens"),
    "cache_write_1h": ("cache_creation", "ephemeral_1h_input_tokens"),
    "output": ("output_tokens",),
    "thinking": ("output_tokens_details", "thinking_tokens"),
}
_TOOLS = {
    "web_searches": ("server_tool_use", "web_search_requests"),
    "code_sessions": ("server_tool_use", "code_execution_requests"),
}
US_ONLY = "us"
_ACTIVITIES = {
    "thinking": Activity.THINKING,
    "redacted_thinking": Activity.THINKING,
    "tool_use": Activity.TOOL_USE,
    "server_tool_use": Activity.TOOL_USE,
    "mcp_tool_use": Activity.TOOL_USE,
}


class AnthropicMeter(Meter):
    """`message_start` has the input, each `message_delta` the usage up to there; `message_stop` is the end."""

    def __init__(self, *, stream: bool, inflater: Inflater | None = None, readable: bool = True) -> None:
        super().__init__(stream=stream, inflater=inflater, readable=readable)
        self._said: dict[str, int] = {}
        self._first_output = 0
        self._compactions: list[Usage] = []

    def _read_event(self, data: bytes) -> None:
        event = _decode_event(data)
        match event.type:
            case "content_block_delta":
                delta = event.delta
                if delta is not None:
                    self.output_characters += len(delta.text or delta.thinking or delta.partial_json or "")
            case "content_block_start":
                if event.content_block is not NOTHING:
                    block = clean(_decode_started(event.content_block).type)
                    self.activity = _ACTIVITIES.get(block, Activity.WRITING)
            case "message_start":
                if event.message is not None:
                    self._identify(event.message.id, event.message.model)
                    self._read_usage(event.message.usage)
                    # A token that has only begun: what the deltas say counts, even if it is 0.
                    self._first_output = self._said.pop("output", 0)
            case "message_delta":
                if event.delta is not None:
                    self.stop_reason = clean(event.delta.stop_reason) or self.stop_reason
                self._read_usage(event.usage)
            case "message_stop":
                self.complete = True
            case "error":
                self._read_error(event.error)

    def _read_body(self, body: bytes) -> None:
        try:
            answer = _decode_usual_body(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._read_odd_body(body)
            return
        self._identify(answer.id, answer.model)
        self.complete = True
        self.usage = answer.usage.usage()
        self.extras = answer.usage.extras()
        self.stop_reason = clean(answer.stop_reason)
        self._count_characters(answer.content)

    def _read_odd_body(self, body: bytes) -> None:
        answer = _decode_body(body)
        if self._read_error(answer.error):
            return
        self._identify(answer.id, answer.model)
        self.complete = True
        self.stop_reason = clean(answer.stop_reason)
        self._read_usage(answer.usage)
        if answer.content is not NOTHING:
            self._count_characters(_decode_content(answer.content))

    def _count_characters(self, content: list[_Block]) -> None:
        for block in content:
            self.output_characters += len(block.text or block.thinking or "")
            if block.input is not NOTHING:
                self.output_characters += memoryview(block.input).nbytes

    def _read_usage(self, usage: Any) -> None:
        counts = self._counts(usage)
        for name, count in self._read_counts(counts).items():
            # Cumulative, so a smaller number later is one that the provider does not keep up.
            self._said[name] = max(count, self._said.get(name, 0))
        self._read_extras(counts)
        iterations = counts.get("iterations")
        if isinstance(iterations, list):
            # Compaction on the server is billed, but is no part of the totals.
            self._compactions = [
                _usage(**self._read_counts(entry))
                for entry in iterations
                if isinstance(entry, dict) and entry.get("type") == "compaction"
            ]
        if self._said or self._compactions:
            total = _usage(**{"output": self._first_output, **self._said})
            for compaction in self._compactions:
                total = Usage(*map(sum, zip(total, compaction, strict=True)))
            self.usage = total

    def _read_extras(self, counts: dict[str, Any]) -> None:
        known = self.extras
        used = {name: self._tokens(counts, *path) or 0 for name, path in _TOOLS.items() if path[0] in counts}
        self.extras = known._replace(
            tier=_tier(counts.get("service_tier"), counts.get("speed")) or known.tier,
            us_only=known.us_only or counts.get("inference_geo") == US_ONLY,
            **{name: max(count, getattr(known, name)) for name, count in used.items()},
        )

    def _read_counts(self, counts: dict[str, Any]) -> dict[str, int]:
        found = {}
        for name, path in _COUNTS.items():
            if path[0] in counts and (count := self._tokens(counts, *path)) is not None:
                found[name] = count
        return found


def _tier(service_tier: object, speed: object) -> str:
    """Fast mode is a speed and no tier, but has rates of its own as tiers have."""
    return tier_of(speed) or tier_of(service_tier)


def _usage(
    uncached: int = 0,
    cache_read: int = 0,
    cache_write: int = 0,
    cache_write_5m: int = 0,
    cache_write_1h: int = 0,
    output: int = 0,
    thinking: int = 0,
) -> Usage:
    """One shape for every dialect: Anthropic's `input_tokens` are only those that the cache has no part in."""
    write = max(cache_write, cache_write_5m + cache_write_1h)
    return Usage(
        input_tokens=uncached + cache_read + write,
        output_tokens=output,
        cache_read_tokens=cache_read,
        cache_write_5m_tokens=write - cache_write_1h,
        cache_write_1h_tokens=cache_write_1h,
        reasoning_tokens=min(thinking, output),
    )
