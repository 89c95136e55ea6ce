"""Server-sent events as the WHATWG standard reads them, from bytes that are split anywhere."""

import re
from typing import NamedTuple

MAX_EVENT_BYTES = 8 * 1024 * 1024

_BLANK_LINE = re.compile(rb"(?>\r\n?|\n)(?>\r\n?|\n)")
_BLANK_LINE_LENGTH = 4  # bytes at most
_LINE_END = re.compile(rb"\r\n?|\n")
_LINE_FEED, _CARRIAGE_RETURN = b"\n\r"
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
        if _CARRIAGE_RETURN in data:
            self._has_carriage_returns = True
        pending = self._pending
        if pending:
            pending += data
            if not self._holds_block():
                return self._hold_back()
            data = bytes(pending)
            pending.clear()
        if self._has_carriage_returns:
            blocks, rest = _cut(data)
            events = [self._event(block, block) for block in blocks]
        else:
            blocks = data.split(b"\n\n")
            rest = blocks.pop()
            events = [self._event(block, block + b"\n\n") for block in blocks]
        if rest:
            pending += rest
            events += self._hold_back()
        return events

    def finish(self) -> list[SSEEvent]:
        """What is left at the end of the stream, as one event.

        The standard drops a block without its blank line. It is read here: a provider that leaves out the last blank
        line has billed for what the block says.
        """
        raw = bytes(self._pending)
        self._pending.clear()
        self._searched = 0
        return [self._event(raw, raw)] if raw else []

    def _holds_block(self) -> bool:
        """Whether the pending bytes have a blank line."""
        if not self._has_carriage_returns:
            return self._pending.find(b"\n\n", self._searched) >= 0
        match = _BLANK_LINE.search(self._pending, self._searched)
        return match is not None and not _may_go_on(match, self._pending)

    def _hold_back(self) -> list[SSEEvent]:
        pending = self._pending
        skipped = []
        if len(pending) > self._limit or self._skipping:
            # Give up on this block, but for what may be the beginning of its blank line.
            self.malformed = self._skipping = True
            keep = pending[-_BLANK_LINE_LENGTH + 1 :]
            skipped.append(SSEEvent(b"", b"", bytes(pending[: -len(keep)])))
            pending[:] = keep
        self._searched = max(0, len(pending) - _BLANK_LINE_LENGTH + 1)
        return skipped

    def _event(self, block: bytes, raw: bytes) -> SSEEvent:
        if self._skipping or self._at_start or len(raw) > self._limit:
            return self._unusual_event(block, raw)
        # Nearly every event is `event: NAME`, `data: TEXT`, or the second alone.
        head, separator, data = block.partition(b"\ndata: ")
        if _LINE_FEED not in data and _LINE_FEED not in head and not self._has_carriage_returns:
            if separator:
                if head.startswith(b"event: "):
                    return SSEEvent(head[7:], data, raw)
            elif head.startswith(b"data: "):
                return SSEEvent(b"", head[6:], raw)
        return _parse(block, raw)

    def _unusual_event(self, block: bytes, raw: bytes) -> SSEEvent:
        if self._skipping or len(raw) > self._limit:
            self.malformed = True
            self._skipping = False
            return SSEEvent(b"", b"", raw)
        self._at_start = False
        return _parse(block.removeprefix(_BYTE_ORDER_MARK), raw)


def _cut(text: bytes) -> tuple[list[bytes], bytes]:
    """The whole blocks of a text that may have carriage returns, and the rest."""
    blocks, start = [], 0
    for match in _BLANK_LINE.finditer(text):
        if not _may_go_on(match, text):
            blocks.append(text[start : match.end()])
            start = match.end()
    return blocks, text[start:]


def _may_go_on(blank_line: re.Match[bytes], text: bytes | bytearray) -> bool:
    """Whether the blank line ends in a carriage return whose line feed may be still to come."""
    return blank_line.end() == len(text) and text.endswith(b"\r")


def _parse(block: bytes, raw: bytes) -> SSEEvent:
    name = b""
    data = []
    for line in _LINE_END.split(block):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return SSEEvent(name, b"\n".join(data), raw)
