"""Every number of the supervisor in one frozen object, so that tests can scale time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """How the daemon starts, watches, restarts and ends its gateway. Durations are in seconds."""

    # the start
    start_seconds: float = 20.0  # until READY; the gateway may ask for more
    predecessor_listener_seconds: float = 5.0  # for a gateway without a daemon to close its listener

    # liveness
    heartbeat_seconds: float = 10.0  # of silence until its stacks are dumped (SIGABRT)
    abort_seconds: float = 2.0  # from SIGABRT to SIGKILL

    # readiness
    health_seconds: float = 5.0  # between two checks
    health_soon_seconds: float = 1.0  # between two checks until the gateway is known to be well
    health_timeout_seconds: float = 1.0
    health_failures: int = 3  # in a row: down
    health_successes: int = 2  # in a row: up

    # restarts
    quick_restarts: int = 6  # in hand
    quick_delay_seconds: tuple[float, float] = (0.25, 0.5)
    steady_seconds: float = 60.0  # of READY: a quick restart comes back, the backoff begins anew
    backoff_seconds: float = 0.5  # the first step, doubled by each further one
    backoff_limit_seconds: float = 30.0
    intensity_starts: int = 5  # beyond the quick ones ...
    intensity_seconds: float = 60.0  # ... within this: COOLDOWN
    cooldown_seconds: tuple[float, ...] = (60.0, 120.0, 240.0, 300.0)  # the last one repeats

    # hand-over and memory
    hand_over_seconds: float = 10.0  # for the old gateway to let go of listener and database
    memory_limit_bytes: int = 512 * 1024 * 1024  # above it a new gateway is started at a quiet moment; 0 never
    memory_seconds: float = 5.0  # between two looks at its memory
    quiet_seconds: float = 60.0  # at most that long a moment without requests is waited for

    # the end
    drain_seconds: float = 30.0
    settle_seconds: float = 10.0  # for settling and the checkpoint after the drain; then SIGKILL
    cut_seconds: float = 10.0  # from the second SIGTERM to SIGKILL
    daemon_end_seconds: float = 5.0  # for the daemon itself, once its gateways are gone

    # nobody serves
    unserved_seconds: float = 5.0  # until the daemon answers connections itself
    answer_read_seconds: float = 1.0  # of reading off what a client still sends

    # what is shown
    usage_seconds: float = 1.0  # between two looks at the gateway's memory and CPU

    @property
    def end_seconds(self) -> float:
        """The longest that an end takes: the drain, what follows it, and a moment for the daemon itself."""
        return self.drain_seconds + self.settle_seconds + self.daemon_end_seconds


# Exit codes (sysexits) that no restart can cure.
EXIT_PERMISSION = 77
EXIT_CONFIGURATION = 78
NOT_RETRIED = frozenset({EXIT_PERMISSION, EXIT_CONFIGURATION})
