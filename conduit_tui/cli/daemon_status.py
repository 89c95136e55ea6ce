"""The daemon's status by the shortest way: a blocking socket and plain JSON.

`status` must answer within 150 ms; importing asyncio and pydantic for the real client (`control.remote`) would cost
more than that. The frames are those of `control.messages`.
"""

import json
import os
import socket
from typing import Any, NamedTuple

from conduit_tui import __version__
from conduit_tui.cli.errors import BAD_CONFIGURATION, Failure
from conduit_tui.paths import StateDir

PROTOCOL = 1
TIMEOUT_SECONDS = 5.0
FRAME_LIMIT = 4 * 1024 * 1024


class Daemon(NamedTuple):
    """A daemon that answers. `status` is a `domain.processes.ProcessStatus` as JSON; `None` in another protocol."""

    pid: int
    version: str
    protocol: int
    status: dict[str, Any] | None


def find_daemon(state_dir: StateDir) -> Daemon | None:
    """The daemon of a state directory; `None` if none runs. Raises Failure if it does not answer or cannot be asked."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(TIMEOUT_SECONDS)
    with connection:
        try:
            connection.connect(os.fspath(state_dir.daemon_socket))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError as error:
            raise Failure(
                f"{state_dir.daemon_socket} cannot be used: {error.strerror}; choose another --state-dir",
                BAD_CONFIGURATION,
            ) from None
        try:
            return _ask(connection)
        except TimeoutError:
            raise Failure(f"the daemon does not answer within {TIMEOUT_SECONDS:g} s") from None
        except (OSError, ValueError, KeyError) as error:
            raise Failure(f"the daemon's answer broke off: {error or type(error).__name__}") from None


def _ask(connection: socket.socket) -> Daemon:
    hello = {"type": "hello", "protocol": PROTOCOL, "role": "client", "version": __version__, "pid": os.getpid()}
    request = {"type": "request", "id": 1, "method": "status", "params": {}}
    connection.sendall(json.dumps(hello).encode() + b"\n" + json.dumps(request).encode() + b"\n")
    with connection.makefile("rb") as lines:
        theirs = _frame(lines.readline(FRAME_LIMIT))
        pid, version, protocol = int(theirs["pid"]), str(theirs["version"]), int(theirs["protocol"])
        if protocol != PROTOCOL:
            return Daemon(pid, version, protocol, None)
        answer = _frame(lines.readline(FRAME_LIMIT))
    if answer["type"] != "result":
        raise Failure(str(answer["message"]))
    return Daemon(pid, version, protocol, answer["value"])


def _frame(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise ValueError("the connection was closed")
    frame = json.loads(line)
    if not isinstance(frame, dict):
        raise ValueError("not a frame")
    return frame
