"""One gateway from its spawn to its end: what it said, and what is due."""

from dataclasses import dataclass, field

from conduit_tui.control.reports import Report, ReportType
from conduit_tui.domain.processes import GatewayState
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.states import SERVING


@dataclass(slots=True)
class Generation:
    """The facts that decide about a gateway. Times are those of the loop's clock."""

    number: int
    start_until: float
    heard_at: float
    drain_until: float = 0.0
    kill_at: float | None = None
    ready: bool = False
    draining: bool = False  # it says so itself
    asked: bool = False  # it was told to end
    cut: bool = False  # it was told again, to end now
    verdict: str = ""  # why it was killed
    failure: str = ""  # why it says it will exit
    troubles: dict[str, str] = field(default_factory=dict)  # who says so: what

    @property
    def trouble(self) -> str:
        """Why it is not well; empty when it is."""
        return "; ".join(self.troubles.values())

    def hear(self, report: Report, now: float) -> None:
        """Take a report."""
        self.heard_at = now
        match report.type:
            case ReportType.HEARTBEAT:
                pass
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
            case ReportType.FAILED:
                self.failure = report.reason

    def due(self, state: GatewayState, policy: Policy) -> float | None:
        """When to look again at the latest."""
        times = [] if self.kill_at is None else [self.kill_at]
        if state is GatewayState.DRAINING:
            times.append(self.drain_until)
        elif not self.verdict and state is GatewayState.STARTING:
            times.append(self.start_until)
        elif not self.verdict and state in SERVING:
            times.append(self.heard_at + policy.heartbeat_seconds)
        return min(times, default=None)
