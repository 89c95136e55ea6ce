"""Answers of OpenAI's Responses API."""

from typing import Any

import msgspec

from conduit_tui.wire.metering import NOTHING, clean
from conduit_tui.wire.openai_usage import OpenAIMeter


class _Part(msgspec.Struct):
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    content: list[_Part] | None = None
    summary: list[_Part] | None = None
    arguments: str | None = None
    input: str | None = None


class _Response(msgspec.Struct):
    id: Any = None
    model: Any = None
    usage: Any = None
    error: Any = None
    output: msgspec.Raw = NOTHING


class _Event(msgspec.Struct):
    type: str | None = None
    delta: Any = None
    response: _Response | None = None
    code: Any = None
    error: Any = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_body = msgspec.json.Decoder(_Response).decode
_decode_output = msgspec.json.Decoder(list[_Item]).decode

_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_SOUND = "response.audio.delta"


class OpenAIResponsesMeter(OpenAIMeter):
    """Text comes in `*.delta` events; the terminal event repeats the whole response, with its usage."""

    _input = "input_tokens"
    _output = "output_tokens"

    def _read_event(self, data: bytes) -> None:
        event = _decode_event(data)
        kind = event.type or ""
        if kind.endswith(".delta"):
            if isinstance(event.delta, str) and kind != _SOUND:
                self.output_characters += len(event.delta)
        elif event.response is not None:
            self._read_response(event.response)
            self.complete |= kind in _TERMINAL and not self.error_type
        elif kind == "error" and not self._read_error(event.error):
            self.error_type = clean(event.code) or "error"

    def _read_body(self, body: bytes) -> None:
        answer = _decode_body(body)
        self._read_response(answer)
        self.complete = not self.error_type
        if answer.output is not NOTHING:
            self.output_characters += sum(map(_characters, _decode_output(answer.output)))

    def _read_response(self, response: _Response) -> None:
        self._identify(response.id, response.model)
        self._read_error(response.error)
        self._take_usage(response.usage)


def _characters(item: _Item) -> int:
    parts = (*(item.content or ()), *(item.summary or ()))
    return sum(len(part.text or part.refusal or "") for part in parts) + len(item.arguments or item.input or "")
