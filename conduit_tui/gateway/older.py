"""Older gateways whose streams still run: what this one writes and shows for them, and what those that end leave."""

import asyncio

from conduit_tui.control.connection import Method
from conduit_tui.control.next_gateway import Written
from conduit_tui.domain.live import LiveView
from conduit_tui.gateway.live import LiveBoard
from conduit_tui.gateway.pieces import write_pieces
from conduit_tui.ledger.forwarded import Piece
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.observe.logs import Logger
from conduit_tui.store.interface import StoreError
from conduit_tui.store.sqlite import SqliteStore

RETRY_SECONDS = 1.0

log = Logger("gateway")


class OlderGenerations:
    """The receiving side of a hand-over, in the gateway that has the database."""

    def __init__(self, store: SqliteStore, ledger: Ledger, board: LiveBoard) -> None:
        self._store = store
        self._ledger = ledger
        self._board = board
        self._ended: asyncio.Queue[int] = asyncio.Queue()

    @property
    def methods(self) -> dict[str, Method]:
        """What older gateways call through the control socket."""
        return {"write_pieces": self.write_pieces, "show_older": self.show_older}

    async def write_pieces(self, pieces: list[Piece]) -> list[Written]:
        """Write what an older gateway would have written."""
        written = await write_pieces(self._store, pieces)
        self._board.touch()
        return written

    async def show_older(self, generation: int, view: LiveView) -> None:
        """Show what an older gateway has under way beside what is under way here."""
        self._board.show_older(generation, view)

    def ended(self, generation: int) -> None:
        """The daemon says that an older gateway has ended: what it still held is charged."""
        self._ended.put_nowait(generation)

    async def bury(self) -> None:
        """Recover what ended generations left, until cancelled."""
        while True:
            generation = await self._ended.get()
            self._board.forget_older(generation)
            while True:
                try:
                    recovered = await self._ledger.recover([generation])
                    break
                except StoreError as error:
                    log.warning("holds of an ended gateway not yet charged", generation=generation, error=str(error))
                    await asyncio.sleep(RETRY_SECONDS)
            if recovered:
                log.warning("holds of an ended gateway charged", generation=generation, attempts=recovered)
