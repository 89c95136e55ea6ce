"""One run from start to end: the agent is started, attended to, watched, and nothing of it is left behind."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from conduit_tui.launch.account import Account
from conduit_tui.launch.attendant import PATIENCE_SECONDS, Attendant, Signals
from conduit_tui.launch.ending import end_all
from conduit_tui.launch.lines import JsonLines
from conduit_tui.launch.pump import Feed, Pump
from conduit_tui.launch.recorder import Recorder
from conduit_tui.launch.spawn import Streams, spawn
from conduit_tui.launch.terminal import Terminal

_JOIN_SECONDS = 0.1
_LAST_SECONDS = 1.0


class Launch(NamedTuple):
    """What is to be started. `program` is the file of `command`'s first word, `stdin` what was already read of ours."""

    run_id: str
    command: Sequence[str]
    program: str
    variables: dict[str, str]
    stdin: bytes = b""
    patience: float = PATIENCE_SECONDS


def execute(launch: Launch, account: Account, recorder: Recorder) -> int:
    """Run it to its end and book what it said; its exit code, 128+N when signal N ended it.

    A stdout that is a terminal is the agent's own; another one is watched. Raises OSError if it cannot be started.
    """
    terminal = Terminal.open()
    watched = not _is_terminal(1)
    try:
        with Signals() as signals:
            streams, pumps = _streams(launch.stdin, account, watched=watched)
            try:
                # In front of other programs' pipes the terminal stays with all of us, until it is asked for.
                eager = terminal is not None and not watched and terminal.foreground() == os.getpgrp()
                child = spawn(
                    launch.command,
                    launch.program,
                    launch.variables,
                    streams,
                    terminal,
                    signals.before,
                    foreground=eager,
                )
            finally:
                for descriptor in streams:
                    if descriptor is not None:
                        os.close(descriptor)
            for pump in pumps:
                pump.start()
            if watched:
                recorder.start()
            attendant = Attendant(child, terminal, signals, in_foreground=eager, patience=launch.patience)
            code = attendant.wait()
            # who has waited for the agent need not wait as long for what it leaves
            end_all(child, launch.run_id, _LAST_SECONDS if attendant.lost_patience else launch.patience)
            for pump in pumps:
                while isinstance(pump, Pump) and pump.is_alive() and not signals.end_is_wanted:
                    pump.join(_JOIN_SECONDS)
            recorder.finish()
            return code
    finally:
        if terminal is not None:
            terminal.close()


def _streams(beginning: bytes, account: Account, *, watched: bool) -> tuple[Streams, list[Pump | Feed]]:
    """The agent's ends of pipes, and the threads that will serve ours."""
    theirs_in = theirs_out = None
    pumps: list[Pump | Feed] = []
    if beginning:
        theirs_in, ours = os.pipe()
        pumps.append(Feed(0, ours, beginning))
    if watched:
        ours, theirs_out = os.pipe()
        lines = JsonLines(account.note)
        pumps.append(Pump(ours, 1, lines.feed, lines.close))
    return Streams(theirs_in, theirs_out), pumps


def _is_terminal(descriptor: int) -> bool:
    with suppress(OSError):
        return os.isatty(descriptor)
    return False


def flush_own_output() -> None:
    """Write out what is buffered here, so that it comes before what the agent writes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
