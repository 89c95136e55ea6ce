"""`kill -9` of gateway, daemon and control centre, over and over, under streams and steady requests."""

import asyncio
import contextlib
import http.client
import json
import os
import pty
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.control.plane import ControlError
from conduit_tui.control.remote import DaemonClient
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.processes import GatewayState, ProcessStatus
from conduit_tui.paths import StateDir
from tests.faults.whole import furnish
from tests.gateway.raw import ANTHROPIC_HEADERS, message
from tests.ports import free_port
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.slow]

KILLS = int(os.environ.get("CHAOS_KILLS", "100"))
STREAMS = 50
CALLERS = 4
SEED = int(os.environ.get("CHAOS_SEED", "7"))

# Time of restarts runs about thirty times as fast; drains and heartbeats are as they are.
POLICY = {
    "quick_delay_seconds": [0.01, 0.02],
    "steady_seconds": 2.0,
    "backoff_seconds": 0.02,
    "backoff_limit_seconds": 1.0,
    "intensity_seconds": 2.0,
    "cooldown_seconds": [2.0, 4.0, 8.0, 10.0],
}


class Box:
    """Daemon and control centre, each killed and started again."""

    def __init__(self, folder: Path, fake: FakeProvider) -> None:
        self.state_dir = StateDir(folder)
        self.state_dir.prepare()
        asyncio.run(furnish(self.state_dir, fake.url, [Budget(daily=9_000 * NANO_PER_DOLLAR)]))
        self.port = free_port()
        self.lives = threading.Event()  # the daemon, so that nobody may be refused
        self.terminals: list[int] = []

    def start_daemon(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("run_daemon.py")), str(self.state_dir.root)]
        with open(os.devnull, "w") as nowhere:
            self.daemon = subprocess.Popen(
                [*command, str(self.port), json.dumps(POLICY)], stderr=nowhere, start_new_session=True
            )
        eventually(lambda: self.status() is not None, "the daemon answers")
        self.lives.set()

    def status(self) -> ProcessStatus | None:
        with contextlib.suppress(ControlError):
            return asyncio.run(DaemonClient(self.state_dir).status())
        return None

    def until_ready(self) -> ProcessStatus:
        found: list[ProcessStatus] = []

        def ready() -> bool:
            status = self.status()
            found[:] = [status] if status is not None else []
            return status is not None and status.state in (GatewayState.READY, GatewayState.DEGRADED)

        eventually(ready, f"never READY again: {found}", seconds=60.0)
        return found[0]

    def start_tui(self) -> None:
        self.tui, terminal = pty.fork()
        if self.tui == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-m", "conduit_tui", "--state-dir", str(self.state_dir.root)])
        self.terminals.append(terminal)
        threading.Thread(target=self._read, args=(terminal,), daemon=True).start()

    def _read(self, terminal: int) -> None:
        with contextlib.suppress(OSError):
            while os.read(terminal, 65_536):
                pass

    def kill(self, whom: str) -> None:
        """Kill one of the three and start it again, unless that is the daemon's business."""
        if whom == "tui":
            os.kill(self.tui, signal.SIGKILL)
            os.waitpid(self.tui, 0)
            self.start_tui()
        elif whom == "gateway":
            status = self.status() or self.until_ready()
            if not status.gateway_pid:
                status = self.until_ready()
            os.kill(status.gateway_pid or 0, signal.SIGKILL)
            eventually(lambda: (now := self.status()) is not None and now.generation > status.generation, seconds=60.0)
            self.until_ready()
        else:
            self.lives.clear()
            self.daemon.kill()
            self.daemon.wait()
            self.start_daemon()
            self.until_ready()

    def restart(self, *, whole: bool) -> None:
        """Ask for another gateway, or for another daemon too, and wait for nothing."""
        with contextlib.suppress(ControlError):
            asyncio.run(DaemonClient(self.state_dir).restart(daemon=whole))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.state_dir.database}?mode=ro", uri=True, timeout=10)) as database:
            return database.execute(sql).fetchall()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.state_dir.events.read_text().splitlines()]

    def processes(self) -> list[tuple[int, str]]:
        """What runs of this box, by its state directory."""
        found = []
        for entry in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{entry}/cmdline").read_bytes() if entry.isdecimal() else b""
                if os.fsencode(self.state_dir.root) in words:
                    found.append((int(entry), words.replace(b"\0", b" ").decode()))
        return found

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            os.kill(self.tui, signal.SIGKILL)
            os.waitpid(self.tui, 0)
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(60)
        for terminal in self.terminals:
            os.close(terminal)


class Load:
    """Clients: some with streams that last, some with one request after the other."""

    def __init__(self, box: Box, headers: dict[str, str]) -> None:
        self.box = box
        self.counts: Counter[str] = Counter()
        self.whole: set[str] = set()  # exchanges whose answers came to their ends
        self._enough = threading.Event()
        streams = [threading.Thread(target=self._work, args=("stream", headers)) for _ in range(STREAMS)]
        callers = [threading.Thread(target=self._work, args=("call", {})) for _ in range(CALLERS)]
        self._threads = [*streams, *callers]
        self._lock = threading.Lock()

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self, kind: str, headers: dict[str, str]) -> None:
        while not self._enough.is_set():
            lived = self.box.lives.is_set()
            outcome, exchange = self._ask(stream=kind == "stream", headers=headers)
            if outcome == "refused":
                outcome = "refused" if lived and self.box.lives.is_set() else "refused without a daemon"
                time.sleep(0.02)
            with self._lock:
                self.counts[f"{kind} {outcome}"] += 1
                if exchange and outcome == "200":
                    self.whole.add(exchange)

    def _ask(self, *, stream: bool, headers: dict[str, str]) -> tuple[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.box.port, timeout=60)
        with closing(connection):
            try:
                body = json.dumps(message(stream=stream))
                connection.request("POST", "/v1/messages", body, ANTHROPIC_HEADERS | headers)
                answer = connection.getresponse()
                content = answer.read()
            except ConnectionRefusedError:
                return "refused", ""
            except (OSError, http.client.HTTPException):
                return "cut", ""  # accepted by the gateway that was killed
            exchange = answer.getheader("x-conduit-exchange") or ""
            if stream and answer.status == 200 and b"message_stop" not in content[-60:]:
                return "ended early", exchange
            return str(answer.status), exchange


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


THREE = ("gateway", "daemon", "tui")


@pytest.mark.parametrize(
    ("whom_to_kill", "kills"),
    [(THREE, KILLS), ((*THREE, "gateway in a restart", "daemon in a restart"), KILLS // 3)],
    ids=["kills", "kills-in-restarts"],
)
def test_kills_in_random_order(tmp_path: Path, fake: FakeProvider, whom_to_kill: tuple[str, ...], kills: int) -> None:
    draw = random.Random(SEED)
    usage = {"input": 8, "output": 60}
    script = fake.script("long", {"text": "word " * 200, "gap": 0.05, "usage": usage})
    box = Box(tmp_path / "state", fake)
    box.start_daemon()
    box.until_ready()
    box.start_tui()
    killed: Counter[str] = Counter()
    committed: set[tuple[str, int]] = set()
    try:
        with Load(box, script) as load:
            fake.wait_for(lambda found: sum(1 for one in found if one.first_byte_at) >= STREAMS, script="long")
            for _ in range(kills):
                committed.update(box.query("SELECT exchange_id, attempt FROM usage"))
                whom = draw.choice(whom_to_kill)
                if whom.endswith("in a restart"):
                    box.restart(whole=draw.random() < 0.5)
                    time.sleep(draw.uniform(0.0, 2.0))  # somewhere on the way
                box.kill(whom.split()[0])
                killed[whom] += 1
                time.sleep(draw.uniform(0.0, 0.3))
        status = box.until_ready()
        eventually(
            lambda: box.query("SELECT count(*) FROM ledger_entries WHERE state = 'held'") == [(0,)], seconds=60.0
        )
        rows = set(box.query("SELECT exchange_id, attempt FROM usage"))
        windows = set(box.query("SELECT spent_nanodollars, held_nanodollars FROM budget_windows"))
        [(by_entries,)] = box.query("SELECT sum(cost_nanodollars) FROM ledger_entries")
        [(by_rows,)] = box.query("SELECT sum(cost_nanodollars) FROM usage")
        [(worst,)] = box.query("SELECT count(*) FROM ledger_entries WHERE flags LIKE '%worst-case%'")
    finally:
        box.finish()
    eventually(lambda: not box.processes(), f"orphans: {box.processes()}")
    with_rows = {exchange for exchange, _ in rows}
    report = {
        "killed": dict(killed),
        "clients": dict(sorted(load.counts.items())),
        "refused while the daemon lived": count(load.counts, lambda key: key.endswith(" refused")),
        "usage rows": len(rows),
        "whole answers without a row": len(load.whole - with_rows),
        "committed rows lost": len(committed - rows),
        "entries charged at their hold": worst,
        "generation": status.generation,
        "states": dict(Counter(event["state"] for event in box.events() if event["kind"] == "state")),
        "ends": dict(Counter(event["reason"] for event in box.events() if event["kind"] == "exit")),
    }
    print(json.dumps(report, indent=2))
    assert report["refused while the daemon lived"] == 0
    assert load.whole <= with_rows
    assert committed <= rows
    assert windows == {(by_entries, 0)}
    assert by_rows == by_entries
    assert load.counts["call 200"] > kills
    assert load.counts["stream 200"] > STREAMS


def count(counts: Counter[str], which: Callable[[str], bool]) -> int:
    return sum(number for key, number in counts.items() if which(key))
