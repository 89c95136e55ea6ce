"""One client request and its answer, with all attempts: the object that walks the road once, forward."""

import os
import time
from collections.abc import Iterator

from conduit_tui.domain.activity import Activity
from conduit_tui.domain.decisions import Decision, DecisionSource, TraceStep
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.facts import Identity
from conduit_tui.domain.runs import Run
from conduit_tui.gateway.http.call import UpstreamError
from conduit_tui.gateway.http.messages import Request
from conduit_tui.gateway.http.responder import Responder
from conduit_tui.gateway.registry import Upstream
from conduit_tui.gateway.request_facts import RequestFacts
from conduit_tui.gateway.routes import Target
from conduit_tui.ledger.held import Held
from conduit_tui.routing.router import Routing
from conduit_tui.wire.meter import Meter
from conduit_tui.wire.requests import RequestPeek

_UNDECIDED = Decision("", DecisionSource.CLIENT, "")
COST_LIMIT = "cost_limit"  # the error type of an attempt that a budget refused or cut
SESSION_STOPPED = "session_stopped"  # the error type of an attempt that was refused because its session is stopped
CHARACTERS_PER_TOKEN = 4  # for the live view only; the row uses the provider's figure where there is one


class Attempt:
    """One forward to one provider. Instants are `perf_counter` seconds, 0 where they have not come."""

    __slots__ = (
        "aborted",
        "client_gone",
        "decision",
        "error",
        "first_byte",
        "held",
        "meter",
        "number",
        "response_bytes",
        "response_headers",
        "sent",
        "status",
        "upstream",
    )

    def __init__(self, number: int, upstream: Upstream, decision: Decision) -> None:
        self.number = number
        self.decision = decision
        self.upstream = upstream
        self.sent = 0.0
        self.first_byte = 0.0
        self.status = 0
        self.response_headers: list[tuple[bytes, bytes]] = []
        self.response_bytes = 0
        self.meter: Meter | None = None
        self.held: Held | None = None  # what the ledger holds for it; None where no budget limits it
        self.error: UpstreamError | None = None
        self.client_gone = False
        self.aborted = ""  # why the gateway itself ended it, empty if it did not


class Exchange:
    """A request on its way. What a station decides is kept here, with the time it took."""

    __slots__ = (
        "activity",
        "activity_since",
        "attempts",
        "created_at",
        "decision",
        "dialect",
        "facts",
        "first_byte_at",
        "id",
        "identity",
        "peek",
        "project",
        "request",
        "responder",
        "routing",
        "run",
        "target",
        "trace",
        "upstream",
    )

    peek: RequestPeek
    facts: RequestFacts
    upstream: Upstream

    def __init__(
        self,
        request: Request,
        responder: Responder,
        dialect: Dialect,
        target: Target,
        project: str,
        run: Run | None = None,
    ) -> None:
        self.created_at = int(time.time() * 1000)  # milliseconds since the epoch
        self.id = new_id(self.created_at)
        self.request = request
        self.responder = responder
        self.dialect = dialect
        self.target = target
        self.project = project
        self.run = run
        self.identity = Identity(dialect, project)
        self.decision = _UNDECIDED
        self.routing: Routing | None = None  # how the rules decided; None where none were asked
        self.attempts: list[Attempt] = []
        self.trace: list[TraceStep] = []
        self.first_byte_at: int | None = None  # milliseconds since the epoch
        self.activity: Activity | None = None  # what its answer has come to, and since when
        self.activity_since: int | None = None

    def new_attempt(self, upstream: Upstream) -> Attempt:
        attempt = Attempt(len(self.attempts) + 1, upstream, self.decision)
        self.attempts.append(attempt)
        return attempt

    def note(self, station: str, outcome: str, since: float) -> float:
        """Add a station to the trace; `since` is the `perf_counter` at which it began. Returns the instant now."""
        now = time.perf_counter()
        self.trace.append(TraceStep(station, outcome, int((now - since) * 1_000_000)))
        return now

    def output_tokens_so_far(self) -> int:
        """What has been generated as far as the stream shows; an estimate until the provider says."""
        meter = self.attempts[-1].meter if self.attempts else None
        if meter is None:
            return 0
        reported = meter.usage.output_tokens if meter.usage else 0
        return max(reported, meter.output_characters // CHARACTERS_PER_TOKEN)


def _random_digits() -> Iterator[str]:
    """12 random hex digits each; one system call per exchange would cost more than all the rest of an id."""
    while True:
        digits = os.urandom(6 * 512).hex()
        for start in range(0, len(digits), 12):
            yield digits[start : start + 12]


_digits = _random_digits()


def new_id(created_at: int) -> str:
    """An exchange id: sortable by time, unique across gateways; 12 hex digits of milliseconds and 12 random ones."""
    return f"{created_at:012x}{next(_digits)}"
