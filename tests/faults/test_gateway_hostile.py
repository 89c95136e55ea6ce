"""Clients that mean harm, and a process short of everything. Faults G7, G8, G10 and X5."""

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.fault

BODY_LIMIT = 32 * 1024 * 1024
SLOWEST_ANSWER = 5.0  # seconds, on a machine that does other things too


@pytest.fixture(scope="module")
def gateway(fake: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    running = RunningGateway(tmp_path_factory.mktemp("hostile"), [fake_provider(fake.url)])
    yield running
    running.close()


class Witness:
    """Asks for the gateway's health all the time; `slowest` is the longest that one answer took, in seconds."""

    def __init__(self, port: int) -> None:
        self.slowest = 0.0
        self.answers = 0
        self._port = port
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Witness":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=40)) as connection:
            while not self._done.wait(0.005):
                began = time.perf_counter()
                connection.request("GET", "/health")
                assert connection.getresponse().read()
                self.slowest = max(self.slowest, time.perf_counter() - began)
                self.answers += 1


def post(port: int, body: bytes) -> int:
    return ask(port, "POST", "/v1/messages", body, ANTHROPIC_HEADERS).status


def test_a_hundred_megabytes_are_refused_at_their_head(gateway: RunningGateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=40) as connection:
        began = time.monotonic()
        connection.sendall(
            b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: k\r\ncontent-length: 104857600\r\n\r\n"
        )
        assert b" 413 " in connection.recv(4096)
        assert time.monotonic() - began < SLOWEST_ANSWER


def test_chunks_without_an_end_are_refused_at_the_limit(gateway: RunningGateway) -> None:
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=40) as connection:
        connection.sendall(
            b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: k\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        piece = b"%x\r\n%b\r\n" % (1 << 20, b"x" * (1 << 20))
        with contextlib.suppress(OSError):  # it may have had enough at any time after the limit
            for _ in range(4 * BODY_LIMIT >> 20):
                connection.sendall(piece)
        assert b" 413 " in connection.recv(4096)
    assert process.memory_info().rss - before < 3 * BODY_LIMIT


@pytest.mark.parametrize(
    "inside",
    [
        pytest.param(b"{}," * 4_000_000 + b"{}", id="four million objects"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested a hundred thousand deep"),
        pytest.param(b"9" * 1_000_000, id="a number of a million digits"),
        pytest.param(b'"' + b"\\u0000" * 4_000_000 + b'"', id="four million escapes"),
    ],
)
def test_what_is_dear_to_parse_holds_nobody_up(gateway: RunningGateway, inside: bytes) -> None:
    process = psutil.Process(gateway.process.pid)
    before = process.memory_info().rss
    body = b'{"model":"claude-opus-5-5","max_tokens":9,"messages":[],"x":[' + inside + b"]}"
    with Witness(gateway.port) as witness:
        assert post(gateway.port, body) in (200, 400)
        eventually(lambda: witness.answers >= 3)
    assert witness.slowest < SLOWEST_ANSWER
    assert process.memory_info().rss - before < 3 * BODY_LIMIT + len(body)


@pytest.mark.parametrize("number", [b"NaN", b"1e400", b"-1e400", b"Infinity", b"-1", b'"9"', b"1.5", b"1" * 400])
def test_impossible_numbers_are_refused_or_passed_and_never_break_it(gateway: RunningGateway, number: bytes) -> None:
    body = b'{"model":"claude-opus-5-5","max_tokens":' + number + b',"messages":[{"role":"user","content":"x"}]}'
    assert post(gateway.port, body) in (200, 400)
    assert post(gateway.port, b'{"model":"claude-opus-5-5","max_tokens":9,"messages":[]}') == 200


def test_five_hundred_slow_clients_do_not_keep_others_waiting(gateway: RunningGateway) -> None:
    slow = []
    try:
        for n in range(500):
            connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=40)
            slow.append(connection)
            if n % 2:
                connection.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: local")  # a head that does not end
            else:
                connection.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
        with Witness(gateway.port) as witness:
            for _ in range(20):
                assert ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
            eventually(lambda: witness.answers >= 20)
        assert witness.slowest < SLOWEST_ANSWER
    finally:
        for connection in slow:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


def test_a_gateway_with_few_descriptors_refuses_politely_and_recovers(fake: FakeProvider, tmp_path: Path) -> None:
    gateway = RunningGateway(tmp_path, [fake_provider(fake.url)], prefix=["prlimit", "--nofile=256"])
    idle = []
    try:
        idle.extend(socket.create_connection(("127.0.0.1", gateway.port), timeout=40) for _ in range(300))

        def served() -> bool:
            try:
                return ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
            except (OSError, http.client.HTTPException):
                return False

        assert not served()
        assert gateway.process.poll() is None
        for connection in idle:
            connection.close()
        eventually(served)
    finally:
        for connection in idle:
            connection.close()
        gateway.close()


HEADER_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=12)
HEADER_VALUES = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=24)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=4))
def test_no_header_becomes_two(gateway: RunningGateway, fake: FakeProvider, headers: list[tuple[str, str]]) -> None:
    """Whatever a client writes into headers, a provider sees no more of them than a strict reading finds."""
    fake.reset()
    body = b'{"model":"claude-opus-5-5","max_tokens":9,"messages":[]}'
    lines = [f"{name}: {value}".encode("latin-1") for name, value in headers]
    head = b"\r\n".join(
        [b"POST /v1/messages HTTP/1.1", b"host: localhost", b"x-api-key: sk-ant-fake", *lines,
         b"connection: close", b"content-length: %d" % len(body)]
    )  # fmt: skip
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=40) as connection:
        connection.sendall(head + b"\r\n\r\n" + body)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except OSError:
            pass
    for seen in fake.requests():
        names = [name.lower() for name, _ in seen.headers]
        assert [name for name in names if name.startswith("x-conduit-")] == ["x-conduit-via"]  # our own mark
        assert not set(names) & {"cookie", "proxy-authorization", "te", "trailer", "upgrade", "keep-alive"}
        assert names.count("x-api-key") >= 1
        assert all(c not in value for _, value in seen.headers for c in "\r\n\0")
        assert len(names) <= len(head.split(b"\r\n")) + 4


@pytest.mark.parametrize(
    "header",
    [
        ("cookie", "session=1"), ("proxy-authorization", "Basic x"), ("x-conduit-project", "default"),
        ("te", "trailers"), ("keep-alive", "timeout=5"), ("upgrade", "websocket"),
    ],
)  # fmt: skip
def test_what_must_not_travel_is_kept_back(
    gateway: RunningGateway, fake: FakeProvider, header: tuple[str, str]
) -> None:
    fake.reset()
    answer = ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS | dict([header]))
    assert answer.status == 200
    assert header[0] not in {name.lower() for name, _ in fake.requests()[0].headers}
