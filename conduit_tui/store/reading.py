"""The reading side of the store."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from conduit_tui.domain.captures import Capture
from conduit_tui.domain.limits import Scope, Window
from conduit_tui.domain.metered import MeteredRow
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.runs import RunUsage
from conduit_tui.domain.sessions import AgentPart, SessionDay, SessionFilter, SessionRow
from conduit_tui.domain.usage import StoredUsage, Usage
from conduit_tui.store.configured import Configured
from conduit_tui.store.results import (
    GuessedPrice,
    RouteTotal,
    RuleHits,
    SessionSummary,
    UsageFilter,
    UsagePoint,
    UsageTotal,
)


class Reader(Configured, Protocol):
    """The reading side: read-only, never blocks the writer."""

    async def usage_count(self, where: UsageFilter) -> int: ...

    async def usage_ids(self, where: UsageFilter) -> Sequence[int]:
        """Ids of the matching rows, oldest first: compact, for a list over a million rows."""
        ...

    async def usage_ids_after(self, after_id: int, where: UsageFilter) -> Sequence[int]: ...

    async def usage_rows(self, ids: Sequence[int]) -> list[StoredUsage]:
        """The rows with these ids, oldest first."""
        ...

    async def usage_of_exchange(self, exchange_id: str) -> list[StoredUsage]:
        """All attempts of an exchange, in order."""
        ...

    async def usage_totals(self, *, since: int, until: int, by: str, project: str = "") -> list[UsageTotal]:
        """Sums of rollups between two instants (milliseconds).

        `by` is `model`, `project`, `agent-type`, `provider`, `session`, `day` (UTC) or `bucket` (15 minutes) or
        `all` (one total). `session` is summed from usage rows; the others take whole buckets, the first being the one
        that `since` lies in. `day` keys are ISO dates. `day` and `bucket` come in order of time, the rest dearest
        first. Raises ValueError for another `by`.
        """
        ...

    async def usage_series(
        self, *, since: int, until: int, bucket_ms: int, by: str, project: str = "", latency: bool = False
    ) -> list[UsagePoint]:
        """Sums per key and stretch of `bucket_ms` milliseconds from `since` on; empty stretches are left out.

        `by` is `model`, `project`, `agent-type`, `provider` or `all`. Where `since` and `bucket_ms` are made of
        quarters of an hour, they are summed from rollups, else from usage rows. Raises ValueError for another `by`.
        """
        ...

    async def usage_routes(self, *, since: int, until: int, project: str = "") -> list[RouteTotal]:
        """Sums by requested model, routed model and provider over whole buckets of 15 minutes, dearest first."""
        ...

    async def guessed_prices(self, *, since: int, until: int, project: str = "") -> list[GuessedPrice]:
        """The models that were charged at a rate that nobody publishes, between two instants."""
        ...

    async def sessions(self, *, since: int, limit: int, project: str = "") -> list[SessionSummary]:
        """Sessions and their agents with traffic since an instant, the newest activity first."""
        ...

    async def session_ids(self, where: SessionFilter) -> Sequence[int]:
        """Ids of the matching sessions, the newest activity first, to the minute: compact, for a list of a million."""
        ...

    async def session_rows(self, ids: Sequence[int]) -> list[SessionRow]:
        """The sessions with these ids, in their order."""
        ...

    async def session_agents(self, project: str, session: str) -> list[AgentPart]:
        """What each agent and model had of a session, in the order in which they began."""
        ...

    async def session_days(self, project: str, session: str) -> list[SessionDay]:
        """What a session used on each day, the newest first."""
        ...

    async def rule_hits(self, project: str, since: int) -> dict[str, RuleHits]:
        """By rule id, what a project's rules did since an instant; whole buckets of 15 minutes."""
        ...

    async def captures_of_exchange(self, exchange_id: str) -> list[Capture]: ...

    def recorded_requests(
        self,
        *,
        since: int,
        until: int,
        project: str = "",
        newest: int | None = None,
        messages: bool = True,
        part: tuple[int, int] = (0, 1),
    ) -> AsyncIterator[list[RecordedRequest]]:
        """The exchanges between two instants (milliseconds) in batches, in the order in which they ended.

        `newest` is the most that are wanted, counted from the end; without `messages` captured texts are not read.
        `part` is a number from 0 and of how many: each session is whole in one of the parts.
        """
        ...

    def metered_rows(self, *, client: str, since: int, session: str = "") -> AsyncIterator[list[MeteredRow]]:
        """A client's rows with tokens since an instant, in batches, oldest first.

        `session` is the beginning of a session's name; rows without a session are left out.
        """
        ...

    async def open_windows(self, now: int) -> list[Window]:
        """The newest window of every budget and period that has one, with the cap in force now.

        It may have ended: the next one is opened by the first request after it. What was spent before its cap was set
        may be missing until then; `spent` has it.
        """
        ...

    async def spent(self, scope: Scope, since: int, until: int) -> int:
        """What a budget's requests cost between two instants, in nano-dollars; whole buckets of 15 minutes."""
        ...

    async def last_usage_id(self) -> int:
        """The id of the row that was written last; 0 before the first."""
        ...

    async def run_usage(self, run_id: str, after_id: int, limit: int) -> list[RunUsage]:
        """The rows that the gateway wrote for a launched run after the row `after_id`, oldest first."""
        ...

    async def booked(self, run_id: str, session: str, named: str) -> dict[str, Usage]:
        """By model, what is booked of a run's reports and of an agent's session, which the person may have `named`."""
        ...

    async def process_events(self, limit: int) -> list[ProcessEvent]:
        """The newest events, oldest first."""
        ...

    async def close(self) -> None: ...
