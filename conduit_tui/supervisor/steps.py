"""What the present facts of a gateway ask for: one transition at most, and signals."""

import signal
from collections.abc import Callable

from conduit_tui.domain.processes import GatewayState
from conduit_tui.supervisor.backoff import Backoff
from conduit_tui.supervisor.board import StatusBoard
from conduit_tui.supervisor.generation import Generation
from conduit_tui.supervisor.journal import Journal, milliseconds
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.retiring import Retiring
from conduit_tui.supervisor.states import SERVING
from conduit_tui.supervisor.wishes import Wishes

S = GatewayState

To = Callable[[GatewayState, str], None]


class Steps:
    """Decides about the gateway that has its turn. `to` changes the state."""

    def __init__(
        self,
        policy: Policy,
        wishes: Wishes,
        board: StatusBoard,
        backoff: Backoff,
        retiring: Retiring,
        journal: Journal,
        to: To,
    ) -> None:
        self._policy = policy
        self._wishes = wishes
        self._board = board
        self._backoff = backoff
        self._retiring = retiring
        self._journal = journal
        self._to = to

    def take(self, life: Generation, now: float) -> None:
        """Take the step that is due."""
        state = self._board.state
        if state is S.STARTING:
            self._starting(life, now)
        elif state in SERVING:
            self._serving(life, now)
        elif state is S.DRAINING:
            self._draining(life, now)
        if self._wishes.cut and not life.cut and self._board.state in (S.DRAINING, S.STOPPING):
            self._cut(life, now, "streams are cut on request")
        if life.kill_at is not None and now >= life.kill_at:
            self.signal(life, signal.SIGKILL, life.verdict or "it did not end in time")
            life.kill_at = None

    def signal(self, life: Generation, number: signal.Signals, why: str = "") -> None:
        """Signal a gateway, SIGKILL to its whole group; an event."""
        reason = f"{number.name}: {why}" if why else number.name
        self._journal.write("signal", reason, pid=life.child.pid, generation=life.number)
        if number is signal.SIGKILL:
            life.child.kill()
        else:
            life.child.signal(number)

    def _starting(self, life: Generation, now: float) -> None:
        why = self._wishes.renew if self._wishes.gateway else "stop on request"
        if self._wishes.gateway and life.prepared:
            why = ""  # it takes over in a moment; the next one follows when it is READY
        if why:
            self._to(S.STOPPING, why)
            self._ask_to_end(life)
            life.kill_at = now + self._policy.cut_seconds
        elif life.ready:
            self._backoff.ready()
            self._board.update(ready_since=milliseconds())
            self._to(S.READY, self._well())
        elif now >= life.start_until and not life.verdict:
            life.verdict, life.kill_at = f"not READY within {self._policy.start_seconds:g} s", now

    def _serving(self, life: Generation, now: float) -> None:
        if not self._wishes.gateway:
            self._to(S.DRAINING, "stop on request")
            self._ask_to_end(life)
            life.drain_from(now, self._policy)
        elif life.draining:
            self._to(S.DRAINING, "the gateway was told to drain by another program")
            life.drain_from(now, self._policy)
            self._wishes.renew = self._wishes.renew or "the gateway was told to drain by another program"
        elif not self._hangs(life, now):
            self._show_trouble(life)

    def _draining(self, life: Generation, now: float) -> None:
        policy = self._policy
        if now >= life.drain_until:
            self._to(S.STOPPING, f"the drain's {policy.drain_seconds:g} s are over")
        elif not self._wishes.gateway and not life.asked:
            life.asked = True  # it drains already, and a signal would cut its streams
        elif life.hand_over_until is None:
            self._board.because(f"{self._board.reason.partition(': ')[0]}: {life.streams}")
        elif not self._hangs(life, now) and not life.verdict and now >= life.hand_over_until and not life.cut:
            self._cut(life, now, f"it did not let go of the database within {policy.hand_over_seconds:g} s")

    def _hangs(self, life: Generation, now: float) -> bool:
        if life.verdict or now - life.heard_at < self._policy.heartbeat_seconds:
            return False
        life.verdict = f"no heartbeat for {self._policy.heartbeat_seconds:g} s"
        self.signal(life, signal.SIGABRT, f"{life.verdict}: its stacks go to the process log")
        life.kill_at = now + self._policy.abort_seconds
        return True

    def _cut(self, life: Generation, now: float, why: str) -> None:
        life.cut = life.asked = True
        if self._board.state is S.DRAINING:
            self._to(S.STOPPING, why)
        self.signal(life, signal.SIGTERM)
        life.kill_at = now + self._policy.cut_seconds

    def _ask_to_end(self, life: Generation) -> None:
        life.asked = True
        self.signal(life, signal.SIGTERM)

    def _show_trouble(self, life: Generation) -> None:
        state = self._board.state
        if life.trouble and state is S.READY:
            self._to(S.DEGRADED, life.trouble)
        elif life.trouble:
            self._board.because(life.trouble)
        elif state is S.DEGRADED:
            self._to(S.READY, "well again")
        else:
            self._board.because(self._well())

    def _well(self) -> str:
        older = self._retiring.words
        return f"serving at {self._board.facts.url}{f'; {older}' if older else ''}"
