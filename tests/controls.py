"""A control plane, as it is reached inside the gateway and through its socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlPlane
from conduit_tui.control.remote import RemoteControl
from conduit_tui.control.server import ControlServer, control_methods
from conduit_tui.paths import StateDir


@asynccontextmanager
async def reached(way: str, local: LocalControl, state_dir: StateDir) -> AsyncIterator[ControlPlane]:
    """The same behaviour, whichever `way` it is reached: "local" or "remote"."""
    server = ControlServer(state_dir.gateway_socket, role="gateway", methods=control_methods(local))
    await server.start()
    try:
        yield local if way == "local" else RemoteControl(state_dir)
    finally:
        await server.close()
