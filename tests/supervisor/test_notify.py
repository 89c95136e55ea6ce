"""What a service manager hears."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from conduit_tui.domain.processes import GatewayState
from conduit_tui.paths import StateDir
from conduit_tui.supervisor.notify import Notifier, without_variables
from tests.faults.whole import conduit
from tests.supervisor.daemons import FAST, running
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    address = str(tmp_path / "notify") if request.param == "file" else f"@conduit-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:] if address.startswith("@") else address)
        listening.settimeout(PATIENCE_SECONDS)
        yield listening, address


def test_words_arrive_on_one_line_each(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    Notifier({"NOTIFY_SOCKET": address}).say(READY="1", STATUS="serving\nEVIL=1")
    assert listening.recv(4096) == b"READY=1\nSTATUS=serving EVIL=1"


async def test_the_watchdog_is_fed_while_the_loop_runs(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000", "WATCHDOG_PID": str(os.getpid())})
    async with notifier.alive():
        heard = [await asyncio.to_thread(listening.recv, 4096) for _ in range(3)]
    assert heard == [b"WATCHDOG=1"] * 3


async def test_a_watchdog_for_another_process_is_not_fed(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000", "WATCHDOG_PID": "1"})
    async with notifier.alive():
        notifier.say(STOPPING="1")
        assert listening.recv(4096) == b"STOPPING=1"


def test_nobody_there_is_no_error(tmp_path: Path) -> None:
    Notifier({}).say(READY="1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).say(READY="1")


def test_children_do_not_speak_for_the_daemon() -> None:
    assert without_variables({"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "1", "HOME": "/"}) == {"HOME": "/"}


def test_a_daemon_with_a_bad_configuration_says_so_too(
    manager: tuple[socket.socket, str], state_dir: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, address = manager
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    state_dir.prepare()
    state_dir.config.write_text('[gateway]\nport = "x"\n')
    done = conduit(state_dir.root, "up", "--foreground", check=False)
    assert done.returncode == 78
    assert b"gateway.port: must be a whole number" in listening.recv(4096)


async def heard_until(listening: socket.socket, beginning: bytes) -> list[bytes]:
    """What is said, up to the first word that begins so."""
    heard: list[bytes] = []
    while not heard or not heard[-1].startswith(beginning):
        heard.append(await asyncio.to_thread(listening.recv, 4096))
    return heard


def drain(listening: socket.socket) -> None:
    while True:
        listening.recv(4096)


async def test_a_daemon_says_ready_lives_and_keeps_its_gateway_quiet(
    manager: tuple[socket.socket, str], state_dir: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, address = manager
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    with running(state_dir) as daemon:  # heard from the beginning: what nobody takes is soon dropped
        hearing = asyncio.create_task(heard_until(listening, b"STATUS=READY: serving at http://"))
        ready = await daemon.until(GatewayState.READY)
        heard = await hearing
        assert heard[0].startswith(b"READY=1\nSTATUS=the daemon (PID ")
        assert b"STATUS=STARTING: start" in heard
        assert b"WATCHDOG=1" in heard
        told = await asyncio.to_thread(Path(f"/proc/{ready.gateway_pid}/environ").read_bytes)
        assert b"NOTIFY_SOCKET" not in told
        assert b"WATCHDOG_USEC" not in told
        daemon.process.send_signal(signal.SIGSTOP)  # a daemon that hangs feeds nobody, and the manager's watchdog bites
        listening.settimeout(0.4)
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(drain, listening)
        daemon.process.send_signal(signal.SIGCONT)
        listening.settimeout(PATIENCE_SECONDS)
        assert await asyncio.to_thread(listening.recv, 4096) == b"WATCHDOG=1"
        hearing = asyncio.create_task(heard_until(listening, b"STATUS=STOPPED: the daemon ends"))
        daemon.process.send_signal(signal.SIGTERM)
        assert await daemon.ended() == 0
        heard = await hearing
        longest = FAST["drain_seconds"] + FAST["settle_seconds"] + 5  # a manager that waits less is to wait on
        assert b"STOPPING=1\nEXTEND_TIMEOUT_USEC=%d" % (longest * 1_000_000) in heard


async def test_a_daemon_that_cannot_run_says_why(
    manager: tuple[socket.socket, str], state_dir: StateDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, address = manager
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(state_dir, port) as daemon:
            assert await daemon.ended() != 0
    assert f"port {port} is taken" in (await heard_until(listening, b"STATUS="))[-1].decode()
