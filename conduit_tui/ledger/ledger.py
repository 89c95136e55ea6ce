"""The ledger as the gateway uses it: hold before an attempt is sent, settle when it is over.

What is spent and held is in the database and nowhere else; here are only the budgets' configuration, read anew when it
changes, and which attempts of this gateway are alive. Requests that come together are committed together.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from conduit_tui.domain.captures import Capture
from conduit_tui.domain.limits import ALARM_PERCENT, WARNING_PERCENT, Mode, Refusal, RefusalKind, Unpriced, Window
from conduit_tui.domain.usage import UsageRow
from conduit_tui.ledger import admission, settlement
from conduit_tui.ledger.admission import Admitted, Refused, Resize, Wanted
from conduit_tui.ledger.clock import Clock
from conduit_tui.ledger.database import Database
from conduit_tui.ledger.estimate import TIGHT_PERCENT, Demand, Estimate, PriceOf, estimate
from conduit_tui.ledger.held import Held
from conduit_tui.ledger.output_seen import OutputSeen
from conduit_tui.ledger.settlement import Settle, Settled
from conduit_tui.store import budget_windows, budgets, ledger_entries
from conduit_tui.store.budgets import StoredBudget
from conduit_tui.store.interface import StoreError
from conduit_tui.store.ledger_entries import Entry, Key, State
from conduit_tui.store.sqlite import Recorded
from conduit_tui.store.writer import GATHER_SECONDS, Bulk

HOLD_SECONDS = 660.0  # ten minutes without a byte, and one more
REMEMBERED_SCOPES = 4096
UNSETTLED_LIMIT = 2_000  # attempts that the database could not take, kept in memory until it can

_NOTHING = Estimate(0, 0, 0)


class HoldRequest(NamedTuple):
    """An attempt that is about to be sent.

    `row` is its usage row as far as it is known, tokens and cost 0: it is what remains if this gateway dies. `price`
    gives nano-dollars, `count_tokens` the input tokens by the model's own tokenizer, asked for only when a budget nears
    its cap. `priced` is False when no price is known and `price` uses the unknown-model rate. Without `project_limits`
    only the overall budgets limit it. The hold is given up when nothing is heard of the attempt for `seconds`.
    """

    row: UsageRow
    demand: Demand
    price: PriceOf
    count_tokens: Callable[[], Awaitable[int]]
    priced: bool = True
    project_limits: bool = True
    seconds: float = HOLD_SECONDS


class Ledger:
    """Holds and settles the attempts of one gateway generation.

    `on_warning` hears of a window that has reached 75 or 95 percent of its cap, once for each.
    """

    def __init__(
        self,
        store: Database,
        generation: int,
        *,
        clock: Clock | None = None,
        on_warning: Callable[[Window, int], None] | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self._store = store
        self._generation = generation
        self._on_warning = on_warning
        self._budgets: tuple[StoredBudget, ...] = ()
        self._concerned: dict[tuple[str, str, str, bool], tuple[StoredBudget, ...]] = {}
        self._alive: dict[Key, Held] = {}
        self._unsettled: deque[Settle] = deque()
        self._warned: dict[int, int] = {}
        self._output = OutputSeen()
        self._abandoned: set[Key] = set()  # holds whose callers have gone
        self._clearing: set[asyncio.Task[None]] = set()
        self._holds = Bulk(admission.hold_many, _nobody)
        self._resizes = Bulk(admission.resize_many, _nobody)
        self._settles = Bulk(settlement.settle_many, self._settled)  # at once: what is held too much keeps others out
        self._records = Bulk(settlement.settle_many, self._settled, patience=GATHER_SECONDS)  # of what nothing limits

    async def reload(self) -> None:
        """Read the budgets. Call it at the start and after each change of them. Raises StoreError."""
        found = await self._store.run(budgets.all_of)
        self._budgets = tuple(one for one in found if one.budget.limits or one.budget.unpriced is Unpriced.BLOCK)
        self._concerned.clear()

    def move_to(self, store: Database) -> None:
        """Write to another place from now on."""
        self._store = store

    def limits(self, project: str, model: str, agent_type: str, *, project_limits: bool = True) -> bool:
        """Whether any budget limits such a request."""
        return bool(self._budgets) and bool(self._budgets_of(project, model, agent_type, project_limits))

    async def used_percent(self, project: str, model: str, agent_type: str) -> float | None:
        """How much of the tightest window of such a request is spent or held; None where nothing limits it.

        Raises StoreError.
        """
        concerned = [one.id for one in self._budgets_of(project, model, agent_type, True) if one.budget.limits]
        if not concerned:
            return None
        now = self.clock.now()
        opened = await self._store.run(partial(budget_windows.open_of, budget_ids=concerned, now=now))
        return max((one.window.used_percent for one in opened if now < one.window.ends_at), default=0.0)

    async def hold(self, request: HoldRequest) -> Held | Refusal:
        """Hold what an attempt may cost. When this returns a Held, the hold is committed and the attempt may be sent.

        A caller that is cancelled leaves nothing held. Raises KeyError if the attempt has an entry already.
        """
        row = request.row
        concerned = self._budgets_of(row.project, row.routed_model, row.agent_type, request.project_limits)
        if not request.priced and any(one.budget.unpriced is Unpriced.BLOCK for one in concerned):
            return Refusal(RefusalKind.UNPRICED, model=row.routed_model)
        concerned = tuple(one for one in concerned if one.budget.limits)
        held = partial(Held, self.resize, row, request.demand, request.price, seconds=request.seconds)
        if not concerned:
            return held(_NOTHING, limited=False)
        mode = Mode.STRICT if any(one.budget.mode is Mode.STRICT for one in concerned) else Mode.BALANCED
        if mode is Mode.STRICT and request.demand.missing:
            return Refusal(RefusalKind.UNLIMITED, missing=request.demand.missing)
        size_up = partial(
            estimate, mode, request.demand, request.price, usual_output=self._output.usual(row.routed_model)
        )
        size = size_up()
        percent = 100 if mode is Mode.STRICT else TIGHT_PERCENT
        try:
            outcome = await self._admit(request, concerned, size, percent)
            if isinstance(outcome, Refused):  # look closer before saying no
                size = size_up(counted=await request.count_tokens(), tight=True)
                outcome = await self._admit(request, concerned, size, 100)
        except StoreError:
            return Refusal(RefusalKind.UNAVAILABLE)
        if isinstance(outcome, Refused):
            refusal = self._refusal(outcome, size.nanodollars, row.routed_model)
            if mode is Mode.STRICT:
                demand = request.demand
                refusal = refusal._replace(max_tokens=demand.output_limit, results=demand.further_input)
            return refusal
        admitted = held(size, limited=bool(outcome.windows))
        if outcome.windows:
            self._alive[admitted.key] = admitted
            self._warn(outcome.windows, size.nanodollars)
        return admitted

    async def settle(self, held: Held | None, row: UsageRow, captures: Sequence[Capture] = ()) -> int:
        """Enter what an attempt cost and write its usage row and texts, in one transaction; the row's id.

        Without a hold, because no budget limited the attempt or it was refused: what it cost is entered all the same
        where a budget counts it by now.

        Once called it is done, whatever becomes of the caller; what the database cannot take now is tried again by
        `tend`. Raises StoreError then, KeyError if the attempt was settled before.
        """
        if row.status == 200:
            self._output.add(row.routed_model, row.output_tokens)
        settle = Settle(Recorded(row, captures), held is not None and held.limited, self._generation, self.clock.now())
        return await self._settle(settle)

    async def void(self, held: Held) -> None:
        """Give back what is held for an attempt that was not sent and leaves no usage row. Raises StoreError."""
        if held.limited:
            await self._store.run(partial(settlement.void, key=held.key, now=self.clock.now()))
            self._alive.pop(held.key, None)

    async def resize(self, held: Held, size: Estimate, percent: int) -> Refusal | None:
        """Change what is held for an attempt, up to a share of each cap. Used by `Held`."""
        now = self.clock.now()
        wish = Resize(held.key, size.nanodollars, percent, now, now + int(held.seconds * 1000))
        try:
            outcome: Admitted | Refused = await self._store.submit(self._resizes, wish)
        except StoreError:
            return Refusal(RefusalKind.UNAVAILABLE)
        except KeyError:  # expired meanwhile: charged, to be corrected when it is settled
            return None
        if isinstance(outcome, Refused):
            return self._refusal(outcome, size.nanodollars - held.nanodollars, held.row.routed_model)
        self._warn(outcome.windows, size.nanodollars - held.nanodollars)
        return None

    async def tend(self) -> None:
        """What is to be done every few seconds: settle what could not be settled, charge what has gone silent.

        Raises StoreError while the database cannot be written.
        """
        await self._void_abandoned()
        for _ in range(len(self._unsettled)):
            with suppress(KeyError):
                await self._settle(self._unsettled.popleft())
        await self.expire_due()

    async def expire_due(self, monotonic: float | None = None) -> int:
        """Charge attempts at their holds of which nothing was heard until their deadline; how many. Raises StoreError.

        `monotonic` is the instant that deadlines are compared with, now by default.
        """
        at = time.monotonic() if monotonic is None else monotonic
        due = [key for key, held in self._alive.items() if held.deadline <= at]
        if not due:
            return 0
        expired = await self._store.run(partial(settlement.expire, keys=due, now=self.clock.now()))
        for key in due:
            self._alive.pop(key, None)
        return expired

    async def recover(self, ended_generations: Iterable[int]) -> int:
        """Charge what gateways that have ended still held, flagged, and write rows for it; how many attempts.

        Call it before READY. Raises StoreError.
        """
        generations = tuple(set(ended_generations) - {self._generation})
        total = 0
        while generations and (
            done := await self._store.run(partial(settlement.recover, generations=generations, now=self.clock.now()))
        ):
            total += done
        return total

    async def _settle(self, settle: Settle) -> int:
        bulk = self._settles if settle.held else self._records
        try:
            answer = self._store.submit(bulk, settle)
        except StoreError:
            self._keep(settle)
            raise
        answer.add_done_callback(partial(self._keep_if_not_written, settle))
        settled: Settled = await asyncio.shield(answer)  # so that it tells also when this caller has gone
        return settled.usage_id

    def _settled(self, group: Sequence[Settled]) -> None:
        self._store.usage_committed([settled.usage_id for settled in group])
        for settled in group:
            self._alive.pop(settled.key, None)

    def _keep_if_not_written(self, settle: Settle, answer: "asyncio.Future[Settled]") -> None:
        if not answer.cancelled() and isinstance(answer.exception(), StoreError):
            self._keep(settle)

    def _keep(self, settle: Settle) -> None:
        """Keep what the database could not take until it can."""
        if len(self._unsettled) < UNSETTLED_LIMIT:
            self._unsettled.append(settle)

    async def _admit(
        self, request: HoldRequest, concerned: tuple[StoredBudget, ...], size: Estimate, percent: int
    ) -> Admitted | Refused:
        row, now = request.row, self.clock.now()
        entry = Entry(
            exchange_id=row.exchange_id, attempt=row.attempt, generation=self._generation, state=State.HELD,
            hold=size.nanodollars, cost=None, windows=(), closes_at=0, flags="",
            usage=ledger_entries.encode_usage(row), created_at=now, expires_at=now + int(request.seconds * 1000),
            ended_at=None,
        )  # fmt: skip
        answer = self._store.submit(self._holds, Wanted(entry, concerned, percent, now))
        try:
            outcome: Admitted | Refused = await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(partial(self._release_orphan, entry.key))
            raise
        return outcome

    def _release_orphan(self, key: Key, answer: "asyncio.Future[Admitted | Refused]") -> None:
        """Give back what was held for a caller that has gone."""
        if answer.cancelled() or answer.exception() or not isinstance(answer.result(), Admitted):
            return
        self._abandoned.add(key)
        task = asyncio.get_running_loop().create_task(self._clear_up())
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)

    async def _clear_up(self) -> None:
        with suppress(StoreError):  # `tend` tries again
            await self._void_abandoned()

    async def _void_abandoned(self) -> None:
        for key in list(self._abandoned):
            await self._store.run(partial(settlement.void, key=key, now=self.clock.now()))
            self._abandoned.discard(key)

    def _budgets_of(self, project: str, model: str, agent_type: str, project_limits: bool) -> tuple[StoredBudget, ...]:
        if not self._budgets:
            return ()
        key = (project, model, agent_type, project_limits)
        known = self._concerned.get(key)
        if known is None:
            if len(self._concerned) >= REMEMBERED_SCOPES:
                self._concerned.clear()
            known = self._concerned[key] = tuple(
                one
                for one in self._budgets
                if one.budget.scope.counts(project, model, agent_type) and (project_limits or not one.budget.project)
            )
        return known

    def _refusal(self, refused: Refused, nanodollars: int, model: str) -> Refusal:
        return Refusal(RefusalKind.LIMIT, refused.window, nanodollars, model=model, at=self.clock.now())

    def _warn(self, before: Sequence[Window], added: int) -> None:
        if self._on_warning is None:
            return
        for window in before:
            used = window._replace(held=window.held + added)
            for percent in (ALARM_PERCENT, WARNING_PERCENT):
                if used.cap and used.used_percent >= percent > self._warned.get(window.id, 0):
                    self._warned[window.id] = percent
                    self._on_warning(used, percent)
                    break


def _nobody(_results: Sequence[Any]) -> None:
    """Nobody waits for the commit but the callers."""
