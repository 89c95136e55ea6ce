"""Answers of OpenAI's Responses API."""

from typing import Any

import msgspec

from conduit_tui.domain.activity import Activity
from conduit_tui.wire.content_coding import Inflater
from conduit_tui.wire.metering import NOTHING, clean, tier_of
from conduit_tui.wire.openai_usage import OpenAIMeter


class _Part(msgspec.Struct):
    text: str | None = None
    refusal: str | None = None


class _Action(msgspec.Struct):
    type: str | None = None


class _Item(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    action: _Action | None = None
    container_id: str | None = None
    content: list[_Part] | None = None
    summary: list[_Part] | None = None
    arguments: str | None = None
    input: str | None = None


class _Response(msgspec.Struct):
    id: Any = None
    model: Any = None
    usage: Any = None
    service_tier: Any = None
    error: Any = None
    output: msgspec.Raw = NOTHING


class _Event(msgspec.Struct):
    type: str | None = None
    delta: Any = None
    response: _Response | None = None
    item: msgspec.Raw = NOTHING
    code: Any = None
    error: Any = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_body = msgspec.json.Decoder(_Response).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_output = msgspec.json.Decoder(list[_Item]).decode

_TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_PREFIX = "response."
_SOUND = "response.audio.delta"
_ITEM_ADDED = "response.output_item.added"
_ITEM_DONE = "response.output_item.done"
_CLIENT_TOOLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call"})
_CALLS_TOOL = "function_call"


class OpenAIResponsesMeter(OpenAIMeter):
    """Text comes in `*.delta` events; the terminal event repeats the whole response, with its usage."""

    _input = "input_tokens"
    _output = "output_tokens"

    def __init__(self, *, stream: bool, inflater: Inflater | None = None, readable: bool = True) -> None:
        super().__init__(stream=stream, inflater=inflater, readable=readable)
        self._containers: set[str] = set()

    def _read_event(self, data: bytes) -> None:
        event = _decode_event(data)
        kind = event.type or ""
        if kind.endswith(".delta"):
            if isinstance(event.delta, str) and kind != _SOUND:
                self.output_characters += len(event.delta)
                self.activity = _activity(kind)
        elif event.response is not None:
            self._read_response(event.response)
            if kind in _TERMINAL:
                self.stop_reason = self.stop_reason or kind.removeprefix(_PREFIX)
                self.complete |= not self.error_type
        elif kind == _ITEM_ADDED:
            self.activity = _activity(_decode_item(event.item).type or "")
        elif kind == _ITEM_DONE:
            self._note_tool(_decode_item(event.item))
        elif kind == "error" and not self._read_error(event.error):
            self.error_type = clean(event.code) or "error"

    def _read_body(self, body: bytes) -> None:
        answer = _decode_body(body)
        self._read_response(answer)
        self.complete = not self.error_type
        if answer.output is not NOTHING:
            items = _decode_output(answer.output)
            self.output_characters += sum(map(_characters, items))
            for item in items:
                self._note_tool(item)
        self.stop_reason = self.stop_reason or "completed"

    def _note_tool(self, item: _Item) -> None:
        """Count an item that is the use of a tool with a fee. Opening a page that was found costs nothing."""
        if item.type in _CLIENT_TOOLS:
            self.stop_reason = _CALLS_TOOL
        extras = self.extras
        match item.type:
            case "web_search_call" if item.action is None or item.action.type in (None, "search"):
                extras = extras._replace(web_searches=extras.web_searches + 1)
            case "file_search_call":
                extras = extras._replace(file_searches=extras.file_searches + 1)
            case "code_interpreter_call":
                self._containers.add(item.container_id or item.id or "")
                extras = extras._replace(code_sessions=len(self._containers))
            case "image_generation_call":
                extras = extras._replace(images=extras.images + 1)
        self.extras = extras

    def _read_response(self, response: _Response) -> None:
        self._identify(response.id, response.model)
        self._read_error(response.error)
        if response.service_tier is not None:
            self.extras = self.extras._replace(tier=tier_of(response.service_tier))
        self._take_usage(response.usage)


def _activity(kind: str) -> Activity:
    """What an event or an item of this type brings."""
    if "reasoning" in kind:
        return Activity.THINKING
    return Activity.TOOL_USE if "call" in kind else Activity.WRITING


def _characters(item: _Item) -> int:
    parts = (*(item.content or ()), *(item.summary or ()))
    return sum(len(part.text or part.refusal or "") for part in parts) + len(item.arguments or item.input or "")
