"""The writing side of the store."""

from collections.abc import Sequence
from typing import Protocol

from conduit_tui.config.model import DEFAULTS, Retention
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.captures import Capture
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.runs import ActiveRun, Run
from conduit_tui.domain.sessions import StoppedSession
from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.configured import Configured


class Store(Configured, Protocol):
    """The writing side. One exists per database, held by whoever holds `writer.lock`."""

    async def record(self, row: UsageRow, captures: Sequence[Capture] = ()) -> int:
        """Write a usage row, what sums it up, and the texts of its exchange in one transaction; returns the row's id.

        When this returns, the row is committed. A cancelled caller loses only the answer, never the row. Raises
        KeyError, and changes nothing, if this attempt of this exchange is recorded already.
        """
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

    async def revision_before(self, project: str) -> int | None:
        """The revision that an undo goes back to; each undo after an undo goes one further. None: there is none."""
        ...

    async def set_bypass(self, on: bool) -> None: ...

    async def purge_captures(self, project: str = "", before: int | None = None) -> int:
        """Delete captured texts, of one project or of all, older than an instant (milliseconds) or all; how many."""
        ...

    async def sum_days(self, now: int) -> None:
        """Sum up the days (UTC) that are over at this instant (milliseconds). Totals are the same before and after."""
        ...

    async def expire(self, now: int, keep: Retention = DEFAULTS.retention) -> int:
        """Delete what is too old at this instant (milliseconds): how many rows and texts.

        Captured texts after their project's `capture_days`; usage rows and process events as `keep` says, usage rows
        after one day in projects without usage analytics; ledger entries when their windows have closed; totals stay.
        In small steps, so that others get in between.
        """
        ...

    async def put_provider(self, provider: Provider, *, replace: bool) -> None:
        """Raises KeyError: without `replace` if the name is taken, with it if there is none."""
        ...

    async def remove_provider(self, name: str) -> None:
        """Raises KeyError if there is none."""
        ...

    async def put_budget(self, budget: Budget) -> None:
        """Set the budget of its scope; a project's own also shows as the cost limits of its configuration."""
        ...

    async def write_down(self, exchange_id: str, attempt: int, cost: int, reason: str) -> None:
        """Lower what a flagged attempt was charged, in nano-dollars, everywhere; one line of audit.

        Raises KeyError if the ledger has no such attempt, ValueError if it may not be lowered to that.
        """
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
