"""The prompt that comes on stdin, read before the agent starts, and still there for the agent to read."""

import os
import select
import stat
import time
from typing import NamedTuple

LONGEST = 1024 * 1024  # bytes that rules look at
PATIENCE_SECONDS = 3.0  # what Claude Code waits for a prompt, too


class Beginning(NamedTuple):
    """What stands at the beginning of stdin. `taken` are bytes that the agent can only get from us."""

    text: str = ""
    taken: bytes = b""


def peek(descriptor: int, *, patience: float = PATIENCE_SECONDS) -> Beginning:
    """Look at stdin: at a file without moving in it; at a pipe until it ends, is long, or has been waited for."""
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return Beginning(_text(os.pread(descriptor, LONGEST, os.lseek(descriptor, 0, os.SEEK_CUR))))
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        return Beginning()
    taken = bytearray()
    deadline = time.monotonic() + patience
    while len(taken) < LONGEST:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(descriptor, LONGEST - len(taken)) if ready else b""
        if not chunk:
            break
        taken += chunk
    return Beginning(_text(bytes(taken)), bytes(taken))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
