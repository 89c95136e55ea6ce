"""Which process a number really means: pid, start time, boot and a random nonce in its environment.

A pid alone may by now belong to an innocent program; nothing is signalled whose identity does not hold.
"""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

NONCE_VARIABLE = "CONDUIT_NONCE"
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process as it was when we knew it."""

    pid: int
    started: str  # clock ticks since boot on Linux, else seconds since the epoch
    boot: str
    nonce: str

    @classmethod
    def of(cls, pid: int, nonce: str) -> "ProcessIdentity | None":
        """The identity of a running process; None when there is none (a zombie is none)."""
        started = _start_time(pid)
        return None if started is None else cls(pid, started, _boot(), nonce)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.boot == _boot() and _start_time(self.pid) == self.started and _nonce(self.pid) == self.nonce

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to this process and no other; whether it was sent."""
        if not hasattr(os, "pidfd_open"):
            if self.alive:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(self.pid, number)
                    return True
            return False
        try:
            handle = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            # The handle is held from before the check on: what it names cannot be exchanged any more.
            if not self.alive:
                return False
            signal.pidfd_send_signal(handle, number)
        except (ProcessLookupError, PermissionError):
            return False
        else:
            return True
        finally:
            os.close(handle)


def kill_strays(nonce: str) -> int:
    """SIGKILL every process of this user that carries the nonce, wherever it moved; how many there were."""
    if not nonce or not _PROC.joinpath("self/environ").exists():
        return 0
    killed = 0
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and _nonce(int(entry.name)) == nonce:
            stray = ProcessIdentity.of(int(entry.name), nonce)
            killed += stray is not None and stray.signal(signal.SIGKILL)
    return killed


def _start_time(pid: int) -> str | None:
    if _PROC.joinpath("self/stat").exists():
        try:
            # the name in parentheses may hold anything; after it come the state and 18 fields before the start time
            fields = _PROC.joinpath(str(pid), "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.Error:
        return None


def _boot() -> str:
    try:
        return _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))


def _nonce(pid: int) -> str:
    if _PROC.joinpath("self/environ").exists():
        try:
            variables = _PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0")
        except OSError:
            return ""
        prefix = f"{NONCE_VARIABLE}=".encode()
        return next((entry.removeprefix(prefix).decode() for entry in variables if entry.startswith(prefix)), "")
    import psutil

    try:
        return str(psutil.Process(pid).environ().get(NONCE_VARIABLE, ""))
    except psutil.Error:
        return ""
