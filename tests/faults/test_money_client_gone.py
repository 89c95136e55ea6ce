"""A client that leaves is charged for what was used: never nothing, never more than was held. Fault B4."""

import json
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from socket import SO_LINGER, SOL_SOCKET, create_connection, socket
from typing import Any, NamedTuple

import pytest

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode
from tests.gateway.raw import message
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import SOON_SECONDS, eventually

pytestmark = pytest.mark.fault

INPUT_PRICE, OUTPUT_PRICE = 4_000, 20_000  # nano-dollars per token on claude-opus-5-5
PROMPT_TOKENS = 2_000
TEXT = "word " * 200
BEFORE_USAGE = 53  # events: two that begin, 50 with four words each, one that ends the block
CHARACTERS_PER_TOKEN = 4
USAGE = {"input": PROMPT_TOKENS, "output": 260}


class Leaving(NamedTuple):
    """How the provider answers, what the client has read when it leaves, and what it is charged at least."""

    script: dict[str, Any]
    stream: bool
    until: bytes
    output_tokens: int  # of the text that was sent for certain
    prompt_tokens: int = PROMPT_TOKENS


CASES = {
    "before the first byte": Leaving({"hang": "before"}, True, b"", 0, 500),
    "before the first byte, no stream": Leaving({"hang": "before"}, False, b"", 0, 500),
    "after the head, no stream": Leaving({"hang": "head", "text": TEXT}, False, b"\r\n\r\n", 0, 500),
    "in the middle of an answer, no stream": Leaving(
        {"text": TEXT, "chunks": 150, "hang": 1, "usage": USAGE}, False, b'"type"', 0, 500
    ),
    "after the stream began": Leaving({"text": TEXT, "hang": 1, "usage": USAGE}, True, b"message_start", 0),
    "in the middle of a stream": Leaving({"text": TEXT, "hang": 20, "usage": USAGE}, True, b"content_block_delta", 1),
    "after the last delta and before the usage": Leaving(
        {"text": TEXT, "hang": BEFORE_USAGE, "usage": USAGE}, True, b"content_block_stop",
        len(TEXT) // CHARACTERS_PER_TOKEN,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, fake: FakeProvider) -> Iterator[RunningGateway]:
    budgets = [
        Budget(project="default", daily=100_000_000_000),
        Budget(project="careful", daily=100_000_000_000, mode=Mode.STRICT),
    ]
    running = RunningGateway(
        tmp_path_factory.mktemp("gone"), [fake_provider(fake.url)], projects=["careful"], budgets=budgets
    )
    yield running
    running.close()


def windows(gateway: RunningGateway) -> tuple[int, int]:
    """Spent and held in all windows."""
    with closing(sqlite3.connect(f"file:{gateway.state_dir.database}?mode=ro", uri=True)) as database:
        spent, held = database.execute(
            "SELECT coalesce(sum(spent_nanodollars), 0), coalesce(sum(held_nanodollars), 0) FROM budget_windows"
        ).fetchone()
        return spent, held


def begin(gateway: RunningGateway, project: str, case: Leaving) -> socket:
    content = json.dumps(message("x" * 4000, stream=case.stream, max_tokens=300)).encode()
    connection = create_connection(("127.0.0.1", gateway.port), timeout=40)
    head = f"POST /p/{project}/v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: sk-ant-fake\r\n"
    head += f"x-fake-script: gone\r\ncontent-length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    received = b""
    while case.until not in received:
        piece = connection.recv(65_536)
        assert piece, received
        received += piece
    return connection


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("project", ["default", "careful"])
@pytest.mark.parametrize("name", CASES)
def test_who_leaves_is_charged_for_what_was_used(
    gateway: RunningGateway, fake: FakeProvider, name: str, project: str, how: str
) -> None:
    case = CASES[name]
    fake.reset()
    fake.script("gone", case.script)
    rows, (spent, _) = len(gateway.rows()), windows(gateway)
    connection = begin(gateway, project, case)
    fake.wait_for(lambda found: found and found[-1].body_at, script="gone")
    eventually(lambda: windows(gateway)[1] > 0)
    if case.until:
        time.sleep(0.05)  # for a correction of the hold to be committed, so that it is not seen half done
    held = windows(gateway)[1]
    if how == "reset":
        connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    left = time.monotonic()
    connection.close()
    noticed = fake.wait_for(lambda found: found and found[-1].client_left_at, script="gone")[-1]
    assert noticed.client_left_at - left < SOON_SECONDS
    row = gateway.wait_rows(rows + 1)[-1].row
    least = case.prompt_tokens * INPUT_PRICE + case.output_tokens * OUTPUT_PRICE
    assert least <= row.cost_nanodollars <= held
    assert row.error_type == "client_gone"
    assert "aborted" in row.flags
    assert windows(gateway) == (spent + row.cost_nanodollars, 0)
