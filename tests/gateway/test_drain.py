"""A gateway that is told to stop: admission ends at once, streams end whole or with an error, every row is written."""

import http.client
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, Answer, ask, message
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import eventually


def streams(gateway: RunningGateway, script: dict[str, str], count: int) -> tuple[list[threading.Thread], list[Answer]]:
    answers: list[Answer] = []

    def one() -> None:
        answers.append(ask(gateway.port, "POST", "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | script))

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, answers


def test_a_drain_lets_streams_end(tmp_path: Path, fake: FakeProvider) -> None:
    fake.reset()
    gateway = Gateway(tmp_path / "state", fake)
    kept = socket.create_connection(("127.0.0.1", gateway.port), timeout=40)
    try:
        kept.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b"200 OK" in kept.recv(4096)
        script = fake.script("slow", {"text": "word " * 60, "gap": 0.01})
        threads, answers = streams(gateway, script, 20)
        fake.wait_for(lambda found: sum(bool(one.first_byte_at) for one in found) == 20, script="slow")
        assert gateway.stop() == 0
        for thread in threads:
            thread.join(60)
        assert [answer.status for answer in answers] == [200] * 20
        assert all(answer.body.endswith(b'data: {"type":"message_stop"}\n\n') for answer in answers)
        assert len(gateway.rows()) == 20
        assert {stored.row.error_type for stored in gateway.rows()} == {""}
        assert kept.recv(4096) == b"", "an idle connection is closed"
    finally:
        kept.close()
        gateway.close()


def test_a_logout_that_hangs_up_on_it_cuts_nothing(tmp_path: Path, fake: FakeProvider) -> None:
    fake.reset()
    gateway = Gateway(tmp_path / "state", fake)
    try:
        script = fake.script("slow", {"text": "word " * 60, "gap": 0.01})
        threads, answers = streams(gateway, script, 1)
        fake.wait_for(lambda found: bool(found and found[0].first_byte_at), script="slow")
        gateway.process.send_signal(signal.SIGHUP)
        assert gateway.stop() == 0
        threads[0].join(60)
        assert answers[0].body.endswith(b'data: {"type":"message_stop"}\n\n')
        assert [stored.row.error_type for stored in gateway.rows()] == [""]
    finally:
        gateway.close()


def test_a_second_signal_cuts_streams_with_an_error_and_still_writes_their_rows(
    tmp_path: Path, fake: FakeProvider
) -> None:
    fake.reset()
    gateway = Gateway(tmp_path / "state", fake)
    try:
        script = fake.script("endless", {"text": "word " * 300, "hang": 30, "usage": {"input": 700, "output": 300}})
        threads, answers = streams(gateway, script, 5)
        fake.wait_for(lambda found: sum(bool(one.first_byte_at) for one in found) == 5, script="endless")
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: "draining" in gateway.log.read_text())
        refused = ask_until_refused(gateway.port)
        assert gateway.stop() == 0
        for thread in threads:
            thread.join(60)
        assert refused
        assert len(answers) == 5
        for answer in answers:
            assert b"event: error\ndata: " in answer.body
            assert b"overloaded_error" in answer.body
        fake.wait_for(lambda found: all(one.client_left_at for one in found), script="endless")
        rows = [stored.row for stored in gateway.rows()]
        assert [(row.error_type, row.status) for row in rows] == [("drain", 200)] * 5
        assert all(row.input_tokens == 700 and row.cost_nanodollars > 0 for row in rows)
    finally:
        gateway.close()


@pytest.mark.parametrize("path", [b"/health", b"/v1/messages"])
def test_who_asks_while_it_drains_is_sent_away_at_once(tmp_path: Path, fake: FakeProvider, path: bytes) -> None:
    """Fault G3: readiness ends at once and what is new is sent away, while what runs goes on to its end."""
    fake.reset()
    gateway = Gateway(tmp_path / "state", fake)
    late = socket.create_connection(("127.0.0.1", gateway.port), timeout=40)
    try:
        late.sendall(
            b"GET " + path[:3] if path == b"/health" else b"POST " + path[:3]
        )  # half a head: nobody knows yet what it will be
        threads, answers = streams(gateway, fake.script("slow-drain", {"text": "word " * 4_000, "gap": 0.2}), 20)
        fake.wait_for(lambda found: sum(bool(one.first_byte_at) for one in found) == 20, script="slow-drain")
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: "draining" in gateway.log.read_text())
        late.sendall(path[3:] + b" HTTP/1.1\r\nhost: localhost\r\nx-api-key: k\r\ncontent-length: 0\r\n\r\n")
        refused = late.recv(4096)
        assert refused.startswith(b"HTTP/1.1 503")
        assert path == b"/health" or b"retry-after: 2" in refused.lower()
        fake.hurry("slow-drain")
        assert gateway.process.wait(60) == 0
        for thread in threads:
            thread.join(60)
        assert all(answer.body.endswith(b'data: {"type":"message_stop"}\n\n') for answer in answers)
        assert len(gateway.rows()) == len(answers) == 20
    finally:
        late.close()
        gateway.close()


def test_when_the_time_is_over_streams_end_with_one_error(tmp_path: Path, fake: FakeProvider) -> None:
    fake.reset()
    gateway = RunningGateway(tmp_path / "state", [fake_provider(fake.url)], environment={"CONDUIT_DRAIN_SECONDS": "3"})
    kept = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=40)
    try:
        kept.request("GET", "/health")
        assert kept.getresponse().read()
        script = fake.script("endless", {"text": "word " * 300, "hang": 30, "usage": {"input": 700, "output": 300}})
        threads, answers = streams(gateway, script, 20)
        fake.wait_for(lambda found: sum(bool(one.first_byte_at) for one in found) == 20, script="endless")
        began = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        eventually(lambda: "draining" in gateway.log.read_text())
        kept.request("GET", "/health")
        health = kept.getresponse()
        assert health.status == 503, "not ready any more"
        assert gateway.process.wait(60) == 0
        assert time.monotonic() - began >= 3.0
        for thread in threads:
            thread.join(60)
        assert [answer.body.count(b"event: error\ndata: ") for answer in answers] == [1] * 20
        assert all(b"overloaded_error" in answer.body for answer in answers)
        assert len(gateway.rows()) == 20
    finally:
        kept.close()
        gateway.close()


def ask_until_refused(port: int) -> bool:
    """New connections wait in the socket's queue, which the test holds open as the daemon would: nobody accepts."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            connection.settimeout(0.3)
            try:
                if not connection.recv(4096):
                    return True
            except TimeoutError:
                return True
    return False
