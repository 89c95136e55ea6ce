"""Whether the gateway runs, can run, and goes on running."""

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conduit_tui import __version__
from conduit_tui.doctor.check import Check, fail, ok, warn
from conduit_tui.domain.processes import SERVING
from conduit_tui.service.logout import ends_at_logout
from conduit_tui.service.managers import manager
from conduit_tui.service.unit import Service


def serving(status: Mapping[str, Any] | None, version: str, host: str, port: int, state_dir: Path) -> Iterator[Check]:
    """`status` is the daemon's own account, None where none runs; host and port are where it would listen."""
    if status is None:
        yield ok("daemon", "does not run; `conduit-tui up` starts it")
        yield free_port(host, port)
    else:
        yield daemon(status, version)
        yield gateway(status)
    yield service(state_dir, status["daemon_pid"] if status is not None else None)


def daemon(status: Mapping[str, Any], version: str) -> Check:
    shown = f"pid {status['daemon_pid']}, version {version}"
    if version != __version__:
        return warn("daemon", f"{shown}, this is {__version__}", "`conduit-tui restart --daemon` replaces it")
    return ok("daemon", shown)


def gateway(status: Mapping[str, Any]) -> Check:
    state, reason = status["state"], status.get("reason", "")
    shown = f"{state} at {status['url']}"
    if state in SERVING:
        return ok("gateway", shown) if state == "READY" else warn("gateway", f"{shown}: {reason}", "`conduit-tui logs`")
    if state == "STARTING":
        return warn("gateway", f"{state}: {reason}", "`conduit-tui status` in a moment")
    return fail("gateway", f"{state}: {reason}", "`conduit-tui logs` says why; `conduit-tui restart` tries again")


def free_port(host: str, port: int) -> Check:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            return fail("port", f"{host}:{port}: {error.strerror}", "choose another with --port")
    return ok("port", f"{host}:{port} is free")


def service(state_dir: Path, pid: int | None) -> Check:
    """Whether a logout would end the daemon with this pid, or the one that `up` would start from here."""
    found = manager()
    if found is not None and found.keeps(Service(state_dir)):
        standing = found.standing()
        if pid is not None and pid != standing.pid:
            return warn(
                "service", f"{standing.state}; the daemon (pid {pid}) runs beside it",
                "`conduit-tui down`, then `conduit-tui up`, which starts the service",
            )  # fmt: skip
        if standing.state == "failed":
            return fail("service", f"failed: {standing.says or 'it says nothing'}", "mend that, then `conduit-tui up`")
        if not standing.survives_logout:
            return warn("service", f"{standing.state}, ends at logout", "`loginctl enable-linger`")
        return ok("service", f"{standing.state}, goes on after a logout")
    if ends_at_logout(pid or os.getpid()):
        return warn(
            "service", "not installed, and this system ends the daemon when you log out",
            "`conduit-tui down`, `conduit-tui service install`, `loginctl enable-linger`",
        )  # fmt: skip
    if found is None:
        return ok("service", "no service manager here; `conduit-tui up` needs none")
    return ok("service", "not installed; the daemon goes on after a logout here")
