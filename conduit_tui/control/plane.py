"""What the screens and the command line may ask of the gateway and of the daemon."""

from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from conduit_tui.domain.budgets import Budget, FlaggedEntry
from conduit_tui.domain.live import LiveView
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.processes import ProcessStatus
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.revisions import Revision
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.runs import Reported, Run
from conduit_tui.domain.sessions import StoppedSession
from conduit_tui.domain.transfers import Backup, ImportPlan, RestorePlan

Purgeable = Literal["captures"]


class ControlError(Exception):
    """A refusal or a failure, in words for the person who asked.

    `code` is one of `bad-input`, `not-found`, `conflict`, `unavailable`, `internal`; `field` names the input at fault.
    """

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class ProviderTest(NamedTuple):
    """What came of asking a provider for its models with the key it will be used with; `models` are those it listed."""

    ok: bool
    detail: str
    took_ms: float
    models: tuple[str, ...] = ()


class Outcome(StrEnum):
    """What came of one check of a configuration."""

    PASSED = "passed"
    NOTE = "note"  # as it was set, but worth knowing
    FAILED = "failed"


class ConfigurationCheck(NamedTuple):
    """One thing that was looked at: what was found and, unless it passed, what to do.

    `field` is the dotted path of the value at fault, such as `costLimits.daily` or `routingRules.2.targetModel`.
    """

    subject: str
    outcome: Outcome
    said: str
    remedy: str = ""
    field: str = ""


class ControlPlane(Protocol):
    """Everything that is written. `LocalControl` does it, `RemoteControl` asks the gateway to."""

    async def projects(self) -> list[Project]: ...

    async def project(self, name: str) -> Project:
        """One project with its whole configuration; its `revision` is what a change is based on."""
        ...

    async def add_project(self, name: str) -> Project:
        """A new project; one that was archived comes back as it was."""
        ...

    async def rename_project(self, name: str, new_name: str) -> Project:
        """Give a project and its history another name. Clients that name the old one are turned away from then on."""
        ...

    async def archive_project(self, name: str) -> None:
        """Put a project away: its requests are turned away, its history stays, `add_project` brings it back."""
        ...

    # A project's configuration is changed as a whole. A change that is based on another revision than the newest is
    # refused (`conflict`), so nobody undoes what they have not seen; one that changes nothing makes no revision.

    async def save_rules(self, project: str, rules: list[Rule], base_revision: int) -> Project:
        """Replace all rules. A rule without an id is a new one. `field` of a refusal is like `rules.2.targetModel`."""
        ...

    async def save_config(self, project: str, config: ProjectConfig, base_revision: int) -> Project:
        """Replace everything but the rules; those in `config` are passed over."""
        ...

    async def undo(self, project: str) -> Project:
        """Back to the revision before the newest, and with every further undo one more; itself a revision."""
        ...

    async def history(self, project: str, limit: int = 100) -> list[Revision]:
        """The newest revisions, newest first."""
        ...

    async def restore_revision(self, project: str, revision_id: int) -> Project:
        """Make the configuration what it was at a revision; itself a revision."""
        ...

    async def bypass(self) -> bool:
        """Whether routing and project limits are switched off for everything."""
        ...

    async def set_bypass(self, on: bool) -> None: ...

    async def purge(self, project: str | None, what: Purgeable, before: int | None = None) -> int:
        """Delete captured texts of a project or of all, older than an instant (milliseconds) or all; how many."""
        ...

    async def budgets(self) -> list[Budget]:
        """Every budget that was ever set, the overall one first."""
        ...

    async def set_budget(self, budget: Budget) -> Budget:
        """Replace the budget of its scope. A project's own caps are its cost limits: changing them makes a revision."""
        ...

    async def raise_budget(
        self, until: int, daily: int | None = None, monthly: int | None = None,
        project: str = "", model: str = "", agent_type: str = "",
    ) -> Budget:  # fmt: skip
        """Raise a budget's caps (nano-dollars) until an instant (milliseconds); without caps an earlier raise ends."""
        ...

    async def flagged(self, limit: int = 100) -> list[FlaggedEntry]:
        """The newest attempts whose cost is not the provider's own figure."""
        ...

    async def write_down(self, exchange_id: str, attempt: int, cost_nanodollars: int, reason: str) -> None:
        """Lower what a flagged attempt was charged; audited."""
        ...

    async def price_overrides(self) -> list[PriceOverride]:
        """The user's own prices, by model."""
        ...

    async def set_price(self, price: PriceOverride) -> None:
        """Set a price of one's own, in place of the one that the model has at the provider."""
        ...

    async def remove_price(self, model: str, provider: str = "") -> None: ...

    async def providers(self) -> list[Provider]:
        """All providers, the built-in ones last."""
        ...

    async def add_provider(self, provider: Provider, key: str = "") -> None:
        """A `key` is kept in a private file of the state directory, in place of the provider's key source."""
        ...

    async def edit_provider(self, name: str, provider: Provider, key: str = "") -> None:
        """Replace a provider; its name stays. `key` is as for `add_provider`."""
        ...

    async def key_endings(self) -> dict[str, str | None]:
        """By provider, the last four characters of its key or fewer; None where a key is wanted and none is found."""
        ...

    async def remove_provider(self, name: str) -> None: ...

    async def test_provider(self, name: str) -> ProviderTest: ...

    async def test_configuration(self, project: str, config: ProjectConfig | None = None) -> list[ConfigurationCheck]:
        """Try a project's configuration, or one that is not saved yet (rules included), without sending a request.

        Only the providers that are configured are asked, for what is free.
        """
        ...

    async def begin_run(self, run: Run, wants_token: bool = True) -> str:
        """Write down a launched run, whose lock the caller holds; a token that is valid for it alone, if wanted.

        The token is void when the run is ended, and when nobody holds its lock any more.
        """
        ...

    async def end_run(self, run_id: str, exit_code: int | None) -> None: ...

    async def report_usage(self, run_id: str, reports: list[Reported]) -> int:
        """Enter usage that no gateway saw, flagged `reported`; how many reports were not known yet."""
        ...

    async def note_usage(self, run_id: str, reasons: list[str]) -> None:
        """An event `usage-tracked` for each thing that a run said of its usage."""
        ...

    async def stop_session(self, project: str, session: str, reason: str) -> StoppedSession:
        """Have a session's further requests refused, with the reason, until it is resumed; audited."""
        ...

    async def resume_session(self, project: str, session: str) -> None:
        """Let a stopped session go on; audited."""
        ...

    # Files are named by their absolute paths: whoever asks is of the same user, and reads no more than that user may.

    async def plan_import(self, path: str, project: str = "", approved: Sequence[str] = ()) -> ImportPlan:
        """What a file would change; nothing is written. `project` is whose rules a file of rules alone is."""
        ...

    async def import_file(self, path: str, digest: str, project: str = "", approved: Sequence[str] = ()) -> ImportPlan:
        """Take in the file that a plan was made of, after a safety copy. Unapproved questions go as they say."""
        ...

    async def create_backup(self, export: bool = False) -> Backup:
        """A checked copy of the database as it is now; with `export` also as JSON beside it."""
        ...

    async def plan_restore(self, name: str) -> RestorePlan:
        """What bringing a safety copy back would change."""
        ...

    async def restore_backup(self, name: str) -> Backup:
        """Bring a safety copy back; the copy that was made of what was there. What budgets have spent stays spent."""
        ...

    async def rotate_token(self) -> str:
        """Make a new gateway token; the old one is void at once."""
        ...


class LiveFeed(Protocol):
    """The gateway's live state as it changes; the first item comes at once."""

    def live(self) -> AsyncIterator[LiveView]: ...


class ProcessControl(Protocol):
    """What the daemon answers for: the gateway process."""

    async def status(self) -> ProcessStatus: ...

    def watch(self) -> AsyncIterator[ProcessStatus]:
        """The status now, and again at every change."""
        ...

    async def start(self) -> None: ...

    async def restart(self, *, daemon: bool = False, environment: Mapping[str, str] | None = None) -> None:
        """Hand over to a new gateway. With `daemon` the daemon is executed anew before that, in its place and with
        this environment (its own, where none is given); a new gateway follows."""
        ...

    async def stop(self, *, now: bool = False) -> None:
        """Drain and stop the gateway, the daemon stays. `now` cuts streams instead of waiting for them."""
        ...

    async def shutdown(self, *, now: bool = False) -> None:
        """Drain the gateway and end the daemon."""
        ...
