"""Starts the daemon in the background and waits for its gateway."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from conduit_tui.control.plane import ControlError
from conduit_tui.control.remote import DaemonClient
from conduit_tui.domain.processes import GatewayState, ProcessStatus
from conduit_tui.domain.runs import RUN_VARIABLE
from conduit_tui.paths import StateDir
from conduit_tui.store.locks import is_locked
from conduit_tui.supervisor.main import DETACHED_VARIABLE
from conduit_tui.supervisor.policy import EXIT_CONFIGURATION
from conduit_tui.supervisor.states import SERVING

PATIENCE_SECONDS = 75.0  # a gateway left by a killed daemon may drain for 40
_POLL_SECONDS = 0.03


class LaunchError(Exception):
    """No gateway became READY. `exit_code` is 77 for a lack of permission, 78 for a bad configuration, else 1."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def start_detached(
    state_dir: StateDir,
    *,
    port: int | None = None,
    listen: str | None = None,
    allow_hosts: Sequence[str] = (),
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    insecure_listen: bool = False,
    command: Sequence[str] | None = None,
    patience: float = PATIENCE_SECONDS,
) -> ProcessStatus:
    """Start a daemon that outlives this process and its terminal; returns when the gateway is READY.

    What is not given is taken from the environment, config.toml and the defaults. A daemon that runs already keeps its
    address; a gateway that it has stopped is started. `command` replaces the command line that runs the daemon in the
    foreground. Raises LaunchError, after `patience` seconds at the latest.
    """
    words = command or [
        *(sys.executable, "-P", "-m", "conduit_tui", "--state-dir", str(state_dir.root)),
        *(("--port", str(port)) if port is not None else ()),
        *(("--listen", listen) if listen is not None else ()),
        *("up", "--foreground"),
        *(word for host in allow_hosts for word in ("--allow-host", host)),
        *(("--tls-cert", str(tls_cert.absolute())) if tls_cert else ()),
        *(("--tls-key", str(tls_key.absolute())) if tls_key else ()),
        *(("--insecure-listen",) if insecure_listen else ()),
    ]
    return asyncio.run(_start(state_dir, words, patience))


async def _start(state_dir: StateDir, command: Sequence[str], patience: float) -> ProcessStatus:
    state_dir.prepare()
    client = DaemonClient(state_dir)
    process = None
    if not is_locked(state_dir.daemon_lock):
        process = _spawn(command)
    status: ProcessStatus | None = None
    problem = ""
    try:
        async with asyncio.timeout(patience):
            if process is None:
                await _wake(client)
            while True:
                try:
                    async for status in client.watch():
                        if status.state in SERVING:
                            return status
                        _give_up_on(status)
                except ControlError as error:
                    problem = error.message
                if process is not None and process.poll() is not None and not is_locked(state_dir.daemon_lock):
                    raise _died(process)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        where = f"the gateway is still {status.state}: {status.reason}" if status else f"no daemon answers: {problem}"
        raise LaunchError(f"{where} (waited {patience:g} s)", 1) from None
    finally:
        if process is not None:
            _let_go(process)


async def _wake(client: DaemonClient) -> None:
    """Have a running daemon start its gateway; one so young that it does not answer yet does so by itself."""
    try:
        status = await client.status()
        if status.state not in SERVING:
            await client.start()
    except ControlError:
        return


def _give_up_on(status: ProcessStatus) -> None:
    if status.state is GatewayState.FAILED:
        raise LaunchError(status.reason, EXIT_CONFIGURATION)
    if status.state is GatewayState.COOLDOWN:
        raise LaunchError(f"{status.reason}; `conduit-tui logs` shows what it wrote", 1)


def _spawn(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,  # until it has begun; then the daemon turns to its log
        env={**_without_run(os.environ), DETACHED_VARIABLE: "1"},
        cwd="/",
        start_new_session=True,
    )


def _without_run(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment without the mark of a launched run: the daemon outlives the run that may have started it."""
    return {name: value for name, value in variables.items() if name != RUN_VARIABLE}


def _died(process: "subprocess.Popen[bytes]") -> LaunchError:
    words = process.stderr.read() if process.stderr is not None else b""
    said = words.decode("utf-8", "replace").strip().splitlines()
    reason = said[-1].removeprefix("conduit-tui: ") if said else f"the daemon exited with {process.returncode}"
    return LaunchError(reason, process.returncode if process.returncode > 0 else 1)


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    """Forget the daemon: it is no child to wait for."""
    if process.stderr is not None:
        process.stderr.close()
    if process.poll() is None:
        process.returncode = 0
