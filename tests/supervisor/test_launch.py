"""`up`: the daemon in the background, and what is said when it cannot start."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.control.plane import ControlError
from conduit_tui.control.remote import DaemonClient
from conduit_tui.domain.processes import GatewayState, ProcessStatus
from conduit_tui.paths import StateDir
from conduit_tui.supervisor.launch import LaunchError, start_detached
from tests.supervisor.daemons import FAST, RUN_DAEMON, alive, starts, wish
from tests.waiting import until


def up(state_dir: StateDir, port: int = 0, *, patience: float = 60.0, **policy: Any) -> ProcessStatus:
    command = [sys.executable, str(RUN_DAEMON), str(state_dir.root), str(port), json.dumps({**FAST, **policy})]
    return start_detached(state_dir, port=port, command=command, patience=patience)


@pytest.fixture(autouse=True)
def _nothing_stays(state_dir: StateDir) -> Iterator[None]:
    yield

    async def down() -> None:
        client = DaemonClient(state_dir)
        try:
            pid = (await client.status()).daemon_pid
            await client.shutdown(now=True)
        except ControlError:
            return
        await until(lambda: not alive(pid or 0))

    asyncio.run(down())
    for _at, pid, _generation in starts(state_dir):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_it_returns_when_ready_and_the_daemon_is_on_its_own(state_dir: StateDir) -> None:
    status = up(state_dir)
    assert status.state is GatewayState.READY
    pid = status.daemon_pid or 0
    assert os.getsid(pid) == pid
    descriptors = {number: os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)}
    assert descriptors == {0: "/dev/null", 1: "/dev/null", 2: str(state_dir.process_log)}
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert b"CONDUIT_DETACHED" not in Path(f"/proc/{status.gateway_pid}/environ").read_bytes()


def test_a_second_time_it_finds_what_runs_and_starts_what_was_stopped(state_dir: StateDir) -> None:
    first = up(state_dir)
    assert up(state_dir).daemon_pid == first.daemon_pid

    async def stop() -> None:
        client = DaemonClient(state_dir)
        await client.stop()
        async for status in client.watch():
            if status.state is GatewayState.STOPPED:
                break

    asyncio.run(stop())
    again = up(state_dir)
    assert (again.daemon_pid, again.state, again.starts) == (first.daemon_pid, GatewayState.READY, 2)


def test_a_taken_port_is_said_with_exit_code_78(state_dir: StateDir) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(LaunchError) as refused:
        up(state_dir, taken.getsockname()[1])
    assert refused.value.exit_code == 78
    assert f"is taken by PID {os.getpid()} (" in str(refused.value)
    assert str(refused.value).endswith("choose another with --port")


def test_a_gateway_that_needs_a_person_is_said_and_the_daemon_stays(state_dir: StateDir) -> None:
    wish(state_dir, exit=78, failed="the database is of a newer version")
    with pytest.raises(LaunchError) as refused:
        up(state_dir)
    assert (str(refused.value), refused.value.exit_code) == ("the database is of a newer version", 78)
    wish(state_dir)
    assert up(state_dir).generation == 2


def test_a_crash_loop_is_said(state_dir: StateDir) -> None:
    wish(state_dir, exit=1)
    with pytest.raises(LaunchError, match="exited with 1") as refused:
        up(state_dir, quick_restarts=1, intensity_starts=1, cooldown_seconds=[60.0])
    assert refused.value.exit_code == 1


def test_patience_ends(state_dir: StateDir) -> None:
    wish(state_dir, ready=False)
    with pytest.raises(LaunchError, match="the gateway is still STARTING: start"):
        up(state_dir, patience=5.0, cut_seconds=0.3)


def test_a_state_directory_that_cannot_be_used(tmp_path: Path) -> None:
    blocked = StateDir(tmp_path / "file" / "state")
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, str(RUN_DAEMON), str(blocked.root), "0", "{}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 77
    assert done.stderr.startswith(f"conduit-tui: cannot create {blocked.root}: ")
    assert done.stderr.count("\n") == 1


def test_an_address_beyond_this_machine_needs_tls_or_the_users_word(state_dir: StateDir) -> None:
    script = (
        "import sys; from pathlib import Path; from conduit_tui.paths import StateDir;"
        "from conduit_tui.supervisor.gateways import DaemonOptions;"
        "from conduit_tui.supervisor.main import run_foreground;"
        "sys.exit(run_foreground(DaemonOptions(state_dir=StateDir(Path(sys.argv[1])), port=0, listen=sys.argv[2])))"
    )
    for address, said in (
        ("0.0.0.0", "give --tls-cert and --tls-key"),
        ("192.0.2.7", "not an address of this machine"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, str(state_dir.root), address], capture_output=True, text=True, check=False
        )
        assert done.returncode == 78
        assert said in done.stderr
