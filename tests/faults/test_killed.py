"""What `kill -9` of each process does, and what it must not do."""

import hashlib
import http.client
import os
import pty
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.whole import Whole, conduit, whole
from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message
from tests.providers import FakeProvider
from tests.waiting import PATIENCE_SECONDS, SOON_SECONDS, eventually

pytestmark = pytest.mark.fault


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def running(tmp_path: Path, fake: FakeProvider) -> Iterator[Whole]:
    with whole(tmp_path / "state", fake.url) as up:
        yield up


class Callers(threading.Thread):
    """Connects, sends a request and reads the answer, over and over; counts what came of it."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.refused = self.answered = self.cut = 0
        self.longest = 0.0
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            began = time.monotonic()
            try:
                status = ask(self.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, http.client.HTTPException):
                self.cut += 1  # accepted by the gateway that was killed
            else:
                self.answered += status == 200
            self.longest = max(self.longest, time.monotonic() - began)


def test_a_killed_gateway_is_back_soon_and_nobody_is_refused(running: Whole) -> None:
    callers = [Callers(running.port) for _ in range(2)]
    for caller in callers:
        caller.start()
    try:
        for _ in range(3):
            before = running.status()
            answered = sum(caller.answered for caller in callers)
            eventually(lambda: sum(caller.answered for caller in callers) > answered, what="traffic flows")  # noqa: B023
            killed = time.time()
            os.kill(before["gateway_pid"], signal.SIGKILL)
            eventually(lambda: running.status()["generation"] > before["generation"])  # noqa: B023
            eventually(lambda: running.status()["state"] == "READY")
            assert running.status()["ready_since"] / 1000 - killed < SOON_SECONDS
    finally:
        for caller in callers:
            caller.enough.set()
        for caller in callers:
            caller.join(60)
    assert sum(caller.refused for caller in callers) == 0
    assert sum(caller.answered for caller in callers) > 20
    assert max(caller.longest for caller in callers) < SOON_SECONDS


def start_tui(running: Whole) -> tuple[int, int]:
    """The control centre on a pseudo terminal; returns its pid and the terminal's descriptor."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        arguments = [sys.executable, "-m", "conduit_tui", "--state-dir", str(running.state_dir.root)]
        os.execv(sys.executable, arguments)
    return pid, terminal


def test_a_killed_tui_leaves_streams_unbroken(running: Whole, fake: FakeProvider) -> None:
    script = fake.script("long", {"text": "word " * 4_000, "gap": 0.1})
    digests: list[tuple[str, str]] = []

    def stream() -> None:
        answer = ask(running.port, "POST", "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | script)
        digests.append((hashlib.sha256(answer.body).hexdigest(), answer.body[-40:].decode()))

    pid, terminal = start_tui(running)
    seen = b""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while b"READY" not in seen and time.monotonic() < deadline:
        seen += os.read(terminal, 65536)
    assert b"READY" in seen
    streams = [threading.Thread(target=stream) for _ in range(5)]
    for one in streams:
        one.start()
    fake.wait_for(lambda found: sum(1 for one in found if one.first_byte_at) == 5, script="long")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    fake.hurry("long")
    for one in streams:
        one.join(60)
    sent = [one.answer_sha256 for one in fake.requests("long")]
    assert sorted(digest for digest, _ in digests) == sorted(sent)
    assert all("message_stop" in end for _, end in digests)
    assert running.status()["state"] == "READY"


def test_a_killed_daemon_ends_its_gateway_and_the_next_takes_over(running: Whole, fake: FakeProvider) -> None:
    before = running.status()
    script = fake.script("long", {"text": "word " * 4_000, "gap": 0.1})
    ended: list[bytes] = []

    def stream() -> None:
        answer = ask(running.port, "POST", "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | script)
        ended.append(answer.body)

    one = threading.Thread(target=stream)
    one.start()
    fake.wait_for(lambda found: found and found[-1].first_byte_at, script="long")
    os.kill(before["daemon_pid"], signal.SIGKILL)
    eventually(lambda: refuses(running.port), "the gateway closes the listener when its daemon dies")
    fake.hurry("long")
    one.join(60)
    assert b"message_stop" in ended[0][-60:], "the stream that ran was drained"
    eventually(lambda: not psutil.pid_exists(before["gateway_pid"]), "no orphan is left")
    conduit(running.state_dir.root, "--port", str(running.port), "up")
    assert running.status()["state"] == "READY"
    assert ask(running.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False
