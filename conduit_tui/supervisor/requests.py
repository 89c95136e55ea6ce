"""What may be asked of the daemon, by its control socket and by signals."""

from collections.abc import AsyncIterator, Callable, Mapping

from conduit_tui.control.plane import ControlError, ProcessControl
from conduit_tui.domain.processes import GatewayState, ProcessStatus
from conduit_tui.supervisor.backoff import Backoff
from conduit_tui.supervisor.board import StatusBoard
from conduit_tui.supervisor.retiring import Retiring
from conduit_tui.supervisor.wishes import Wishes

_RESTING = (GatewayState.STOPPED, GatewayState.BACKOFF, GatewayState.COOLDOWN, GatewayState.FAILED)


class Requests(ProcessControl):
    """Turns what is asked into wishes; what comes of them is in the status. `ending` is called at each `shutdown`."""

    def __init__(
        self, wishes: Wishes, board: StatusBoard, backoff: Backoff, retiring: Retiring, ending: Callable[[], None]
    ) -> None:
        self._wishes = wishes
        self._board = board
        self._backoff = backoff
        self._retiring = retiring
        self._ending = ending

    async def status(self) -> ProcessStatus:
        return self._board.status()

    def watch(self) -> AsyncIterator[ProcessStatus]:
        return self._board.watch()

    async def start(self) -> None:
        wishes = self._wishes
        if wishes.ends:
            raise ControlError("unavailable", "the daemon is ending")
        wishes.gateway = True
        if self._board.state in _RESTING:
            wishes.hurried = True
            self._backoff.reset()
        wishes.wake()

    async def restart(self, *, daemon: bool = False, environment: Mapping[str, str] | None = None) -> None:
        await self.start()
        self._board.update(renewal_failure="")
        self._wishes.renew = "restart on request"
        if daemon:
            self._wishes.anew = environment or {}

    async def stop(self, *, now: bool = False) -> None:
        self._wishes.gateway, self._wishes.cut = False, self._wishes.cut or now
        if now:
            self._retiring.cut()
        self._wishes.wake()

    async def shutdown(self, *, now: bool = False) -> None:
        self._ending()
        self._wishes.ends = True
        await self.stop(now=now)
