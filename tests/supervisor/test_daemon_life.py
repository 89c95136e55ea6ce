"""The daemon over a real gateway process: start, stop, restart, kill, signals, and what clients see meanwhile."""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conduit_tui.domain.processes import GatewayState as S
from conduit_tui.paths import StateDir
from tests.ports import free_port
from tests.supervisor.daemons import Daemon, alive, ask, running, tell, wish
from tests.waiting import until

pytestmark = pytest.mark.anyio


class Knocking:
    """Connects over and over, each time on a new connection, and counts what becomes of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answered: list[tuple[float, int, bytes]] = []
        self.refused = 0
        self.cut = 0
        self._ending = False

    async def __aenter__(self) -> "Knocking":
        self._tasks = [asyncio.create_task(asyncio.to_thread(self._knock)) for _ in range(3)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ending = True
        await asyncio.gather(*self._tasks)

    def _knock(self) -> None:
        while not self._ending:
            try:
                status, body = ask(self.url)
                self.answered.append((time.monotonic(), status, body))
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, IndexError):
                self.cut += 1  # it was being answered by the process that died
            time.sleep(0.002)

    def generations(self) -> set[int]:
        return {int(body) for _, status, body in self.answered if status == 200}


async def test_it_starts_shows_itself_and_stops_on_sigterm(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        status = await daemon.until(S.READY)
        assert status.daemon_pid == daemon.process.pid
        assert status.gateway_pid == daemon.starts()[0][1]
        assert (status.generation, status.starts) == (1, 1)
        assert ask(status.url) == (200, b"1")
        watched = await daemon.until(S.READY)
        assert watched.gateway_memory_bytes or (await daemon.client.status()).gateway_memory_bytes
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0
        assert daemon.transitions() == ["STARTING", "READY", "DRAINING", "STOPPING", "STOPPED"]
        assert not alive(status.gateway_pid or 0)
        assert not state_dir.daemon_socket.exists()
        for path in (state_dir.events, state_dir.process_log, state_dir.daemon_lock):
            assert stat.S_IMODE(path.lstat().st_mode) == 0o600, path


async def test_sigkill_of_the_gateway_refuses_no_connection(state_dir: StateDir) -> None:
    with running(state_dir, quick_delay_seconds=[0.25, 0.5], unserved_seconds=60.0) as daemon:
        first = await daemon.until(S.READY)
        async with Knocking(first.url) as knocking:
            await until(lambda: len(knocking.answered) > 20)
            killed = time.monotonic()
            os.kill(first.gateway_pid or 0, signal.SIGKILL)
            await daemon.until(S.READY, generation=2)
            await until(lambda: 2 in knocking.generations())
        back = min(at for at, _, body in knocking.answered if body == b"2")
        assert knocking.refused == 0
        assert {status for _, status, _ in knocking.answered} == {200}
        assert knocking.cut <= 3, "only what the dead process was answering may be lost"
        assert back - killed < 20
        started = daemon.starts()[1][0]
        assert 0.25 <= started - killed < 20
        assert daemon.transitions() == ["STARTING", "READY", "BACKOFF", "STARTING", "READY"]
        [gone] = [event for event in daemon.events() if event["kind"] == "exit"]
        assert gone["reason"] == "the gateway was killed by SIGKILL"
        assert gone["pid"] == first.gateway_pid


async def test_restart_drains_the_old_gateway_and_refuses_nobody(state_dir: StateDir) -> None:
    wish(state_dir, until_told=["drain"])  # a client may be slow to send on a connection that was taken
    with running(state_dir, unserved_seconds=60.0) as daemon:
        first = await daemon.until(S.READY)
        async with Knocking(first.url) as knocking:
            await until(lambda: len(knocking.answered) > 20)
            await daemon.client.restart()
            second = await daemon.until(S.READY, generation=2)
            await until(lambda: 2 in knocking.generations())
        assert (knocking.refused, knocking.cut) == (0, 0)
        assert second.url == first.url
        tell(state_dir, "drain")
        await until(lambda: not alive(first.gateway_pid or 0))
        assert daemon.transitions() == ["STARTING", "READY", "DRAINING", "STARTING", "READY"]


async def test_stop_keeps_the_daemon_which_answers_until_start(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        ready = await daemon.until(S.READY)
        await daemon.client.stop()
        stopped = await daemon.until(S.STOPPED)
        assert stopped.gateway_pid is None
        status, body = await asyncio.to_thread(ask, ready.url)
        assert status == 503
        assert json.loads(body)["error"]["code"] == "gateway_not_running"
        await daemon.client.start()
        again = await daemon.until(S.READY)
        assert again.url == ready.url
        assert (await asyncio.to_thread(ask, ready.url))[0] == 200


async def test_stop_now_cuts_what_a_drain_would_wait_for(state_dir: StateDir) -> None:
    wish(state_dir, drain=600)
    with running(state_dir, drain_seconds=600.0) as daemon:
        await daemon.until(S.READY)
        await daemon.client.stop()
        await daemon.until(S.DRAINING)
        await daemon.client.stop(now=True)
        await daemon.until(S.STOPPED)


async def test_a_gateway_that_ignores_sigterm_is_killed_at_the_deadline(state_dir: StateDir) -> None:
    wish(state_dir, ignore_term=True, stray=True)
    with running(state_dir, drain_seconds=0.5, settle_seconds=0.3) as daemon:
        ready = await daemon.until(S.READY)
        strays = carrying_the_nonce_of(ready.gateway_pid or 0)
        assert len(strays) == 2
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0
        assert not any(map(alive, strays)), "no process of the gateway's survives, in whatever session"
        signals = [event["reason"].split(":")[0] for event in daemon.events() if event["kind"] == "signal"]
        assert signals == ["SIGTERM", "SIGTERM", "SIGKILL"]


async def test_a_second_signal_ends_the_daemon_at_once(state_dir: StateDir) -> None:
    wish(state_dir, drain=600)
    with running(state_dir, drain_seconds=600.0) as daemon:
        await daemon.until(S.READY)
        daemon.process.send_signal(signal.SIGTERM)
        await daemon.until(S.DRAINING)
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0


async def test_sighup_changes_nothing(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        ready = await daemon.until(S.READY)
        daemon.process.send_signal(signal.SIGHUP)
        await until(lambda: any("SIGHUP" in event["reason"] for event in daemon.events()))
        still = await daemon.client.status()
        assert (still.state, still.gateway_pid) == (S.READY, ready.gateway_pid)


async def test_shutdown_by_the_socket(state_dir: StateDir) -> None:
    with running(state_dir) as daemon:
        await daemon.until(S.READY)
        await daemon.client.shutdown()
        assert await daemon.ended() == 0


async def test_a_second_daemon_is_refused_in_one_line(state_dir: StateDir) -> None:
    with running(state_dir) as first:
        await first.until(S.READY)
        second = Daemon(state_dir)
        assert await second.ended() == 1
        said = second.last_words()
        assert said == (
            f"conduit-tui: a daemon runs already for {state_dir.root} (PID {first.process.pid}); "
            "`conduit-tui status` shows it\n"
        )
        assert (await first.client.status()).state == S.READY


async def test_a_taken_port_names_its_owner(state_dir: StateDir) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(state_dir, port) as daemon:
            assert await daemon.ended() == 78
            said = daemon.last_words()
    name = os.path.basename(os.readlink(f"/proc/{os.getpid()}/exe"))
    assert said.startswith(f"conduit-tui: port {port} is taken by PID {os.getpid()} (")
    assert said.endswith("); choose another with --port\n")
    assert name[:6] in said or "pytest" in said


async def test_the_daemons_death_ends_its_gateway_and_a_new_daemon_takes_over(state_dir: StateDir) -> None:
    wish(state_dir, until_told=["drain"])
    port = free_port()
    with running(state_dir, port) as first:
        ready = await first.until(S.READY)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
        with running(state_dir, port) as second:
            waiting = await second.until(S.STARTING)
            assert waiting.gateway_pid is None
            assert "previous gateway" in (await second.until(S.STARTING, reason=PREVIOUS)).reason
            assert alive(ready.gateway_pid or 0)
            tell(state_dir, "drain")
            status = await second.until(S.READY)
            assert status.generation == 2
            assert not alive(ready.gateway_pid or 0), "never two gateways"
            assert ask(status.url) == (200, b"2")


PREVIOUS = "waiting for the previous gateway"


async def test_a_hung_gateway_of_a_dead_daemon_is_killed_for_its_port_and_lock(state_dir: StateDir) -> None:
    port = free_port()
    with running(state_dir, port) as first:
        ready = await first.until(S.READY)
        os.kill(ready.gateway_pid or 0, signal.SIGSTOP)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
        with running(state_dir, port, predecessor_listener_seconds=0.3) as second:
            status = await second.until(S.READY)
            assert status.url == ready.url
            assert not alive(ready.gateway_pid or 0)


async def test_a_stale_hint_never_harms_an_innocent_process(state_dir: StateDir) -> None:
    with bystander() as innocent:
        # everything fits but the nonce, which no other program can have
        hint(state_dir, innocent.pid, "n" * 32)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with running(state_dir, port, predecessor_listener_seconds=0.1) as daemon:
                assert await daemon.ended() == 78
        with holding(state_dir), running(state_dir, drain_seconds=0.2, settle_seconds=0.1) as daemon:
            failed = await daemon.until(S.FAILED)
            assert "writer.lock is held by another program" in failed.reason
        assert innocent.poll() is None
        with running(state_dir) as daemon:
            assert (await daemon.until(S.READY)).generation == 5


@contextlib.contextmanager
def bystander() -> Iterator["subprocess.Popen[bytes]"]:
    """A program that has nothing to do with us."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def hint(state_dir: StateDir, pid: int, nonce: str) -> None:
    """What a daemon writes of generation 4."""
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    process = {"generation": 4, "pid": pid, "started": started, "boot": boot, "nonce": nonce}
    (state_dir.root / "gateway.json").write_text(json.dumps({"generation": 4, "processes": [process]}))


@contextlib.contextmanager
def holding(state_dir: StateDir) -> Iterator[None]:
    """Another program has the writer's lock."""
    with state_dir.writer_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def carrying_the_nonce_of(pid: int) -> list[int]:
    nonce = next(v for v in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if v.startswith(b"CONDUIT_NONCE="))
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError):
                if nonce in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
    return found
