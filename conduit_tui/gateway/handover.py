"""Letting go: the next gateway gets listener and database, and is sent what the last streams of this one still cost."""

import asyncio
import contextlib

from conduit_tui.control.next_gateway import NextGateway
from conduit_tui.control.plane import ControlError
from conduit_tui.control.reports import ReportType
from conduit_tui.control.server import ControlServer
from conduit_tui.gateway.forwarding import ForwardingStore
from conduit_tui.gateway.http.server import Server
from conduit_tui.gateway.live import LiveBoard
from conduit_tui.gateway.reporter import Reporter
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.observe.logs import Logger
from conduit_tui.paths import StateDir
from conduit_tui.store.locks import WriterLock
from conduit_tui.store.sqlite import SqliteStore

CHANGE_SECONDS = 6.0  # for changes under way; meanwhile requests are served as ever
SHOW_SECONDS = 0.5  # between two views to the next gateway

log = Logger("gateway")


async def let_go(
    *,
    state_dir: StateDir,
    sockets: ControlServer,
    server: Server,
    ledger: Ledger,
    store: SqliteStore,
    lock: WriterLock,
    reporter: Reporter,
) -> ForwardingStore:
    """Close the listener, commit, give the lock back; what the ledger writes from then on, and where to.

    Nothing is refused meanwhile: who connects waits in the listener's queue, and who has a connection is served.
    """
    await sockets.close(CHANGE_SECONDS)
    server.end_after_next_answer()
    forwarding = ForwardingStore(state_dir)
    ledger.move_to(forwarding)  # what comes from here on waits for the next gateway
    await store.close()
    lock.release()
    reporter.report(ReportType.HANDED_OVER)
    log.info("handed over", in_flight=server.busy)
    return forwarding


async def show_next(state_dir: StateDir, generation: int, board: LiveBoard) -> None:
    """Let the next gateway show what is under way here, until cancelled."""
    following = NextGateway(state_dir)
    while True:
        with contextlib.suppress(ControlError):
            await following.show(generation, board.view())
        await asyncio.sleep(SHOW_SECONDS)
