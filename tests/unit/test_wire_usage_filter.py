import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conduit_tui.wire.usage_filter import UsageChunkFilter


def chunk(**members: Any) -> bytes:
    return b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", **members}).encode() + b"\n\n"


USAGE = chunk(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2})
DONE = b"data: [DONE]\n\n"
KEPT = [
    chunk(choices=[{"delta": {"content": 'say "usage"'}}], usage=None),
    chunk(choices=[], prompt_filter_results=[{"usage": 1}]),
    chunk(choices=[], usage=None),
    chunk(choices=[{"delta": {}, "finish_reason": "stop"}], usage={"prompt_tokens": 1, "completion_tokens": 2}),
    b": keep-alive\n\n",
    b'data: {"usage": broken\n\n',
    b'data: "usage"\n\n',
    b'data: {"error":{"message":"usage"}}\n\n',
    b'data: {"choices":"odd","usage":{}}\r\n\r\n',
    b"\n",
]


def through(stream: bytes, cuts: list[int]) -> bytes:
    usage_filter = UsageChunkFilter()
    places = sorted(min(cut, len(stream)) for cut in cuts)
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    return b"".join(usage_filter.feed(piece) for piece in pieces) + usage_filter.finish()


@given(st.lists(st.sampled_from(KEPT), max_size=8), st.lists(st.integers(0, 1000), max_size=8))
def test_only_the_usage_chunk_is_taken_out(kept: list[bytes], cuts: list[int]) -> None:
    before = chunk(choices=[{"delta": {"content": "hi"}}]) + b"".join(kept)
    if kept and kept[-1] == b"\n":
        before += DONE  # a blank line more would be part of the chunk's block
    assert through(before + USAGE + DONE, cuts) == before + DONE


@given(st.lists(st.integers(0, 1000), max_size=8))
def test_the_usage_chunk_goes_with_other_line_ends_too(cuts: list[int]) -> None:
    assert through((KEPT[0] + USAGE + DONE).replace(b"\n", b"\r\n"), cuts) == (KEPT[0] + DONE).replace(b"\n", b"\r\n")


def test_a_stream_that_is_cut_loses_nothing() -> None:
    stream = KEPT[0] + KEPT[1][:30]
    assert through(stream, [5]) == stream


def test_a_stream_that_ends_with_usage_and_no_blank_line() -> None:
    assert through(KEPT[0] + USAGE.rstrip(b"\n"), []) == KEPT[0]


def test_an_event_passes_as_soon_as_it_is_whole() -> None:
    usage_filter = UsageChunkFilter()
    assert usage_filter.feed(KEPT[0]) == KEPT[0]
    assert usage_filter.feed(USAGE + KEPT[1][:10]) == b""
    assert usage_filter.feed(KEPT[1][10:]) == KEPT[1]


def test_an_event_without_end_passes_in_pieces() -> None:
    usage_filter = UsageChunkFilter()
    piece = b"x" * 1_000_000
    passed = b"".join(usage_filter.feed(piece) for _ in range(12))
    assert len(passed) > 2_000_000
    assert passed + usage_filter.finish() == piece * 12
