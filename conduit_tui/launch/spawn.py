"""Starting the agent: a process group of its own, in the foreground of the terminal, ended when we are."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from conduit_tui.launch.terminal import Terminal

_PR_SET_PDEATHSIG = 1


class Streams(NamedTuple):
    """Descriptors in place of ours: of its stdin, where part of that was read already, and of its stdout."""

    stdin: int | None = None
    stdout: int | None = None


def spawn(
    command: Sequence[str],
    program: str,
    variables: dict[str, str],
    streams: Streams,
    terminal: Terminal | None,
    mask: set[int],
    *,
    foreground: bool,
) -> int:
    """Start it and return its pid, which is its process group too. `mask` is the signal mask that it gets.

    Raises OSError where `program` cannot be run.
    """
    process = subprocess.Popen(
        command,
        executable=program,
        stdin=streams.stdin,
        stdout=streams.stdout,
        env=variables,
        preexec_fn=_begin(terminal if foreground else None, mask),  # safe, as no thread runs yet
    )
    process.returncode = 0  # waited for by `Attendant`, which must see it stop, too
    return process.pid


def _begin(terminal: Terminal | None, mask: set[int]) -> Callable[[], None]:
    """What the child does between fork and exec."""
    launcher = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def begin() -> None:
        os.setpgid(0, 0)
        if terminal is not None:
            terminal.give(os.getpid())  # from here too: whoever of the two is first, it must hold before exec
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != launcher:
                os._exit(128 + signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    return begin
