"""Server-sent events as the WHATWG standard reads them, from bytes that are split anywhere."""

import re
from typing import NamedTuple

MAX_EVENT_BYTES = 8 * 1024 * 1024

_BLANK_LINE = re.compile(rb"(?>\r\n?|\n)(?>\r\n?|\n)")
_BLANK_LINE_LENGTH = 4  # bytes at most
_LINE_END = re.compile(rb"\r\n?|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SSEEvent(NamedTuple):
    """One block of a stream, up to and with the blank line that ends it.

    `event` is the event's name (empty: none given), `data` its data lines joined by newlines (empty: comments and other
    fields only), `raw` the bytes as they came. The `raw` of all events together are the stream.
    """

    event: bytes
    data: bytes
    raw: bytes


class SSEParser:
    """Gives the same events however the bytes are split, in linear time.

    A block longer than `max_event_bytes` sets `malformed`; its bytes come out as events without data.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.malformed = False
        self._limit = max_event_bytes
        self._pending = bytearray()
        self._searched = 0  # no blank line begins before this place in `_pending`
        self._skipping = False  # within a block that is too long
        self._has_carriage_returns = False  # until one comes, a faster search will do
        self._at_start = True

    def feed(self, data: bytes) -> list[SSEEvent]:
        """The events that these bytes complete."""
        if not self._has_carriage_returns and b"\r" in data:
            self._has_carriage_returns = True
        pending = self._pending
        text: bytes | bytearray = data
        if pending:
            pending += data
            text = pending
        events = []
        start, search_from = 0, self._searched
        while (end := self._block_end(text, search_from)) >= 0:
            events.append(self._event(bytes(text[start:end])))
            start = search_from = end
        if text is pending:
            del pending[:start]
        else:
            pending += text[start:]
        if len(pending) > self._limit or (self._skipping and pending):
            events.append(self._skip())
        self._searched = max(0, len(pending) - _BLANK_LINE_LENGTH + 1)
        return events

    def finish(self) -> list[SSEEvent]:
        """What is left at the end of the stream, as one event.

        The standard drops a block without its blank line. It is read here: a provider that leaves out the last blank
        line has billed for what the block says.
        """
        if not self._pending:
            return []
        event = self._event(bytes(self._pending))
        self._pending.clear()
        self._searched = 0
        return [event]

    def _block_end(self, text: bytes | bytearray, search_from: int) -> int:
        if not self._has_carriage_returns:
            place = text.find(b"\n\n", search_from)
            return place + 2 if place >= 0 else -1
        match = _BLANK_LINE.search(text, search_from)
        if match is None or (match.end() == len(text) and text.endswith(b"\r")):
            return -1  # the line feed of a last CR LF may be still to come
        return match.end()

    def _event(self, raw: bytes) -> SSEEvent:
        if self._skipping or len(raw) > self._limit:
            self.malformed = True
            self._skipping = False
            return SSEEvent(b"", b"", raw)
        block = raw
        if self._at_start:
            self._at_start = False
            block = raw.removeprefix(_BYTE_ORDER_MARK)
        name = data = b""
        more: list[bytes] | None = None
        for line in _LINE_END.split(block) if self._has_carriage_returns else block.split(b"\n"):
            if line.startswith(b"data"):
                value = _value(line, 4)
                if value is None:
                    continue
                if more is None:
                    data, more = value, []
                else:
                    more.append(value)
            elif line.startswith(b"event"):
                value = _value(line, 5)
                if value is not None:
                    name = value
        if more:
            data = b"\n".join((data, *more))
        return SSEEvent(name, data, raw)

    def _skip(self) -> SSEEvent:
        """Give up on the pending block, but for what may be the beginning of its blank line."""
        self.malformed = self._skipping = True
        keep = self._pending[-_BLANK_LINE_LENGTH + 1 :]
        raw = bytes(self._pending[: -len(keep)])
        self._pending[:] = keep
        return SSEEvent(b"", b"", raw)


def _value(line: bytes, name_length: int) -> bytes | None:
    """The value of a field whose name has this length; None if the name goes on."""
    separator = line[name_length : name_length + 2]
    if separator == b": ":
        return line[name_length + 2 :]
    if not separator:
        return b""
    return line[name_length + 1 :] if separator.startswith(b":") else None
