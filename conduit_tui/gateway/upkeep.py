"""What the gateway does beside serving: it deletes old rows, makes safety copies, charges silent holds, and tells of
budgets that run low."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial

from conduit_tui.config.model import Backup, Retention
from conduit_tui.control.reports import ReportType
from conduit_tui.domain.limits import Window, limit_name
from conduit_tui.domain.money import format_dollars
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.gateway.relay import Relay
from conduit_tui.gateway.reporter import Reporter
from conduit_tui.ledger.clock import Clock
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.observe.logs import Logger
from conduit_tui.paths import StateDir
from conduit_tui.store.interface import Store, StoreError
from conduit_tui.transfer import backups
from conduit_tui.transfer.errors import TransferError

EXPIRE_SECONDS = 600.0
TEND_SECONDS = 2.0

log = Logger("gateway")


async def expire(store: Store, keep: Retention, clock: Clock | None = None) -> None:
    """Sum up days that are over and delete what is too old, now and then, until cancelled.

    Nothing is deleted because somebody set the clock ahead.
    """
    clock = clock or Clock()
    while True:
        now = clock.earliest()
        try:
            await store.sum_days(now)
            await store.expire(now, keep)
        except StoreError as error:
            log.warning("old rows not deleted", error=str(error))
        await asyncio.sleep(EXPIRE_SECONDS)


async def copy_regularly(state_dir: StateDir, wanted: Backup) -> None:
    """Make a safety copy whenever none is young enough, until cancelled; not in the first minutes, which are busy."""
    make = partial(
        backups.create_if_due,
        state_dir.database,
        state_dir.backups,
        every_hours=wanted.every_hours,
        keep=wanted.keep,
    )
    while True:
        await asyncio.sleep(EXPIRE_SECONDS)
        try:
            made = await asyncio.to_thread(make, now=time.time_ns() // 1_000_000)
        except (StoreError, TransferError, OSError) as error:
            log.warning("no safety copy made", error=str(error))
        else:
            if made is not None:
                log.info("safety copy made", name=made.name, bytes=made.size)


async def tend(ledger: Ledger, problem: Callable[[], str], reporter: Reporter) -> None:
    """Settle what could not be settled, charge what has gone silent, watch clock and disk, until cancelled.

    Where `problem` says why the database cannot be written, or the clock is not believed, the gateway is degraded.
    """
    trouble = ""
    while True:
        await asyncio.sleep(TEND_SECONDS)
        try:
            await ledger.tend()
        except StoreError as error:
            log.warning("the ledger cannot be written", error=str(error))
        found = problem() or _clock_trouble(ledger.clock.jumped_ms)
        if found != trouble:
            trouble = found
            if trouble:
                log.warning("degraded", reason=trouble)
            reporter.report(ReportType.DEGRADED if trouble else ReportType.RECOVERED, trouble)


def _clock_trouble(jumped_ms: int) -> str:
    if not jumped_ms:
        return ""
    minutes, way = abs(jumped_ms) // 60_000, "ahead" if jumped_ms > 0 else "back"
    return (
        f"the clock was set {minutes} minutes {way}: until a provider confirms it, budgets go by the time that passed"
    )


async def keep_clients_awake(relays: set[Relay], silent_seconds: float) -> None:
    """Give streams whose provider is silent a sign of life, until cancelled."""
    while True:
        await asyncio.sleep(silent_seconds / 5)
        now = time.perf_counter()
        for relay in list(relays):
            relay.say_alive(now, silent_seconds)


class BudgetWarnings:
    """Windows that come near their caps, told in the log and as events of the process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._saying: set[asyncio.Task[None]] = set()

    def say(self, window: Window, percent: int) -> None:
        """A window has reached so many percent of its cap."""
        reason = f"{limit_name(window)}: {percent} % of {format_dollars(window.cap or 0)} spent or held"
        log.warning(reason)
        now = time.time_ns() // 1_000_000
        event = ProcessEvent(id=f"budget-{window.id}-{percent}", at=now, kind="note", reason=reason)
        task = asyncio.get_running_loop().create_task(self._keep(event))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _keep(self, event: ProcessEvent) -> None:
        with contextlib.suppress(StoreError):
            await self._store.add_process_events([event])
