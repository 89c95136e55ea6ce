"""`status` against a real control socket: its short way and the full client agree."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from conduit_tui.cli import daemon_status
from conduit_tui.control import messages
from conduit_tui.control.plane import ControlError
from conduit_tui.control.remote import DaemonClient
from conduit_tui.control.server import ControlServer
from conduit_tui.domain.processes import GatewayState, HealthCheck, ProcessStatus
from conduit_tui.paths import StateDir

pytestmark = pytest.mark.anyio

STATUS = ProcessStatus(
    url="http://127.0.0.1:4141",
    daemon_pid=11,
    gateway_pid=12,
    state=GatewayState.READY,
    reason="ready \x1b[31min 412 ms",
    since=1_793_491_200_000,
    generation=3,
    gateway_memory_bytes=43_000_000,
    health=(HealthCheck(at=1_793_491_200_000, ok=True, took_ms=1.25),),
    version="0.1.0",
)


@asynccontextmanager
async def daemon(state_dir: StateDir, answer: ProcessStatus | ControlError = STATUS) -> AsyncIterator[None]:
    async def status() -> ProcessStatus:
        if isinstance(answer, ControlError):
            raise answer
        return answer

    state_dir.prepare()
    server = ControlServer(state_dir.daemon_socket, role="daemon", methods={"status": status})
    await server.start()
    try:
        yield
    finally:
        await server.close()


async def conduit(state_dir: StateDir, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "conduit_tui", "--state-dir", str(state_dir.root), *arguments]
    return await anyio.run_process(command, check=False, stdin=subprocess.DEVNULL)


async def test_the_json_is_what_the_full_client_reads(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)
    async with daemon(state_dir):
        done = await conduit(state_dir, "status", "--json")
        assert (done.returncode, done.stderr) == (0, b"")
        printed = json.loads(done.stdout)
        assert list(printed)[:4] == ["url", "daemon_pid", "gateway_pid", "state"]
        assert ProcessStatus.model_validate(printed) == await DaemonClient(state_dir).status() == STATUS


async def test_people_read_aligned_lines_without_control_characters(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)
    async with daemon(state_dir):
        done = await conduit(state_dir, "status")
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("state    READY for ")
    assert r"reason   ready \x1b[31min 412 ms" in lines
    assert "gateway  pid 12, generation 3, 41 MB" in lines
    assert "health   ok in 1.2 ms" in lines


async def test_without_a_daemon_the_state_is_stopped_and_nothing_is_created(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path / "never")
    done = await conduit(state_dir, "status", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["state"] == "STOPPED"
    assert not state_dir.root.exists()


async def test_a_socket_that_a_dead_daemon_left_is_no_daemon(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(state_dir.daemon_socket))
    done = await conduit(state_dir, "status")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, b"state   STOPPED")


async def test_a_refusal_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)
    async with daemon(state_dir, ControlError("internal", "status failed \x1b]0;x\x07 inside")):
        done = await conduit(state_dir, "status")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"conduit-tui: status failed \\x1b]0;x\\x07 inside\n"


def test_the_short_way_speaks_the_protocol_of_the_full_one() -> None:
    assert (daemon_status.PROTOCOL, daemon_status.FRAME_LIMIT) == (messages.PROTOCOL, messages.FRAME_LIMIT)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b'{"type":"hello","protocol":99,"role":"daemon","version":"9.0.0","pid":77}\n', "pid 77, version 9.0.0"),
        (b"", "broke off"),
        (b"SSH-2.0-OpenSSH\r\n", "broke off"),
        (b"[1]\n", "broke off"),
        (b'{"type":"hello"}\n', "broke off"),
        (b'{"type":"hello","protocol":1,"role":"daemon","version":"0.1.0","pid":7}\n', "broke off"),
    ],
)
async def test_other_protocols_and_other_programs_are_told_apart(tmp_path: Path, said: bytes, words: str) -> None:
    state_dir = StateDir(tmp_path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(state_dir.daemon_socket))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        done = await conduit(state_dir, "status")
    finally:
        thread.join()
        listener.close()
    assert done.returncode == 1
    assert words in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_a_socket_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    state_dir = StateDir(tmp_path)
    state_dir.daemon_socket.symlink_to(state_dir.daemon_socket)  # round and round
    done = subprocess.run(
        [sys.executable, "-m", "conduit_tui", "status", "--state-dir", str(tmp_path)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 78
    assert f"{state_dir.daemon_socket} cannot be used" in done.stderr
