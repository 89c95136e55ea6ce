"""An hour of crash loops in a minute: how often gateways are started, and what a person at the screen feels of it."""

import asyncio
import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.paths import StateDir
from conduit_tui.supervisor.policy import Policy
from tests.faults.whole import furnish
from tests.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.slow]

SCALE = 60.0  # times as fast
HOUR = 3600.0 / SCALE
MOST = {0.05: 31, 3.0: 31, 20.0: 101, 50.0: 66}  # starts in an hour, by the seconds that a gateway lives


GATEWAY = """
while [ "$1" != --report-fd ]; do shift; done
echo '{"type": "ready"}' >/proc/self/fd/$2
sleep SECONDS
exit 1
"""


def scaled(policy: Policy) -> dict[str, object]:
    """The durations of restarts, as much shorter."""
    names = ("steady_seconds", "backoff_seconds", "backoff_limit_seconds", "intensity_seconds", "unserved_seconds")
    return {
        **{name: getattr(policy, name) / SCALE for name in names},
        "quick_delay_seconds": [one / SCALE for one in policy.quick_delay_seconds],
        "cooldown_seconds": [one / SCALE for one in policy.cooldown_seconds],
        "start_seconds": 5.0,
        "heartbeat_seconds": 5.0,
    }


class Loop:
    """A daemon whose gateways say READY and crash after some seconds of the scaled hour."""

    def __init__(self, folder: Path, lives: float) -> None:
        self.state_dir = StateDir(folder)
        self.state_dir.prepare()
        asyncio.run(furnish(self.state_dir, "http://127.0.0.1:9", []))
        gateway = self.state_dir.root / "gateway.sh"
        gateway.write_text(GATEWAY.replace("SECONDS", f"{lives / SCALE:.4f}"))
        program = Path(__file__).with_name("run_daemon.py")
        words = [sys.executable, str(program), str(self.state_dir.root), "0", json.dumps(scaled(Policy()))]
        self.process = subprocess.Popen([*words, "/bin/sh", str(gateway)], stderr=subprocess.DEVNULL)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.state_dir.events.read_text().splitlines()]

    def starts(self) -> int:
        """In the first hour."""
        at = [event["at"] for event in self.events() if event["reason"].startswith("spawned")]
        return sum(one < at[0] + HOUR * 1000 for one in at)

    def states(self) -> set[str]:
        return {event["state"] for event in self.events() if event["kind"] == "state"}

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def test_an_hour_of_crash_loops(tmp_path: Path) -> None:
    loops = {lives: Loop(tmp_path / f"lives-{lives:g}", lives) for lives in MOST}
    try:
        began = time.monotonic()
        eventually(loops[0.05].state_dir.daemon_socket.exists)
        echoes = echo_times(loops[0.05].state_dir, began + HOUR)
        time.sleep(max(0.0, began + HOUR + 2.0 - time.monotonic()))
        starts = {lives: loop.starts() for lives, loop in loops.items()}
        states = {lives: sorted(loop.states()) for lives, loop in loops.items()}
        kept = sum(path.stat().st_size for path in loops[0.05].state_dir.root.glob("*.log*"))
    finally:
        for loop in loops.values():
            loop.end()
    middle = sorted(echoes)[len(echoes) // 2]
    print(f"starts {starts}; states {states}; logs {kept} bytes")
    print(f"echoes {len(echoes)}: half within {middle * 1000:.0f} ms, slowest {max(echoes) * 1000:.0f} ms")
    assert all(starts[lives] <= most for lives, most in MOST.items())
    assert all(number > 10 for number in starts.values())
    assert all("READY" in found for found in states.values())
    assert "COOLDOWN" in states[0.05]
    assert kept < 1024 * 1024
    assert len(echoes) > 20
    assert middle < 0.25
    assert max(echoes) < 2.0


def echo_times(state_dir: StateDir, until: float) -> list[float]:
    """How long the control centre takes to show another screen, over and over."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="80", LINES="24")
        os.execv(sys.executable, [sys.executable, "-m", "conduit_tui", "--state-dir", str(state_dir.root)])
    try:
        read_until(terminal, b"Overview", 20.0)
        echoes = []
        while time.monotonic() < until - 3.0:
            for key, shows in ((b"3", b"Requests"), (b"5", b"Requests")):  # tabs are drawn when another is chosen
                drain(terminal, 0.5)
                began = time.monotonic()
                os.write(terminal, key)
                read_until(terminal, shows, 5.0)
                echoes.append(time.monotonic() - began)
        return echoes
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def read_until(terminal: int, words: bytes, seconds: float) -> None:
    seen, deadline = b"", time.monotonic() + seconds
    while words not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{words!r} never came: {seen[-500:]!r}"
        seen += os.read(terminal, 65_536)


def drain(terminal: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with contextlib.suppress(OSError):
        while (left := deadline - time.monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                os.read(terminal, 65_536)
