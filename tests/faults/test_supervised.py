"""The real gateway under its daemon: what degrades it, what does not restart it, what it cannot escape."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from conduit_tui.supervisor.identity import NONCE_VARIABLE
from tests.faults.whole import Whole, conduit, whole
from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, fake: FakeProvider) -> Iterator[Whole]:
    with whole(tmp_path_factory.mktemp("supervised") / "state", fake.url) as up:
        yield up


def call(running: Whole, headers: dict[str, str] | None = None) -> int:
    return ask(running.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS | (headers or {})).status


def test_an_outage_of_the_provider_degrades_and_restarts_nothing(running: Whole, fake: FakeProvider) -> None:
    before = running.status()
    outage = fake.script("outage", {"status": 529, "message": "overloaded"})
    assert [call(running, outage) for _ in range(20)] == [529] * 20
    eventually(lambda: running.status()["state"] == "DEGRADED")
    status = running.status()
    assert status["reason"] == "provider fake fails: 20 attempts in a row (status 529)"
    assert (status["starts"], status["gateway_pid"]) == (before["starts"], before["gateway_pid"])
    assert ask(running.port, "GET", "/health").status == 200, "liveness is green"
    assert all(check["ok"] for check in status["health"])
    assert call(running) == 200
    eventually(lambda: running.status()["state"] == "READY")


def test_a_gateway_that_is_stopped_is_replaced_by_the_watchdog(running: Whole) -> None:
    before = running.status()
    os.kill(before["gateway_pid"], signal.SIGSTOP)
    eventually(lambda: running.status()["generation"] > before["generation"], "the watchdog acts")
    eventually(lambda: running.status()["state"] == "READY")
    assert not Path(f"/proc/{before['gateway_pid']}").exists()
    assert call(running) == 200
    assert "no heartbeat for 10 s: its stacks go to the process log" in conduit(running.state_dir.root, "logs").stdout


def test_a_gateway_that_hangs_without_a_daemon_is_killed_by_the_next_one(tmp_path: Path, fake: FakeProvider) -> None:
    with whole(tmp_path / "state", fake.url) as running:
        status = running.status()
        environment = Path(f"/proc/{status['gateway_pid']}/environ").read_bytes().split(b"\0")
        nonce = next(one for one in environment if one.startswith(f"{NONCE_VARIABLE}=".encode()))
        assert carrying(nonce) == [status["gateway_pid"]]
        os.kill(status["gateway_pid"], signal.SIGSTOP)  # before it knows that it is alone, and closes its listener
        os.kill(status["daemon_pid"], signal.SIGKILL)
        conduit(running.state_dir.root, "--port", str(running.port), "up")
        eventually(lambda: carrying(nonce) == [], "orphans")


def carrying(nonce: bytes) -> list[int]:
    found = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if nonce in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                found.append(int(entry))
        except OSError:
            continue
    return found
