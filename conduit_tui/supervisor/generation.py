"""One gateway from its spawn to its end: what it said, and what is due."""

from dataclasses import dataclass, field
from typing import Any

from conduit_tui.control.reports import Report, ReportType
from conduit_tui.domain.processes import GatewayState
from conduit_tui.supervisor.child import Child
from conduit_tui.supervisor.journal import milliseconds
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.states import SERVING


@dataclass(slots=True)
class Generation:
    """The facts that decide about a gateway. Times are those of the loop's clock."""

    number: int
    start_until: float
    heard_at: float
    drain_until: float = 0.0
    drain_until_ms: int = 0  # the same in milliseconds since the epoch
    kill_at: float | None = None
    hand_over_until: float | None = None  # it was told to hand over
    heavy_since: float | None = None  # it has more memory than it should
    prepared: bool = False  # it waits for its turn
    ready: bool = False
    draining: bool = False  # it says so itself
    handed_over: bool = False  # it has let go of listener and database
    asked: bool = False  # it was told to end
    cut: bool = False  # it was told again, to end now
    in_flight: int = 0
    verdict: str = ""  # why it was killed
    failure: str = ""  # why it says it will exit
    troubles: dict[str, str] = field(default_factory=dict)  # who says so: what
    process: Child | None = None

    @property
    def child(self) -> Child:
        """Its process."""
        assert self.process is not None
        return self.process

    @property
    def trouble(self) -> str:
        """Why it is not well; empty when it is."""
        return "; ".join(self.troubles.values())

    @property
    def streams(self) -> str:
        """What it has under way, in words."""
        return f"{self.in_flight} stream{'' if self.in_flight == 1 else 's'}"

    def hear(self, report: Report, now: float) -> None:
        """Take a report."""
        self.heard_at = now
        self.in_flight = report.in_flight
        match report.type:
            case ReportType.HEARTBEAT:
                pass
            case ReportType.PREPARED:
                self.prepared = True
            case ReportType.READY:
                self.ready = True
            case ReportType.EXTEND:
                self.start_until = max(self.start_until, now + report.seconds)
            case ReportType.DEGRADED:
                self.troubles["gateway"] = report.reason or "it says so"
            case ReportType.RECOVERED:
                self.troubles.pop("gateway", None)
            case ReportType.DRAINING:
                self.draining = True
            case ReportType.HANDED_OVER:
                self.handed_over = True
            case ReportType.FAILED:
                self.failure = report.reason

    def drain_from(self, now: float, policy: Policy) -> None:
        """Its streams have from now on as long as the policy says."""
        self.drain_until = now + policy.drain_seconds
        self.drain_until_ms = milliseconds() + int(policy.drain_seconds * 1000)
        self.kill_at = self.drain_until + policy.settle_seconds

    def due(self, state: GatewayState, policy: Policy) -> float | None:
        """When to look again at the latest."""
        times = [] if self.kill_at is None else [self.kill_at]
        if self.hand_over_until is not None and not self.asked:
            times.append(self.hand_over_until)
        if state is GatewayState.DRAINING:
            times.append(self.drain_until)
        elif not self.verdict and state is GatewayState.STARTING:
            times.append(self.start_until)
        if not self.verdict and self.must_beat(state):
            times.append(self.heard_at + policy.heartbeat_seconds)
        return min(times, default=None)

    def must_beat(self, state: GatewayState) -> bool:
        """Whether its silence means that it hangs."""
        return state in SERVING or (state is GatewayState.DRAINING and self.hand_over_until is not None)

    def carry(self) -> dict[str, Any]:
        """What a program that the daemon executes needs to know of it."""
        facts = {name: getattr(self, name) for name in self.__slots__ if name != "process"}
        return {**facts, "process": self.child.carry()._asdict()}
