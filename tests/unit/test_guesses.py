"""Wrong tokens: bounded by peer, forgotten in time, never counted against this machine's own programs. Fault X9."""

import ast
from pathlib import Path

import pytest

import conduit_tui
from conduit_tui.gateway.door import Door, Refused
from conduit_tui.gateway.guesses import MOST, PEERS, SPAN_SECONDS, Guesses
from conduit_tui.gateway.http.messages import Request

TOKEN = "conduit-right"


def request(peer: str, token: str, now: float = 0.0) -> Request:
    found = Request(
        b"POST", b"/v1/messages", [(b"host", b"localhost"), (b"x-conduit-token", token.encode())], peer, now
    )
    found._index = dict(found.headers)
    return found


def status(door: Door, asked: Request) -> int:
    try:
        door.check(asked)
    except Refused as refused:
        return refused.status
    return 200


@pytest.fixture
def door() -> Door:
    from conduit_tui.control.token import digest

    return Door((), digest(TOKEN), token_always=True)


def test_a_peer_that_guesses_is_not_heard_for_a_while(door: Door) -> None:
    found = [status(door, request("10.0.0.9", f"conduit-{n}")) for n in range(MOST + 5)]
    assert found == [401] * MOST + [429] * 5
    assert status(door, request("10.0.0.9", TOKEN)) == 429  # not even looked at
    assert status(door, request("10.0.0.8", TOKEN)) == 200
    assert status(door, request("10.0.0.9", TOKEN, SPAN_SECONDS)) == 200


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "127.9.9.9"])
def test_this_machine_does_not_lock_itself_out(door: Door, peer: str) -> None:
    assert {status(door, request(peer, "conduit-wrong")) for _ in range(MOST * 2)} == {401}
    assert status(door, request(peer, TOKEN)) == 200


def test_many_peers_fill_no_memory() -> None:
    guesses = Guesses()
    for n in range(PEERS * 2):
        guesses.note(f"peer-{n}", 0.0)
    assert len(guesses._wrong) == PEERS


def test_tokens_are_compared_in_time_that_tells_nothing() -> None:
    """Static: no `==` on a token or digest anywhere but through `hmac.compare_digest`."""
    found = []
    for path in Path(conduit_tui.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
                names = {
                    each.attr if isinstance(each, ast.Attribute) else each.id
                    for side in (node.left, *node.comparators)
                    for each in [side]
                    if isinstance(each, ast.Attribute | ast.Name)
                }
                if names & {"token", "token_digest", "secret", "credential"}:
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []
