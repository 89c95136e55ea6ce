"""Takes the usage chunk that we asked for out of an OpenAI chat stream whose client did not ask."""

import msgspec

from conduit_tui.wire.sse import SSEEvent, SSEParser


class _Chunk(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Chunk).decode


class UsageChunkFilter:
    """Every byte passes as it came, but for the chunk that has usage and no choices. Events pass when whole."""

    def __init__(self) -> None:
        self._parser = SSEParser()

    def feed(self, data: bytes) -> bytes:
        """What the client gets of the stream once these bytes have come."""
        return _passing(self._parser.feed(data))

    def finish(self) -> bytes:
        """What is left when the stream has ended."""
        return _passing(self._parser.finish())


def _passing(events: list[SSEEvent]) -> bytes:
    return b"".join(event.raw for event in events if not _is_usage_chunk(event.data))


def _is_usage_chunk(data: bytes) -> bool:
    if b'"usage"' not in data:
        return False
    try:
        chunk = _decode(data)
    except (msgspec.DecodeError, RecursionError):
        return False
    return chunk.choices == [] and bytes(chunk.usage).startswith(b"{")
