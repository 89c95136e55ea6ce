"""`conduit-tui up --foreground`: the daemon in this process."""

import asyncio
import contextlib
import faulthandler
import os
import sys
from datetime import datetime

from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.paths import StateDir
from conduit_tui.supervisor.daemon import DaemonError, serve
from conduit_tui.supervisor.gateways import DaemonOptions
from conduit_tui.supervisor.journal import in_words
from conduit_tui.supervisor.notify import Notifier
from conduit_tui.supervisor.resumption import received

DETACHED_VARIABLE = "CONDUIT_DETACHED"  # set by `launch`: nobody reads what is said after the start


def run_foreground(options: DaemonOptions) -> int:
    """Run the daemon until it is told to end; the exit code. What went wrong has been said on stderr."""
    carriage = received()
    detached = os.environ.pop(DETACHED_VARIABLE, "") == "1" or (carriage is not None and carriage.detached)
    faulthandler.enable()
    try:
        if detached:
            asyncio.run(serve(options, begun=lambda: _leave_terminal(options.state_dir), carriage=carriage))
        else:
            asyncio.run(serve(options, tell=_say, carriage=carriage))
    except DaemonError as error:
        Notifier().say(STATUS=str(error))
        sys.stderr.write(f"conduit-tui: {error}\n")
        return error.exit_code
    return 0


def _say(event: ProcessEvent) -> None:
    at = datetime.fromtimestamp(event.at / 1000).astimezone()
    # the text may come from elsewhere, and the reader may be a terminal, or gone
    words = in_words(event).encode("ascii", "backslashreplace").decode()
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{at:%H:%M:%S} {''.join(c if c.isprintable() else '?' for c in words)}\n")


def _leave_terminal(state_dir: StateDir) -> None:
    """From here on stderr, where only a crash of the daemon itself would write, is the process log."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(state_dir.process_log, flags, 0o600)
    os.dup2(descriptor, 2)
    os.close(descriptor)
