"""The asking side of the control sockets.

Each call has its own connection, so a restarted server is no special case.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeVar

from pydantic import TypeAdapter

from conduit_tui.control.plane import (
    ConfigurationCheck,
    ControlPlane,
    LiveFeed,
    ProcessControl,
    ProviderTest,
    Purgeable,
)
from conduit_tui.control.socket_end import SocketEnd
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
from conduit_tui.paths import StateDir

TIMEOUT_SECONDS = 5.0
PROVIDER_TEST_SECONDS = 30.0
CONFIGURATION_TEST_SECONDS = 60.0
LONG_CHANGE_SECONDS = 600.0  # what touches every row of a history

T = TypeVar("T")

_nothing: TypeAdapter[None] = TypeAdapter(None)
_text: TypeAdapter[str] = TypeAdapter(str)
_number: TypeAdapter[int] = TypeAdapter(int)
_switch: TypeAdapter[bool] = TypeAdapter(bool)
_project: TypeAdapter[Project] = TypeAdapter(Project)
_projects: TypeAdapter[list[Project]] = TypeAdapter(list[Project])
_revisions: TypeAdapter[list[Revision]] = TypeAdapter(list[Revision])
_providers: TypeAdapter[list[Provider]] = TypeAdapter(list[Provider])
_endings: TypeAdapter[dict[str, str | None]] = TypeAdapter(dict[str, str | None])
_checks: TypeAdapter[list[ConfigurationCheck]] = TypeAdapter(list[ConfigurationCheck])
_provider_test: TypeAdapter[ProviderTest] = TypeAdapter(ProviderTest)
_budget: TypeAdapter[Budget] = TypeAdapter(Budget)
_budgets: TypeAdapter[list[Budget]] = TypeAdapter(list[Budget])
_flagged: TypeAdapter[list[FlaggedEntry]] = TypeAdapter(list[FlaggedEntry])
_prices: TypeAdapter[list[PriceOverride]] = TypeAdapter(list[PriceOverride])
_stopped_session: TypeAdapter[StoppedSession] = TypeAdapter(StoppedSession)
_import_plan: TypeAdapter[ImportPlan] = TypeAdapter(ImportPlan)
_restore_plan: TypeAdapter[RestorePlan] = TypeAdapter(RestorePlan)
_backup: TypeAdapter[Backup] = TypeAdapter(Backup)
_status: TypeAdapter[ProcessStatus] = TypeAdapter(ProcessStatus)
_live: TypeAdapter[LiveView] = TypeAdapter(LiveView)


class RemoteControl(ControlPlane, LiveFeed):
    """Asks the gateway. Raises ControlError `unavailable` when none answers within the timeout (seconds)."""

    def __init__(self, state_dir: StateDir, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._end = SocketEnd(state_dir.gateway_socket, "gateway", timeout)

    async def answers(self) -> bool:
        """Whether a gateway of this protocol serves its socket. Raises ControlError when one of another does."""
        return await self._end.answers()

    async def metrics(self) -> str:
        """What the gateway counts, in the Prometheus text format."""
        return await self._end.call("metrics", _text)

    async def projects(self) -> list[Project]:
        return await self._end.call("projects", _projects)

    async def project(self, name: str) -> Project:
        return await self._end.call("project", _project, name=name)

    async def add_project(self, name: str) -> Project:
        return await self._end.call("add_project", _project, name=name)

    async def rename_project(self, name: str, new_name: str) -> Project:
        return await self._end.call(
            "rename_project", _project, seconds=LONG_CHANGE_SECONDS, name=name, new_name=new_name
        )

    async def archive_project(self, name: str) -> None:
        await self._end.call("archive_project", _nothing, name=name)

    async def save_rules(self, project: str, rules: list[Rule], base_revision: int) -> Project:
        return await self._end.call("save_rules", _project, project=project, rules=rules, base_revision=base_revision)

    async def save_config(self, project: str, config: ProjectConfig, base_revision: int) -> Project:
        return await self._end.call(
            "save_config", _project, project=project, config=config, base_revision=base_revision
        )

    async def undo(self, project: str) -> Project:
        return await self._end.call("undo", _project, project=project)

    async def history(self, project: str, limit: int = 100) -> list[Revision]:
        return await self._end.call("history", _revisions, project=project, limit=limit)

    async def restore_revision(self, project: str, revision_id: int) -> Project:
        return await self._end.call("restore_revision", _project, project=project, revision_id=revision_id)

    async def bypass(self) -> bool:
        return await self._end.call("bypass", _switch)

    async def set_bypass(self, on: bool) -> None:
        await self._end.call("set_bypass", _nothing, on=on)

    async def purge(self, project: str | None, what: Purgeable, before: int | None = None) -> int:
        return await self._end.call(
            "purge", _number, seconds=LONG_CHANGE_SECONDS, project=project, what=what, before=before
        )

    async def budgets(self) -> list[Budget]:
        return await self._end.call("budgets", _budgets)

    async def set_budget(self, budget: Budget) -> Budget:
        return await self._end.call("set_budget", _budget, budget=budget)

    async def raise_budget(
        self, until: int, daily: int | None = None, monthly: int | None = None,
        project: str = "", model: str = "", agent_type: str = "",
    ) -> Budget:  # fmt: skip
        return await self._end.call(
            "raise_budget", _budget, until=until, daily=daily, monthly=monthly, project=project, model=model,
            agent_type=agent_type,
        )  # fmt: skip

    async def flagged(self, limit: int = 100) -> list[FlaggedEntry]:
        return await self._end.call("flagged", _flagged, limit=limit)

    async def write_down(self, exchange_id: str, attempt: int, cost_nanodollars: int, reason: str) -> None:
        await self._end.call(
            "write_down", _nothing, exchange_id=exchange_id, attempt=attempt, cost_nanodollars=cost_nanodollars,
            reason=reason,
        )  # fmt: skip

    async def price_overrides(self) -> list[PriceOverride]:
        return await self._end.call("price_overrides", _prices)

    async def set_price(self, price: PriceOverride) -> None:
        await self._end.call("set_price", _nothing, price=price)

    async def remove_price(self, model: str, provider: str = "") -> None:
        await self._end.call("remove_price", _nothing, model=model, provider=provider)

    async def providers(self) -> list[Provider]:
        return await self._end.call("providers", _providers)

    async def add_provider(self, provider: Provider, key: str = "") -> None:
        await self._end.call("add_provider", _nothing, provider=provider, key=key)

    async def edit_provider(self, name: str, provider: Provider, key: str = "") -> None:
        await self._end.call("edit_provider", _nothing, name=name, provider=provider, key=key)

    async def key_endings(self) -> dict[str, str | None]:
        return await self._end.call("key_endings", _endings)

    async def remove_provider(self, name: str) -> None:
        await self._end.call("remove_provider", _nothing, name=name)

    async def test_provider(self, name: str) -> ProviderTest:
        return await self._end.call("test_provider", _provider_test, seconds=PROVIDER_TEST_SECONDS, name=name)

    async def begin_run(self, run: Run, wants_token: bool = True) -> str:
        return await self._end.call("begin_run", _text, run=run, wants_token=wants_token)

    async def end_run(self, run_id: str, exit_code: int | None) -> None:
        await self._end.call("end_run", _nothing, run_id=run_id, exit_code=exit_code)

    async def report_usage(self, run_id: str, reports: list[Reported]) -> int:
        return await self._end.call("report_usage", _number, run_id=run_id, reports=reports)

    async def note_usage(self, run_id: str, reasons: list[str]) -> None:
        await self._end.call("note_usage", _nothing, run_id=run_id, reasons=reasons)

    async def test_configuration(self, project: str, config: ProjectConfig | None = None) -> list[ConfigurationCheck]:
        return await self._end.call(
            "test_configuration", _checks, seconds=CONFIGURATION_TEST_SECONDS, project=project, config=config
        )

    async def stop_session(self, project: str, session: str, reason: str) -> StoppedSession:
        return await self._end.call("stop_session", _stopped_session, project=project, session=session, reason=reason)

    async def resume_session(self, project: str, session: str) -> None:
        await self._end.call("resume_session", _nothing, project=project, session=session)

    async def plan_import(self, path: str, project: str = "", approved: Sequence[str] = ()) -> ImportPlan:
        return await self._end.call(
            "plan_import", _import_plan, seconds=LONG_CHANGE_SECONDS, path=path, project=project, approved=approved
        )

    async def import_file(self, path: str, digest: str, project: str = "", approved: Sequence[str] = ()) -> ImportPlan:
        return await self._end.call(
            "import_file", _import_plan, seconds=LONG_CHANGE_SECONDS, path=path, digest=digest, project=project,
            approved=approved,
        )  # fmt: skip

    async def create_backup(self, export: bool = False) -> Backup:
        return await self._end.call("create_backup", _backup, seconds=LONG_CHANGE_SECONDS, export=export)

    async def plan_restore(self, name: str) -> RestorePlan:
        return await self._end.call("plan_restore", _restore_plan, seconds=LONG_CHANGE_SECONDS, name=name)

    async def restore_backup(self, name: str) -> Backup:
        return await self._end.call("restore_backup", _backup, seconds=LONG_CHANGE_SECONDS, name=name)

    async def rotate_token(self) -> str:
        return await self._end.call("rotate_token", _text)

    def live(self) -> AsyncIterator[LiveView]:
        """Raises ControlError `unavailable` when the gateway goes away."""
        return self._end.watch("live", _live)


class DaemonClient(ProcessControl):
    """Asks the daemon. Commands return when the daemon has taken them; `watch` shows what comes of them."""

    def __init__(self, state_dir: StateDir, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._end = SocketEnd(state_dir.daemon_socket, "daemon", timeout)

    async def status(self) -> ProcessStatus:
        return await self._end.call("status", _status)

    def watch(self) -> AsyncIterator[ProcessStatus]:
        """Raises ControlError `unavailable` when the daemon goes away."""
        return self._end.watch("status", _status)

    async def start(self) -> None:
        await self._end.call("start", _nothing)

    async def restart(self, *, daemon: bool = False, environment: Mapping[str, str] | None = None) -> None:
        await self._end.call("restart", _nothing, daemon=daemon, environment=environment)

    async def stop(self, *, now: bool = False) -> None:
        await self._end.call("stop", _nothing, now=now)

    async def shutdown(self, *, now: bool = False) -> None:
        await self._end.call("shutdown", _nothing, now=now)
