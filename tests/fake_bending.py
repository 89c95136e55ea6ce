"""How the fake provider bends what it says: broken events, strange line endings, odd usage, torn bytes."""

import random
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from conduit_tui.demo.dialects import Event, anthropic, encode, openai_chat

Spec = dict[str, Any]


def bend_events(spec: Spec, events: list[Event]) -> list[bytes]:
    """The bytes of the events, bent as the script says."""
    events = list(_bend_usage(spec, events))
    if spec.get("drop_last"):
        events = events[: -spec["drop_last"]]
    if spec.get("error_event"):
        events = _end_in_error(spec["error_event"], events)
    pieces = [_bend_event(spec, event) for event in events]
    if "bad_json" in spec:
        pieces.insert(spec["bad_json"], _bend_event(spec, Event(events[0].name, '{"type":"broken"')))
    if "html" in spec:
        pieces.insert(spec["html"], b"<html><body>502 Bad Gateway</body></html>\n\n")
    if spec.get("unknown_events"):
        pieces.insert(1, b'event: from_the_future\ndata: {"type":"from_the_future","n":1}\n\n')
    if spec.get("comments"):
        pieces = [part for piece in pieces for part in (b": keep-alive\n\n", piece)]
    for wanted, ending in (("crlf", b"\r\n"), ("cr", b"\r")):
        if spec.get(wanted):
            pieces = [piece.replace(b"\n", ending) for piece in pieces]
    if spec.get("bom"):
        pieces[0] = b"\xef\xbb\xbf" + pieces[0]
    return pieces


def _bend_event(spec: Spec, event: Event) -> bytes:
    if spec.get("event_lines") is False:
        event = event._replace(name="")
    piece = encode(event)
    if spec.get("split_data"):
        piece = piece.replace(b'":', b'":\ndata: ', 1)
    return piece


def _bend_usage(spec: Spec, events: list[Event]) -> Iterator[Event]:
    native = spec.get("usage_native")
    for event in events:
        data = event.data
        if not isinstance(data, dict):
            yield event
        elif event.name == "message_start" and native is not None:
            yield event._replace(data={**data, "message": {**data["message"], "usage": native.get("message_start")}})
        elif event.name == "message_delta":
            if native is not None:
                data = {**data, "usage": native.get("message_delta")}
            total, extra = data.get("usage", {}).get("output_tokens"), spec.get("cumulative", 0)
            for step in range(1, extra + 1):
                grown = {**data["usage"], "output_tokens": total * step // (extra + 1)}
                yield event._replace(
                    data={**data, "delta": {"stop_reason": None, "stop_sequence": None}, "usage": grown}
                )
            yield event._replace(data=data)
        elif native is not None and data.get("usage"):
            yield event._replace(data={**data, "usage": native})
        elif native is not None and event.name in ("response.completed", "response.incomplete"):
            yield event._replace(data={**data, "response": {**data["response"], "usage": native}})
        else:
            yield event


def _end_in_error(how: dict[str, Any], events: list[Event]) -> list[Event]:
    status, text = how.get("status", 529), how.get("message", "Overloaded")
    match events[0]:
        case Event("message_start", _):
            error = {"type": anthropic.error_type(status), "message": text}
            last = Event("error", {"type": "error", "error": error})
        case Event("response.created", dict(data)):
            error = {"code": "server_error", "message": text}
            failed = {**data["response"], "status": "failed", "error": error}
            name, number = "response.failed", how["after"]
            last = Event(name, {"type": name, "sequence_number": number, "response": failed})
        case _:
            last = Event("", openai_chat.error_body(status, text))
    return [*events[: how["after"]], last]


def split(data: bytes, how: Any) -> Iterator[bytes]:
    """Cut bytes as `chunks` and `segments` say."""
    if how == "byte":
        how = 1
    if isinstance(how, int):
        for start in range(0, len(data), how):
            yield data[start : start + how]
    elif isinstance(how, dict):
        dice, start = random.Random(how["random"]), 0
        while start < len(data):
            end = start + dice.choice((1, 1, 2, 3, 5, 8, 13, 40, 200))
            yield data[start:end]
            start = end
    elif data:
        yield data


def compress(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Content-code a body piece by piece, so that each can be read when it arrives."""
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()
