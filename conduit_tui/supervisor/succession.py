"""The next gateway, from its spawn beside the present one until its turn."""

from collections.abc import Callable

from conduit_tui.control.orders import Order, OrderType
from conduit_tui.domain.processes import GatewayState
from conduit_tui.supervisor.board import StatusBoard
from conduit_tui.supervisor.generation import Generation
from conduit_tui.supervisor.journal import Journal
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.states import SERVING
from conduit_tui.supervisor.wishes import Wishes

S = GatewayState


class Succession:
    """Brings another gateway to its turn while the present one serves; where it does not get ready, that one goes on.

    `launch` starts a gateway that waits for its turn; it raises OSError. `to` changes the state.
    """

    def __init__(
        self,
        policy: Policy,
        wishes: Wishes,
        board: StatusBoard,
        journal: Journal,
        launch: Callable[[], Generation],
        to: Callable[[GatewayState, str], None],
    ) -> None:
        self._policy = policy
        self._wishes = wishes
        self._board = board
        self._journal = journal
        self._launch = launch
        self._to = to
        self.coming: Generation | None = None

    @property
    def due(self) -> float | None:
        """When to look again at the latest."""
        return self.coming.start_until if self.coming is not None and not self.coming.prepared else None

    def take(self) -> Generation | None:
        """The one that has got ready so far; its turn comes at once."""
        coming, self.coming = self.coming, None
        return coming

    def step(self, life: Generation, now: float) -> None:
        """Bring it a step nearer to its turn, where one is wanted."""
        coming = self.coming
        if coming is None:
            if self._is_wanted(life):
                self._begin(life)
        elif not self._wishes.gateway:
            coming.child.kill()
            self.coming = None
        elif coming.child.ended.is_set():
            self._give_up(coming, coming.failure or f"the gateway {coming.child.how_it_ended}")
        elif not coming.prepared and now >= coming.start_until:
            coming.child.kill()
            self._give_up(coming, f"not ready within {self._policy.start_seconds:g} s")
        elif coming.prepared and life.hand_over_until is None:
            life.hand_over_until = now + self._policy.hand_over_seconds
            life.drain_from(now, self._policy)
            if self._board.state in SERVING:
                self._to(S.DRAINING, f"hands over to generation {coming.number}")
            life.child.order(Order(type=OrderType.HAND_OVER))

    def _is_wanted(self, life: Generation) -> bool:
        wishes, state = self._wishes, self._board.state
        if not wishes.gateway or not wishes.renew or wishes.anew is not None:
            return False
        return state in SERVING or (state is S.DRAINING and life.draining and not life.asked)

    def _begin(self, life: Generation) -> None:
        why, self._wishes.renew = self._wishes.renew, ""
        self._journal.write("note", f"{why}: another gateway gets ready", generation=life.number)
        try:
            self.coming = self._launch()
        except OSError as error:
            self._board.update(renewal_failure=f"the gateway cannot be started: {error.strerror}")

    def _give_up(self, coming: Generation, why: str) -> None:
        self.coming = None
        told = f"{why}; the gateway before it goes on"
        self._journal.write("exit", told, pid=coming.child.pid, generation=coming.number)
        self._board.update(renewal_failure=why)
