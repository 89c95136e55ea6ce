"""What a gateway that has handed over asks of the one that has the database now. No screen and no verb asks this."""

from typing import Any, NamedTuple

from pydantic import TypeAdapter

from conduit_tui.control.socket_end import SocketEnd
from conduit_tui.domain.live import LiveView
from conduit_tui.ledger.forwarded import Piece
from conduit_tui.paths import StateDir

WRITE_SECONDS = 10.0
SHOW_SECONDS = 2.0


class Written(NamedTuple):
    """What came of a piece: its result in plain values, or why it could not be written.

    `problem` is empty when it was; `known` says that the ledger knows the attempt otherwise (KeyError).
    """

    value: Any = None
    problem: str = ""
    known: bool = False


_written: TypeAdapter[list[Written]] = TypeAdapter(list[Written])
_nothing: TypeAdapter[None] = TypeAdapter(None)


class NextGateway:
    """Asks the gateway of this state directory, whichever it is by now. Raises ControlError."""

    def __init__(self, state_dir: StateDir) -> None:
        self._end = SocketEnd(state_dir.gateway_socket, "gateway", WRITE_SECONDS)

    async def write(self, pieces: list[Piece]) -> list[Written]:
        """Write pieces in their order, together; what came of each."""
        return await self._end.call("write_pieces", _written, pieces=pieces)

    async def show(self, generation: int, view: LiveView) -> None:
        """Show what an older generation still has under way."""
        await self._end.call("show_older", _nothing, seconds=SHOW_SECONDS, generation=generation, view=view)
