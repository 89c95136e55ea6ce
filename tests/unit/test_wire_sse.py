import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit_tui.wire.sse import SSEEvent, SSEParser


def whatwg_events(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The standard's own algorithm, line by line over the whole stream: names and data of what is dispatched."""
    text = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events = []
    name, data = b"", b""
    for line in text.split(b"\n")[:-1]:
        if not line:
            if data:
                events.append((name, data[:-1]))
            name, data = b"", b""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if field == b"event":
                name = value
            elif field == b"data":
                data += value + b"\n"
    return events


def parse(pieces: list[bytes], **options: int) -> list[SSEEvent]:
    parser = SSEParser(**options)
    return [event for piece in pieces for event in parser.feed(piece)] + parser.finish()


lines = st.sampled_from(
    [
        b"event: ping",
        b"event:message_start",
        b"event",
        b'data: {"type":"text","text":"gr\xc3\xbc\xc3\x9fe"}',
        b"data:x",
        b"data:  two spaces",
        b"data",
        b"data:",
        b"database: no",
        b"events: no",
        b": comment",
        b":",
        b"id: 5",
        b"retry: 100",
        b" data: indented",
        b"",
        b"",
        b"",
    ]
)
endings = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    ending = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", None]))
    body = b"".join(line + (ending or draw(endings)) for line in draw(st.lists(lines, max_size=20)))
    return draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"])) + body


@st.composite
def split(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    places = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    return [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]


@given(streams())
def test_dispatches_what_the_standard_does(stream: bytes) -> None:
    ended = stream + b"\n\n"  # so that the last block has its blank line
    dispatched = [(event.event, event.data) for event in parse([ended]) if event.data]
    assert dispatched == [(name, data) for name, data in whatwg_events(ended) if data]


@given(st.data(), streams())
def test_any_split_gives_the_same_events(data: st.DataObject, stream: bytes) -> None:
    whole = parse([stream])
    assert parse(data.draw(split(stream))) == whole
    assert parse([stream[place : place + 1] for place in range(len(stream))]) == whole
    assert b"".join(event.raw for event in whole) == stream


@given(st.data(), streams(), st.integers(5, 40))
def test_with_a_limit_the_same_holds_for_what_is_dispatched(data: st.DataObject, stream: bytes, limit: int) -> None:
    whole = parse([stream], max_event_bytes=limit)
    parts = parse(data.draw(split(stream)), max_event_bytes=limit)
    assert [event[:2] for event in parts if event.data] == [event[:2] for event in whole if event.data]
    assert b"".join(event.raw for event in parts) == stream


def test_the_usual_event() -> None:
    raw = b'event: content_block_delta\ndata: {"type":"content_block_delta"}\n\n'
    assert parse([raw]) == [SSEEvent(b"content_block_delta", b'{"type":"content_block_delta"}', raw)]


def test_events_come_as_soon_as_they_are_whole() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: a\n") == []
    assert [event.data for event in parser.feed(b"\ndata: b\n\ndata: c")] == [b"a", b"b"]
    assert [event.data for event in parser.feed(b"\r\n\r\n")] == [b"c"]


def test_an_event_that_is_too_long_is_passed_over_in_bounded_memory() -> None:
    parser = SSEParser(max_event_bytes=1000)
    passed = b""
    for _ in range(1000):
        events = parser.feed(b"x" * 100)
        passed += b"".join(event.raw for event in events)
        assert not any(event.data for event in events)
        assert len(passed) >= _ * 100 - 1000  # it is not kept
    assert parser.malformed
    after = parser.feed(b"\n\ndata: next\n\n")
    assert [event.data for event in after] == [b"", b"next"]
    assert passed + after[0].raw == b"x" * 100_000 + b"\n\n"


@pytest.mark.parametrize("filler", [b"x", b"\r", b"\n", b"data: x\r", b"data: x\n"])
def test_byte_sized_pieces_take_linear_time(filler: bytes) -> None:
    def seconds(size: int) -> float:
        stream = (filler * size)[:size]
        parser = SSEParser()
        before = time.process_time()
        for place in range(size):
            parser.feed(stream[place : place + 1])
        return time.process_time() - before

    seconds(1000)
    small, large = min(seconds(10_000) for _ in range(3)), seconds(160_000)
    assert large < 16 * small * 4 + 0.1  # quadratic would be 256 times
