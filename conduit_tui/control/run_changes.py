"""What launched runs change: they begin and end, and the usage that no gateway saw is entered in the books."""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from conduit_tui.control import run_lock, token
from conduit_tui.control.plane import ControlError, ControlPlane
from conduit_tui.domain.decisions import DecisionSource
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.domain.runs import Reported, Run
from conduit_tui.domain.usage import Usage, UsageFlag, UsageRow
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.paths import StateDir
from conduit_tui.pricing.catalog import Catalog, Price
from conduit_tui.pricing.prices import UNKNOWN_MODEL, Prices
from conduit_tui.store.interface import Store
from conduit_tui.store.sqlite import SqliteStore

PROVIDER = "direct"  # of what did not come through the gateway
MOST_REPORTS = 500  # in one call
_NOT_A_GATEWAY = 0  # the generation of entries that no gateway made


class RunChanges(ControlPlane):
    """The part of `LocalControl` that is about launched runs."""

    _store: Store
    _state_dir: StateDir
    _on_runs: Callable[[], Awaitable[None]] | None

    async def begin_run(self, run: Run, wants_token: bool = True) -> str:
        if not run_lock.is_alive(self._state_dir, run.id):
            raise ControlError("bad-input", f"nobody holds the lock of run {run.id!r}", "run.id")
        if run.project not in {project.name for project in await self._store.projects()}:
            raise ControlError("not-found", f"there is no project {run.project!r}", "run.project")
        await self._end_lost()
        secret = f"{token.RUN_PREFIX}{secrets.token_urlsafe(32)}" if wants_token else ""
        try:
            await self._store.begin_run(run, token.digest(secret) if secret else b"")
        except KeyError:
            raise ControlError("conflict", f"run {run.id!r} has begun already", "run.id") from None
        if run.direct:
            reason = f"{run.agent} of project {run.project} runs without the gateway: {run.direct}"
            await self._note("run-direct", reason, run.id)
        await self._tell_of_runs()
        return secret

    async def end_run(self, run_id: str, exit_code: int | None) -> None:
        if await self._store.end_run(run_id, _now(), exit_code):
            await self._tell_of_runs()

    async def report_usage(self, run_id: str, reports: list[Reported]) -> int:
        run = await self._store.run_of(run_id)
        if run is None:
            raise ControlError("not-found", f"there is no run {run_id!r}", "run_id")
        if len(reports) > MOST_REPORTS:
            raise ControlError("bad-input", f"at most {MOST_REPORTS} reports at once", "reports")
        assert isinstance(self._store, SqliteStore)
        ledger = Ledger(self._store, _NOT_A_GATEWAY)
        prices, tracked = await self._prices(), await self._tracks_cost(run.project)
        recorded = 0
        for report in reports:
            with suppress(KeyError):  # told before: a caller that lost its answer asks again
                await ledger.settle(None, _row(run, report, prices if tracked else None))
                recorded += 1
        return recorded

    async def note_usage(self, run_id: str, reasons: list[str]) -> None:
        at = _now()
        events = [
            ProcessEvent(id=f"{run_id}-{secrets.token_hex(6)}", at=at, kind="usage-tracked", reason=reason[:500])
            for reason in reasons[:MOST_REPORTS]
        ]
        await self._store.add_process_events(events)

    async def _note(self, kind: str, reason: str, run_id: str) -> None:
        event = ProcessEvent(id=f"{run_id}-{secrets.token_hex(6)}", at=_now(), kind=kind, reason=reason)
        await self._store.add_process_events([event])

    async def _end_lost(self) -> None:
        """End the runs whose launchers have died without saying so."""
        for active in await self._store.active_runs():
            if not run_lock.is_alive(self._state_dir, active.run.id):
                await self._store.end_run(active.run.id, _now(), None)
                with suppress(OSError):
                    run_lock.lock_path(self._state_dir, active.run.id).unlink()

    async def _tell_of_runs(self) -> None:
        if self._on_runs is not None:
            await self._on_runs()

    async def _tracks_cost(self, name: str) -> bool:
        found = [project for project in await self._store.projects() if project.name == name]
        return not found or found[0].config.features.cost_tracking

    async def _prices(self) -> Prices:
        prices = Prices(Catalog(), await self._store.price_overrides())
        await asyncio.to_thread(prices.warm)
        return prices


def _row(run: Run, report: Reported, prices: Prices | None) -> UsageRow:
    """The usage row of a report. What it costs is by our prices; what the agent says is only kept beside it."""
    usage = report.usage
    price, flags = Price(0, "not tracked"), [UsageFlag.REPORTED]
    if prices is not None:
        price = prices.price(report.model, usage, "", report.at)
        if price.source == UNKNOWN_MODEL and usage != Usage():
            flags.append(UsageFlag.UNPRICED)
    if not report.whole:
        flags += [UsageFlag.ESTIMATED, UsageFlag.ABORTED]
    source = report.routing_source if report.routing_source in set(DecisionSource) else ""
    said = {"source": report.source, "cost": report.cost, "session": report.session, "request_id": report.request_id}
    metadata = {"run": run.id, "reported": {name: value for name, value in said.items() if value not in (None, "")}}
    return UsageRow(
        exchange_id=f"{run.id}-{report.number}",
        attempt=1,
        project=run.project,
        agent="",
        agent_type=run.agent_type,
        session=run.session or report.session or run.id,
        request_class="",
        client=run.agent,
        dialect="",
        requested_model=report.model,
        routed_model=report.model,
        provider=PROVIDER,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=0,
        cost_nanodollars=price.nanodollars,
        cost_currency="USD",
        price_source=price.source,
        routing_source=source or (DecisionSource.BYPASS if run.direct else DecisionSource.CLIENT),
        routing_reason=run.direct or "by the agent's own account",
        rule_id="",
        status=200,
        error_type="",
        latency_ms=0,
        first_byte_ms=0,
        overhead_us=0,
        flags=",".join(flags),
        metadata=json.dumps(metadata),
        created_at=report.at,
    )


def _now() -> int:
    return int(time.time() * 1000)
