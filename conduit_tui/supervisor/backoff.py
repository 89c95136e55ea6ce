"""When to start again: quick restarts in hand, then growing delays, then one start per cool-down."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from conduit_tui.domain.processes import GatewayState
from conduit_tui.supervisor.policy import Policy


class Delay(NamedTuple):
    """How long to wait (seconds), and in which state."""

    state: GatewayState
    seconds: float
    reason: str


class Backoff:
    """Decides after each end of a gateway that nobody asked for.

    `clock` is monotonic, in seconds; `uniform(low, high)` draws a number. A gateway that stayed READY for the policy's
    steady time gives back one quick restart for each such stretch and lets the delays begin anew.
    """

    def __init__(self, policy: Policy, clock: Callable[[], float], uniform: Callable[[float, float], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._uniform = uniform
        self.reset()

    def reset(self) -> None:
        """Forget the past: a person asked for a start."""
        self._quick = self._policy.quick_restarts
        self._step = 0  # of the doubling
        self._cooldowns = 0
        self._starts: deque[float] = deque()  # beyond the quick ones
        self._ready_at: float | None = None

    def ready(self) -> None:
        """The gateway became READY."""
        self._ready_at = self._clock()

    def ended(self) -> Delay:
        """The gateway ended, or did not become READY: how long to wait until the next start."""
        policy, now = self._policy, self._clock()
        steady = int((now - self._ready_at) / policy.steady_seconds) if self._ready_at is not None else 0
        self._ready_at = None
        if steady:
            self._quick = min(policy.quick_restarts, self._quick + steady)
            self._step = self._cooldowns = 0
            self._starts.clear()
        if self._cooldowns:
            return self._cooldown()
        if self._quick:
            self._quick -= 1
            seconds = self._uniform(*policy.quick_delay_seconds)
            return Delay(GatewayState.BACKOFF, seconds, f"quick restart, {self._quick} more in hand")
        while self._starts and now - self._starts[0] > policy.intensity_seconds:
            self._starts.popleft()
        if len(self._starts) >= policy.intensity_starts:
            return self._cooldown()
        self._step += 1
        longest = min(policy.backoff_limit_seconds, policy.backoff_seconds * 2 ** min(self._step - 1, 60))
        seconds = longest * self._uniform(0.5, 1.0)
        self._starts.append(now + seconds)
        return Delay(GatewayState.BACKOFF, seconds, f"restart {self._step} beyond the quick ones")

    def _cooldown(self) -> Delay:
        steps = self._policy.cooldown_seconds
        seconds = steps[min(self._cooldowns, len(steps) - 1)]
        self._cooldowns += 1
        return Delay(GatewayState.COOLDOWN, seconds, "too many starts in a short time, one more after this")
