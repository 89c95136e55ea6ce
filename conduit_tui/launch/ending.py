"""What is left of a run when its agent has ended: asked to end, then made to, wherever it has moved."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from conduit_tui.domain.runs import RUN_VARIABLE

if TYPE_CHECKING:
    import psutil

_POLL_SECONDS = 0.02
_SWEEPS = 20  # a process may start another while it is looked for


def end_all(group: int, run_id: str, patience: float) -> int:
    """End the process group and everything that carries the run's mark; how many processes there were.

    SIGTERM, after `patience` seconds SIGKILL.
    """
    import psutil

    left = list(_members(group, run_id))
    found = len(left)
    _signal(left, signal.SIGTERM)
    _signal(left, signal.SIGCONT)
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        _, left = psutil.wait_procs(left, timeout=_POLL_SECONDS)
        left = [one for one in left if _runs(one)]
        if not left:
            left = list(_members(group, run_id))
            _signal(left, signal.SIGTERM)
            found += len(left)
    for _ in range(_SWEEPS):
        if not left:
            break
        _signal(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=1.0)
        left = list(_members(group, run_id))
    return found


def _members(group: int, run_id: str) -> "Iterator[psutil.Process]":
    """The processes of this user in the group, or with the mark in their environment; the dead are none."""
    import psutil

    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if (_group_of(process.pid) == group or process.environ().get(RUN_VARIABLE) == run_id) and _runs(process):
                yield process


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _runs(process: "psutil.Process") -> bool:
    import psutil

    try:
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.Error:
        return False


def _signal(processes: "list[psutil.Process]", number: signal.Signals) -> None:
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
