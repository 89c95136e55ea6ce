"""The state machine of the gateway process: which state may follow which."""

from collections.abc import Callable
from types import MappingProxyType

from conduit_tui.domain.processes import GatewayState

S = GatewayState

TRANSITIONS = MappingProxyType(
    {
        S.STOPPED: frozenset({S.STARTING}),
        S.STARTING: frozenset({S.READY, S.STOPPING, S.BACKOFF, S.COOLDOWN, S.FAILED}),
        # to STARTING where it ends by itself while the next one is there already
        S.READY: frozenset({S.DEGRADED, S.DRAINING, S.STARTING, S.BACKOFF, S.COOLDOWN, S.FAILED}),
        S.DEGRADED: frozenset({S.READY, S.DRAINING, S.STARTING, S.BACKOFF, S.COOLDOWN, S.FAILED}),
        # to STARTING at a restart: the next gateway takes over while the last streams of this one end
        S.DRAINING: frozenset({S.STOPPING, S.STARTING, S.BACKOFF, S.COOLDOWN, S.FAILED}),
        S.STOPPING: frozenset({S.STOPPED, S.STARTING, S.BACKOFF, S.COOLDOWN, S.FAILED}),
        S.BACKOFF: frozenset({S.STARTING, S.STOPPED}),
        S.COOLDOWN: frozenset({S.STARTING, S.STOPPED}),
        S.FAILED: frozenset({S.STARTING, S.STOPPED}),
    }
)

SERVING = frozenset({S.READY, S.DEGRADED})


class IllegalTransition(Exception):
    """A transition that the table does not know: a defect of the supervisor."""


class Machine:
    """The state, its reason and since when (in the clock's unit)."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.state = S.STOPPED
        self.reason = ""
        self.since = clock()

    def resume(self, state: GatewayState, reason: str, since: int) -> None:
        """Go on where another program of the same process was."""
        self.state, self.reason, self.since = state, reason, since

    def to(self, state: GatewayState, reason: str) -> None:
        """Change the state. Raises IllegalTransition."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"{self.state} -> {state} ({reason})")
        self.state, self.reason, self.since = state, reason, self._clock()

    def because(self, reason: str) -> bool:
        """Give the present state another reason; whether it is another."""
        changed = reason != self.reason
        self.reason = reason
        return changed
