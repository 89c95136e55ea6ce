"""Starts real daemons over the stub gateway, and asks them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio

from conduit_tui.control.plane import ControlError
from conduit_tui.control.remote import DaemonClient
from conduit_tui.domain.processes import GatewayState, ProcessStatus
from conduit_tui.paths import StateDir
from tests.waiting import PATIENCE_SECONDS, until

RUN_DAEMON = Path(__file__).with_name("run_daemon.py")

# Time runs about ten times as fast where something is done over and over; what a process on a busy machine may take
# long for has the time that it needs.
FAST: dict[str, Any] = {
    "start_seconds": 30.0,
    "heartbeat_seconds": 3.0,
    "abort_seconds": 1.5,
    "health_seconds": 0.3,
    "health_soon_seconds": 0.1,
    "health_timeout_seconds": 5.0,
    "quick_delay_seconds": [0.02, 0.05],
    "backoff_seconds": 0.05,
    "backoff_limit_seconds": 1.0,
    "cooldown_seconds": [0.5, 1.0],
    "hand_over_seconds": 30.0,
    "drain_seconds": 60.0,
    "settle_seconds": 10.0,
    "cut_seconds": 10.0,
    "unserved_seconds": 0.5,
    "answer_read_seconds": 10.0,
    "usage_seconds": 0.1,
}


class Daemon:
    """One daemon process."""

    def __init__(self, state_dir: StateDir, port: int = 0, **policy: Any) -> None:
        self.state_dir = state_dir
        self.client = DaemonClient(state_dir)
        command = [sys.executable, str(RUN_DAEMON), str(state_dir.root), str(port), json.dumps({**FAST, **policy})]
        self.said = b""
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    async def until(self, *states: GatewayState, **facts: Any) -> ProcessStatus:
        """The first status in one of the states with these facts."""
        seen: ProcessStatus | None = None
        with anyio.move_on_after(PATIENCE_SECONDS):
            while True:
                with contextlib.suppress(ControlError):
                    async for seen in self.client.watch():
                        if seen.state in states and all(getattr(seen, name) == fact for name, fact in facts.items()):
                            return seen
                if self.process.poll() is not None:
                    break
                await anyio.sleep(0.02)
        raise AssertionError(f"never {states} {facts}, last seen: {seen}, daemon exit {self.process.poll()}")

    async def ended(self) -> int:
        await until(lambda: self.process.poll() is not None, "the daemon does not end")
        return int(self.process.returncode)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.state_dir.events.read_text().splitlines()]

    def transitions(self) -> list[str]:
        return [event["state"] for event in self.events() if event["kind"] == "state"]

    def starts(self) -> list[tuple[float, int, int]]:
        """When each gateway started (monotonic), its pid and generation."""
        return starts(self.state_dir)

    def last_words(self) -> str:
        """What an ended daemon said on stderr."""
        assert self.process.stderr is not None
        self.said += self.process.stderr.read()
        self.process.stderr.close()
        return self.said.decode()

    def finish(self) -> str:
        """End it whatever state it is in; what it said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        if self.process.stderr is not None and not self.process.stderr.closed:
            self.last_words()
        for _at, pid, _generation in self.starts():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        return self.said.decode()


def starts(state_dir: StateDir) -> list[tuple[float, int, int]]:
    try:
        lines = (state_dir.root / "starts.log").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [(float(at), int(pid), int(generation)) for at, pid, generation in map(str.split, lines)]


def wish(state_dir: StateDir, **wishes: Any) -> None:
    """How the next stub gateways behave."""
    (state_dir.root / "stub.json").write_text(json.dumps(wishes))


def tell(state_dir: StateDir, step: str) -> None:
    """Let the gateways go on that wait to be told to take this step."""
    (state_dir.root / step).touch()


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ask(url: str, seconds: float = PATIENCE_SECONDS) -> tuple[int, bytes]:
    """GET / on a connection of its own: status and body. Raises OSError when refused or cut."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), seconds) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@contextlib.contextmanager
def running(state_dir: StateDir, port: int = 0, **policy: Any) -> Iterator[Daemon]:
    daemon = Daemon(state_dir, port, **policy)
    try:
        yield daemon
    finally:
        said = daemon.finish()
        print(said)  # shown when the test fails
