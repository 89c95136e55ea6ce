"""A client that leaves closes the upstream within a second, and what was used is written down. Fault B4."""

import json
import socket
import struct
import time
from typing import Any

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.raw import message
from tests.providers import Recorded
from tests.waiting import SOON_SECONDS

pytestmark = pytest.mark.fault


def open_request(gateway: Gateway, body: dict[str, Any], script: dict[str, str]) -> socket.socket:
    content = json.dumps(body).encode()
    head = "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: sk-ant-fake\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in script.items())
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=40)
    connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
    return connection


def leave(connection: socket.socket, how: str) -> float:
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    left = time.monotonic()
    connection.close()
    return left


def read_until(connection: socket.socket, what: bytes) -> None:
    received = b""
    while what not in received:
        piece = connection.recv(65536)
        assert piece, received
        received += piece


def noticed(gateway: Gateway, script: str) -> Recorded:
    return gateway.fake.wait_for(lambda found: found and found[-1].client_left_at, script=script)[-1]


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stream", [True, False])
def test_before_the_first_byte(gateway: Gateway, how: str, stream: bool) -> None:
    before = gateway.new_rows()
    gateway.fake.reset()
    script = gateway.fake.script("silent", {"hang": "before"})
    connection = open_request(gateway, message("x" * 4000, stream=stream), script)
    gateway.fake.wait_for(lambda found: found and found[-1].body_at, script="silent")
    left = leave(connection, how)
    assert noticed(gateway, "silent").client_left_at - left < SOON_SECONDS
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.status, row.error_type) == (0, "client_gone")
    assert set(row.flags.split(",")) == {"aborted", "estimated"}
    assert row.input_tokens > 500
    assert row.cost_nanodollars > 0


@pytest.mark.parametrize("how", ["close", "reset"])
def test_in_the_middle_of_a_stream(gateway: Gateway, how: str) -> None:
    before = gateway.new_rows()
    gateway.fake.reset()
    usage = {"input": 2000, "output": 400, "cache_read": 1500}
    script = gateway.fake.script("middle", {"text": "word " * 400, "hang": 20, "usage": usage})
    connection = open_request(gateway, message(stream=True), script)
    read_until(connection, b"content_block_delta")
    left = leave(connection, how)
    assert noticed(gateway, "middle").client_left_at - left < SOON_SECONDS
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.status, row.error_type) == (200, "client_gone")
    assert (row.input_tokens, row.cache_read_tokens) == (2000, 1500)
    assert "aborted" in row.flags
    assert 0 < row.output_tokens <= 400
    assert row.cost_nanodollars > 0


def test_while_an_answer_waits_for_its_reader(gateway: Gateway) -> None:
    """The client reads nothing, so the relay is paused; its leaving is noticed all the same."""
    before = gateway.new_rows()
    gateway.fake.reset()
    script = gateway.fake.script("flood", {"text": "x" * 30_000_000, "chunks": 65536})
    connection = open_request(gateway, message(), script)
    gateway.fake.wait_for(lambda found: found and found[-1].first_byte_at, script="flood")
    left = leave(connection, "reset")
    assert noticed(gateway, "flood").client_left_at - left < SOON_SECONDS
    assert gateway.wait_rows(before + 1)[-1].row.error_type == "client_gone"


def test_the_provider_that_cuts_its_stream(gateway: Gateway) -> None:
    before = gateway.new_rows()
    usage = {"input": 2000, "output": 400}
    for how in ("fin", "rst"):
        script = gateway.fake.script(
            "cutter", {"text": "word " * 300, "usage": usage, "cut": {"pieces": 6, "how": how}}
        )
        with open_request(gateway, message(stream=True), script) as connection:
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except ConnectionResetError:
                pass
        assert b"content_block_delta" in received
        assert not received.endswith(b"0\r\n\r\n"), "a cut stream must not look whole"
    for stored in gateway.wait_rows(before + 2)[-2:]:
        assert (stored.row.status, stored.row.error_type) == (200, "upstream_body")
        assert stored.row.input_tokens == 2000
        assert stored.row.cost_nanodollars > 0
