"""Executing the daemon anew in its place: process, children, listener and lock stay, the program may be newer."""

import asyncio
import os
import signal
import sys

from conduit_tui.paths import StateDir
from conduit_tui.supervisor.identity import NONCE_VARIABLE
from conduit_tui.supervisor.journal import Journal
from conduit_tui.supervisor.resumption import FORMAT, Carriage, execute
from conduit_tui.supervisor.supervisor import Supervisor

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
TRIAL_SECONDS = 20.0

# What a service manager tells the daemon, whatever the shell says that asked for the replacement.
_KEPT = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID")

# What the next program must be able to do, tried in a process of its own before this one is given up.
_TRIAL = (
    "import conduit_tui.cli.main, conduit_tui.cli.process, conduit_tui.supervisor.main, "
    "conduit_tui.supervisor.resumption as r; print(r.FORMAT)"
)


async def replace(supervisor: Supervisor, state_dir: StateDir, journal: Journal, *, listener: int, lock: int) -> None:
    """Execute the daemon anew with the words that it was started with. Returns only when that is not possible."""
    environment = {**(supervisor.environment or os.environ)}
    environment.update({name: os.environ[name] for name in _KEPT if name in os.environ})
    environment.pop(NONCE_VARIABLE, None)
    problem = await _try_out(environment)
    if not problem and not supervisor.settled:
        return  # its gateway ended meanwhile: that comes first
    if not problem:
        journal.write("note", "the daemon is executed anew in its place")
        # what comes from here on waits for the handlers of the next program
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        carriage = Carriage(listener=listener, lock=lock, detached=_is_detached(), resumption=supervisor.carry())
        try:
            execute(carriage, sys.executable, sys.orig_argv[1:], environment, state_dir)
        except OSError as error:
            problem = f"{sys.executable} cannot be executed: {error.strerror}"
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    journal.write("note", f"the daemon was not replaced: {problem}")
    supervisor.stay(f"the daemon was not replaced: {problem}")


async def _try_out(environment: dict[str, str]) -> str:
    """Why the program that is installed now cannot take over; empty if it can."""
    try:
        trial = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", _TRIAL,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment,
        )  # fmt: skip
    except OSError as error:
        return f"{sys.executable} cannot be executed: {error.strerror}"
    try:
        async with asyncio.timeout(TRIAL_SECONDS):
            said, complaint = await trial.communicate()
    except TimeoutError:
        trial.kill()
        await trial.wait()
        return f"the program that is installed does not start within {TRIAL_SECONDS:g} s"
    if trial.returncode:
        last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:]
        return f"the program that is installed does not start: {last[0] if last else trial.returncode}"
    if said.strip() != str(FORMAT).encode():
        return "the program that is installed cannot take over from this version; use `down`, then `up`"
    return ""


def _is_detached() -> bool:
    return os.getsid(0) == os.getpid() and not sys.stderr.isatty()
