"""One way to the control plane, whether a gateway runs or not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlError, ControlPlane, ProviderTest
from conduit_tui.control.remote import RemoteControl
from conduit_tui.domain.providers import Provider
from conduit_tui.paths import StateDir

PATIENCE_SECONDS = 5.0  # a gateway that starts or ends has the lock but does not answer
_POLL_SECONDS = 0.05


@asynccontextmanager
async def open_control(
    state_dir: StateDir,
    *,
    probe: Callable[[Provider], Awaitable[ProviderTest]],
    patience: float = PATIENCE_SECONDS,
) -> AsyncIterator[ControlPlane]:
    """The gateway's control plane if one answers, else one over the database, with the writer's lock held meanwhile.

    Keep it open for one change: a gateway that starts waits for the lock. Raises ControlError `unavailable`, and
    StoreError when the database cannot be used.
    """
    from conduit_tui.store.locks import WriterLock
    from conduit_tui.store.sqlite import SqliteStore

    remote = RemoteControl(state_dir)
    lock = WriterLock(state_dir.writer_lock)
    until = asyncio.get_running_loop().time() + patience
    while True:
        if await remote.answers():
            yield remote
            return
        if lock.try_acquire():
            break
        if asyncio.get_running_loop().time() >= until:
            raise ControlError(
                "unavailable", "the gateway is starting or ending; `conduit-tui status` shows when it is READY"
            )
        await asyncio.sleep(_POLL_SECONDS)
    try:
        store = await SqliteStore.open(state_dir.database)
        try:
            yield LocalControl(store, state_dir, probe=probe)
        finally:
            await store.close()
    finally:
        lock.release()
