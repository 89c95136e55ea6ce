"""Answers of OpenAI's Chat Completions API, and of the many that imitate it."""

from typing import Any

import msgspec

from conduit_tui.domain.activity import Activity
from conduit_tui.wire.metering import clean, tier_of
from conduit_tui.wire.openai_usage import OpenAIMeter


class _Function(msgspec.Struct):
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    function: _Function | None = None


class _Part(msgspec.Struct):
    text: str | None = None


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None  # DeepSeek and others
    reasoning: str | None = None  # OpenRouter
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: Any = None


class _Answer(msgspec.Struct):
    """A chunk of a stream, or a whole answer."""

    id: Any = None
    model: Any = None
    choices: list[_Choice] | None = None
    usage: Any = None
    service_tier: Any = None
    error: Any = None


SEARCHING_MODEL = "-search-"  # such as gpt-5-search-api: each request is one search, and no count says so

_decode = msgspec.json.Decoder(_Answer).decode


class OpenAIChatMeter(OpenAIMeter):
    """Deltas, then a `finish_reason`, then usage in a chunk without choices (some put it in the last ordinary one)."""

    _input = "prompt_tokens"
    _output = "completion_tokens"

    def _read_event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.complete = not self.error_type
        else:
            self._read(data)

    def _read_body(self, body: bytes) -> None:
        self._read(body)

    def _read(self, text: bytes) -> None:
        answer = _decode(text)
        if not self.message_id:
            self._identify(answer.id, answer.model)
        if answer.error is not None:
            self._read_error(answer.error)
        if answer.service_tier is not None:
            self.extras = self.extras._replace(tier=tier_of(answer.service_tier))
        if answer.usage is not None:
            self._take_usage(answer.usage)
            if SEARCHING_MODEL in self.model:
                self.extras = self.extras._replace(web_searches=1)
        for choice in answer.choices or ():
            message = choice.delta or choice.message
            if message is not None:
                self.output_characters += _characters(message)
                self.activity = _activity(message) or self.activity
            if choice.finish_reason:
                self.stop_reason = clean(choice.finish_reason)
                self.complete = not self.error_type


def _activity(message: _Message) -> Activity | None:
    if message.tool_calls or message.function_call is not None:
        return Activity.TOOL_USE
    if message.content or message.refusal:
        return Activity.WRITING
    return Activity.THINKING if message.reasoning_content or message.reasoning else None


def _characters(message: _Message) -> int:
    content = message.content
    if isinstance(content, list):
        content = "".join(part.text or "" for part in content)
    count = len(content or "") + len(message.reasoning_content or message.reasoning or "") + len(message.refusal or "")
    for call in message.tool_calls or ():
        if call.function is not None:
            count += len(call.function.arguments or "")
    if message.function_call is not None:
        count += len(message.function_call.arguments or "")
    return count
