"""Lines of JSON are found in whatever pieces they come, and nothing else is kept."""

import json
import random
import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conduit_tui.domain.runs import Reported, RunUsage
from conduit_tui.domain.usage import Usage
from conduit_tui.launch.account import Account
from conduit_tui.launch.joining import Joining
from conduit_tui.launch.lines import LONGEST_LINE, JsonLines

WANTED = [{"type": "result", "n": n, "modelUsage": {}, "text": "näïve\u2028 { [ "} for n in range(3)]
NOISE = [
    "",
    "x",
    "{",
    "[",
    "[1, 2]",
    '{"type": "other but long enough to count"}',
    "}{" * 40,
    " {padded}",
    "\r",
    '{"result"',
]


def found_in(pieces: list[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    lines = JsonLines(found.append)
    for piece in pieces:
        lines.feed(piece)
    lines.close()
    return found


@given(st.lists(st.sampled_from([*NOISE, *map(json.dumps, WANTED)]), max_size=30), st.randoms(use_true_random=False))
def test_any_cut_finds_the_same(lines: list[str], chance: random.Random) -> None:
    data = "\n".join(lines).encode()
    pieces, at = [], 0
    while at < len(data):
        size = chance.choice([1, 2, 7, 40, 1000])
        pieces.append(data[at : at + size])
        at += size
    expected = [json.loads(line) for line in lines if line.startswith('{"type": "result"')]
    assert found_in(pieces) == found_in([data]) == expected


def test_a_line_without_end_is_not_kept() -> None:
    tracemalloc.start()
    try:
        lines = JsonLines(lambda _: None)
        for _ in range(200):
            lines.feed(b'{"type": "result", ' * 10_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * LONGEST_LINE
    found: list[dict[str, Any]] = []
    lines = JsonLines(found.append)
    lines.feed(b'{"type": "result", ' * 1_000_000)
    lines.feed(b'\n{"type": "result", "after": 1}\n')
    assert found == [{"type": "result", "after": 1}]


def test_an_account_has_an_end() -> None:
    account = Account()
    for number in range(10_050):
        account.note({"type": "conduit_metadata", "data": {"usage": {"inputTokens": number}}})
    assert len(account.take_metadata()) == 10_000
    assert account.dropped == 50
    assert account.take_metadata() == []


def report(**more: Any) -> Reported:
    base = {"number": 1, "source": "conduit_metadata", "model": "m", "input_tokens": 10, "output_tokens": 2, "at": 1}
    return Reported(**{**base, **more})


TEN_AND_TWO = Usage(10, 2)


def row(id_: int, *ids: str, model: str = "m", usage: Usage = TEN_AND_TWO) -> RunUsage:
    return RunUsage(id_, model, "asked", usage, frozenset(ids))


def test_a_row_is_claimed_by_one_report() -> None:
    joining = Joining()
    joining.add([row(1, "req_1"), row(2, "req_2"), row(3, model="other", usage=Usage(110, 2, 70, 20, 10))])
    assert joining.claim(report(request_id="req_2"))
    assert not joining.claim(report(request_id="req_2"))
    assert not joining.claim(report(request_id="req_9"))
    assert joining.claim(report())
    assert not joining.claim(report())
    assert joining.claim(
        report(model="asked")
    )  # by the model that was asked for, the cached part of its prompt left out


def test_a_result_is_booked_only_of_a_run_that_the_gateway_never_saw() -> None:
    account = Account()
    account.note({"type": "result", "session_id": "s", "modelUsage": {"m": {"inputTokens": 5, "outputTokens": 1}}})
    joining = Joining()
    assert joining.waits_for(account)
    assert [each.source for each in joining.missing(account)] == ["result"]
    joining.add([row(1, "req_1")])
    assert not joining.waits_for(account)
    assert joining.missing(account) == []

    def shown(name: str, request_id: str) -> dict[str, Any]:
        message = {"id": name, "model": "m", "usage": {"input_tokens": 7, "output_tokens": 1}}
        return {"type": "assistant", "request_id": request_id, "session_id": "s", "message": message}

    account.note(shown("msg_1", "req_1"))
    assert joining.missing(account) == []
    account.note(shown("msg_2", "req_elsewhere"))
    (missing,) = joining.missing(account)
    assert (missing.source, missing.request_id, missing.whole) == ("messages", "req_elsewhere", False)
