"""The narrow interface of the store: one writing side, many reading sides.

A store for several gateways (PostgreSQL) will stand beside the SQLite one and pass the same contract tests.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from conduit_tui.config.model import DEFAULTS, Retention
from conduit_tui.domain.budgets import Budget, FlaggedEntry
from conduit_tui.domain.captures import Capture
from conduit_tui.domain.limits import Scope, Window
from conduit_tui.domain.metered import MeteredRow
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.revisions import Revision
from conduit_tui.domain.rules import Group
from conduit_tui.domain.runs import ActiveRun, Run, RunUsage
from conduit_tui.domain.sessions import AgentPart, SessionDay, SessionFilter, SessionRow, StoppedSession
from conduit_tui.domain.usage import StoredUsage, Usage, UsageRow


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


class StaleRevision(Exception):
    """A configuration was changed meanwhile. `current` is its newest revision."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the newest revision is {current}")
        self.current = current


class UsageFilter(NamedTuple):
    """Which usage rows to show. Empty fields filter nothing.

    `model` and `text` are case-insensitive substrings (`model` of the requested or the routed model, `text` of model,
    project, session, agent type, provider, error and reason); `project` and `session` are exact; `status` is a number
    (`429`), a class (`4xx`) or `error` (anything from 400 up, and 0, which is an answer that never came). `since` and
    `until` are milliseconds since the epoch, from the one to just before the other; 0 is no bound. `expression` is
    in the language of rules, with the log's fields.
    """

    text: str = ""
    model: str = ""
    status: str = ""
    project: str = ""
    session: str = ""
    since: int = 0
    until: int = 0
    expression: Group | None = None


class SessionSummary(NamedTuple):
    """Running totals of a session and agent. `last_at` and `first_at` are milliseconds since the epoch."""

    project: str
    session: str
    agent: str
    agent_type: str
    model: str  # the model of its newest attempt
    requests: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    first_at: int
    last_at: int
    stop: str = ""  # why its newest answer ended


class UsageTotal(NamedTuple):
    """Sums over rollup buckets. `key` is the value that was grouped by, or a bucket's start in milliseconds."""

    key: str
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    latency_p50_ms: int
    latency_p95_ms: int
    first_byte_p50_ms: int


class UsagePoint(NamedTuple):
    """Sums of one key over a stretch of time that begins `at` (milliseconds); durations are 0 if not asked for."""

    at: int
    key: str
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    latency_p50_ms: int
    latency_p95_ms: int


class RouteTotal(NamedTuple):
    """What was used where one model was asked for and one (the same or another) served."""

    requested_model: str
    routed_model: str
    provider: str
    requests: int
    tokens: Usage
    cost_nanodollars: int


class GuessedPrice(NamedTuple):
    """A model that was charged at a stated rate: as a whole where its price is `unknown`, else a fee or tier of it."""

    model: str
    unknown: bool
    requests: int
    last_at: int  # milliseconds since the epoch


class ModelPair(NamedTuple):
    """From which model to which one requests went, and how many."""

    requested: str
    routed: str
    requests: int


class RuleHits(NamedTuple):
    """What a rule did in a time. `models` begin with the busiest pair, `last_at` is in milliseconds since the epoch.

    A broken cache is a change of model in mid-session that threw the provider's prompt cache away, and what that cost.
    """

    requests: int = 0
    last_at: int = 0
    models: tuple[ModelPair, ...] = ()
    broken_caches: int = 0
    broken_cache_nanodollars: int = 0


class Store(Protocol):
    """The writing side. One exists per database, held by whoever holds `writer.lock`."""

    async def record(self, row: UsageRow, captures: Sequence[Capture] = ()) -> int:
        """Write a usage row, what sums it up, and the texts of its exchange in one transaction; returns the row's id.

        When this returns, the row is committed. A cancelled caller loses only the answer, never the row. Raises
        KeyError, and changes nothing, if this attempt of this exchange is recorded already.
        """
        ...

    async def projects(self) -> list[Project]:
        """The projects in use, by name, each with its whole configuration."""
        ...

    async def add_project(self, project: Project) -> Project:
        """An archived project of this name comes back as it was. Raises KeyError if the name is taken."""
        ...

    async def save_config(
        self,
        name: str,
        config: ProjectConfig,
        *,
        base_revision: int,
        action: str,
        changes: Sequence[str],
        restored: int | None = None,
    ) -> Project:
        """Replace a project's whole configuration: one transaction, one revision, one line of audit.

        Raises KeyError if there is no such project, StaleRevision if `base_revision` is not its newest one.
        """
        ...

    async def rename_project(self, name: str, new_name: str) -> None:
        """Give a project and its whole history another name.

        Raises KeyError, its argument the name at fault: there is no project `name`, or `new_name` has been used.
        """
        ...

    async def archive_project(self, name: str) -> None:
        """Put a project away; its history stays. Raises KeyError if there is none in use."""
        ...

    async def revisions(self, project: str, limit: int) -> list[Revision]:
        """The newest revisions of a project's configuration, newest first."""
        ...

    async def revision_config(self, project: str, revision: int) -> ProjectConfig:
        """The configuration that a revision holds. Raises KeyError if the project has no such revision."""
        ...

    async def revision_before(self, project: str) -> int | None:
        """The revision that an undo goes back to; each undo after an undo goes one further. None: there is none."""
        ...

    async def bypass(self) -> bool:
        """Whether routing and project limits are switched off for everything."""
        ...

    async def set_bypass(self, on: bool) -> None: ...

    async def purge_captures(self, project: str = "", before: int | None = None) -> int:
        """Delete captured texts, of one project or of all, older than an instant (milliseconds) or all; how many."""
        ...

    async def expire(self, now: int, keep: Retention = DEFAULTS.retention) -> int:
        """Delete what is too old at this instant (milliseconds): how many rows and texts.

        Captured texts after their project's `capture_days`; usage rows and process events as `keep` says, usage rows
        after one day in projects without usage analytics; ledger entries when their windows have closed; totals stay.
        In small steps, so that others get in between.
        """
        ...

    async def providers(self) -> list[Provider]:
        """The stored providers, by name; the built-in ones are not stored."""
        ...

    async def put_provider(self, provider: Provider, *, replace: bool) -> None:
        """Raises KeyError: without `replace` if the name is taken, with it if there is none."""
        ...

    async def remove_provider(self, name: str) -> None:
        """Raises KeyError if there is none."""
        ...

    async def budgets(self) -> list[Budget]:
        """Every budget, the overall one first, also those without a cap."""
        ...

    async def put_budget(self, budget: Budget) -> None:
        """Set the budget of its scope; a project's own also shows as the cost limits of its configuration."""
        ...

    async def flagged(self, limit: int) -> list[FlaggedEntry]:
        """The newest attempts whose cost is not the provider's own figure."""
        ...

    async def write_down(self, exchange_id: str, attempt: int, cost: int, reason: str) -> None:
        """Lower what a flagged attempt was charged, in nano-dollars, everywhere; one line of audit.

        Raises KeyError if the ledger has no such attempt, ValueError if it may not be lowered to that.
        """
        ...

    async def price_overrides(self) -> list[PriceOverride]:
        """The user's own prices, by model."""
        ...

    async def put_price(self, price: PriceOverride) -> None: ...

    async def remove_price(self, model: str, provider: str) -> None:
        """Raises KeyError if there is none."""
        ...

    async def stop_session(self, stop: StoppedSession) -> None:
        """Have a session's further requests refused; one that is stopped already has the new reason."""
        ...

    async def resume_session(self, project: str, session: str) -> None:
        """Raises KeyError if it is not stopped."""
        ...

    async def stopped_sessions(self) -> list[StoppedSession]:
        """The newest stop first."""
        ...

    async def add_process_events(self, events: Sequence[ProcessEvent]) -> None:
        """Copy events of the daemon; those already there (by id) are passed over."""
        ...

    async def begin_run(self, run: Run, token_digest: bytes) -> None:
        """Write down a launched run. Raises KeyError if there is one of this id."""
        ...

    async def end_run(self, run_id: str, at: int, exit_code: int | None) -> bool:
        """Write down that a run has ended, at an instant in milliseconds; whether it had not ended yet."""
        ...

    async def active_runs(self) -> list[ActiveRun]:
        """The runs that nobody has ended, oldest first."""
        ...

    async def run_of(self, run_id: str) -> Run | None:
        """A run by its id, also one that has ended."""
        ...

    async def audit(self, action: str, subject: str, detail: str) -> None:
        """Write down a change of configuration."""
        ...

    async def close(self) -> None:
        """Commit what waits, checkpoint, close."""
        ...


class Reader(Protocol):
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

    async def stopped_sessions(self) -> list[StoppedSession]:
        """The newest stop first."""
        ...

    async def projects(self) -> list[Project]:
        """The projects in use, by name, each with its whole configuration."""
        ...

    async def rule_hits(self, project: str, since: int) -> dict[str, RuleHits]:
        """By rule id, what a project's rules did since an instant; whole buckets of 15 minutes."""
        ...

    async def revisions(self, project: str, limit: int) -> list[Revision]:
        """The newest revisions of a project's configuration, newest first."""
        ...

    async def revision_config(self, project: str, revision: int) -> ProjectConfig:
        """The configuration that a revision holds. Raises KeyError if the project has no such revision."""
        ...

    async def bypass(self) -> bool:
        """Whether routing and project limits are switched off for everything."""
        ...

    async def captures_of_exchange(self, exchange_id: str) -> list[Capture]: ...

    async def recorded_count(self, *, since: int, until: int, project: str = "") -> int:
        """How many exchanges `recorded_requests` would yield."""
        ...

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

    async def providers(self) -> list[Provider]: ...

    async def budgets(self) -> list[Budget]:
        """Every budget, the overall one first, also those without a cap."""
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

    async def flagged(self, limit: int) -> list[FlaggedEntry]:
        """The newest attempts whose cost is not the provider's own figure."""
        ...

    async def price_overrides(self) -> list[PriceOverride]:
        """The user's own prices, by model."""
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
