"""The ledger against a plain account of what was spent, through crashes, window rolls and changes of budgets."""

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledgers import DOLLAR, HOUR, HandClock, check_invariants, over, request, set_budget, usage_row

from conduit_tui.domain.limits import Period, Refusal, Scope, Window
from conduit_tui.domain.usage import UsageRow
from conduit_tui.ledger.estimate import Estimate
from conduit_tui.ledger.held import Held
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore

SCOPES = (Scope(""), Scope("default"), Scope("default", "claude-opus*"), Scope("", "", "Explore"))
AMOUNTS = st.integers(0, 6).map(lambda quarters: quarters / 4)
CAPS = st.sampled_from([None, 0, 1, 2, 5, 20, 20])
REQUESTS = st.tuples(
    st.sampled_from(["default", "default", "alpha"]),
    st.sampled_from(["claude-opus-5", "gpt-6"]),
    st.sampled_from(["main", "Explore"]),
)


# One rule draws from these: Hypothesis leaves out half of the rules in a run, and without a hold nothing happens.
STEPS = (
    *("hold",) * 6, *("resize",) * 4, *("settle",) * 3, *("settle_late",) * 2, "settle_again", "hold_again", "void",
    "void_what_is_not_held", "expire", "crash", "set_caps", "wait",
)  # fmt: skip


@dataclass
class Spent:
    """What an attempt cost in the plain account; not `written` while it is only charged at its hold."""

    row: UsageRow
    cost: int
    written: bool = True


class LedgerMachine(RuleBasedStateMachine):
    """Attempts are known by their holds: `running`, `silent` ones that are charged at theirs, and `ended` for good."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.generation = 0
        self.spent: dict[str, Spent] = {}
        self.held: dict[str, int] = {}
        self.caps: dict[Scope, tuple[int | None, int | None]] = {}
        self.running: list[Held] = []
        self.silent: list[Held] = []
        self.ended: list[Held] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize(daily=st.sampled_from([3, 5, 20]), monthly=CAPS)
    def begin(self, daily: int, monthly: int | None) -> None:
        self.open()
        self.set_caps_of(Scope(""), None, monthly)
        self.set_caps_of(Scope("default"), daily, None)

    def open(self) -> None:
        self.generation += 1

        async def start() -> None:
            self.store = await SqliteStore.open(Path(self.folder.name) / "conduit.db")
            self.ledger = Ledger(self.store, self.generation, clock=self.clock)
            await self.ledger.reload()
            await self.ledger.recover(range(self.generation))

        self.run(start())

    def teardown(self) -> None:
        if self.generation:
            self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(step=st.sampled_from(STEPS), data=st.data())
    def take(self, step: str, data: st.DataObject) -> None:
        getattr(self, step)(data)

    def one_of(self, attempts: list[Held], data: st.DataObject) -> Held | None:
        return attempts[data.draw(st.integers(0, len(attempts) - 1))] if attempts else None

    @property
    def holding(self) -> list[Held]:
        return [attempt for attempt in self.running if attempt.limited]

    def hold(self, data: st.DataObject) -> None:
        for (project, model, agent_type), dollars in data.draw(st.lists(st.tuples(REQUESTS, AMOUNTS), max_size=4)):
            row = usage_row(at=self.clock.now(), project=project, routed_model=model, agent_type=agent_type)
            outcome = self.run(self.ledger.hold(request(row, dollars=dollars)))
            if isinstance(outcome, Refusal):
                assert outcome.window is not None
                assert outcome.estimate == round(dollars * DOLLAR)
                assert outcome.window.scope.counts(project, model, agent_type)
                self.check_refusal(outcome.window, outcome.estimate)
                continue
            self.running.append(outcome)
            if outcome.limited:
                self.held[row.exchange_id] = outcome.nanodollars
                for _, cap, spent, held in self.windows_of(row.exchange_id):
                    assert cap is None or 0 < spent + held <= cap or (spent + held == 0 < cap)

    def check_refusal(self, window: Window, estimate: int) -> None:
        """That the limit as it was set has no room for what the plain account says of its day or month."""
        cap = self.caps[window.scope][window.period is Period.MONTH]
        assert cap is not None
        assert window.starts_at <= self.clock.now() < window.ends_at
        windows_of = self.run(self.store.run(self.entries))
        spent = sum(
            one.cost
            for exchange, one in self.spent.items()
            if window.scope.counts(one.row.project, one.row.routed_model, one.row.agent_type)
            and window.starts_at <= one.row.created_at < window.ends_at
            and (one.written or window.id in windows_of[exchange])
        )
        held = sum(amount for exchange, amount in self.held.items() if window.id in windows_of[exchange])
        assert cap == 0 or spent + held + estimate > cap * DOLLAR

    def resize(self, data: st.DataObject) -> None:
        attempt = self.one_of(self.holding, data)
        if attempt:
            size = Estimate(1, 1, round(data.draw(AMOUNTS) * DOLLAR))
            before = self.held[attempt.row.exchange_id]
            windows = self.windows_of(attempt.row.exchange_id)
            if self.run(self.ledger.resize(attempt, size, 100)) is None:
                self.held[attempt.row.exchange_id] = size.nanodollars
            else:
                more = size.nanodollars - before
                assert more > 0
                assert any(cap is not None and spent + held + more > cap for _, cap, spent, held in windows)

    def settle(self, data: st.DataObject) -> None:
        attempt = self.one_of(self.running, data)
        if attempt:
            self.running.remove(attempt)
            self.end(attempt, data.draw(AMOUNTS))

    def settle_late(self, data: st.DataObject) -> None:
        attempt = self.one_of(self.silent, data)
        if attempt:
            self.silent.remove(attempt)
            self.end(attempt, data.draw(AMOUNTS))

    def end(self, attempt: Held, dollars: float) -> None:
        row = over(attempt, dollars)
        self.run(self.ledger.settle(attempt, row))
        self.held.pop(row.exchange_id, None)
        self.spent[row.exchange_id] = Spent(row, row.cost_nanodollars)
        self.ended.append(attempt)

    def settle_again(self, data: st.DataObject) -> None:
        attempt = self.one_of(self.ended, data)
        if attempt:
            try:
                self.run(self.ledger.settle(attempt, over(attempt, 5)))
            except KeyError:
                return
            raise AssertionError("an attempt was settled that was over")

    def hold_again(self, data: st.DataObject) -> None:
        attempt = self.one_of(self.holding, data)
        if attempt:
            try:
                again = self.run(self.ledger.hold(request(attempt.row, dollars=0.25)))
            except KeyError:
                return
            assert isinstance(again, Refusal) or not again.limited, "an attempt was held twice"

    def void(self, data: st.DataObject) -> None:
        attempt = self.one_of(self.holding, data)
        if attempt:
            self.run(self.ledger.void(attempt))
            del self.held[attempt.row.exchange_id]
            self.running.remove(attempt)
            self.ended.append(attempt)

    def void_what_is_not_held(self, data: st.DataObject) -> None:
        attempt = self.one_of(self.silent + self.ended, data)
        if attempt:
            self.run(self.ledger.void(attempt))

    def expire(self, _data: st.DataObject) -> None:
        expired = self.run(self.ledger.expire_due(monotonic=float("inf")))
        assert expired == len(self.held)
        self.silent += self.holding
        self.running = [attempt for attempt in self.running if not attempt.limited]
        self.charge_holds(written=False)

    def crash(self, _data: st.DataObject) -> None:
        self.run(self.store.close())
        self.open()
        self.ended += self.holding + self.silent
        self.running, self.silent = [], []
        self.charge_holds(written=True)

    def set_caps(self, data: st.DataObject) -> None:
        self.set_caps_of(data.draw(st.sampled_from(SCOPES)), data.draw(CAPS), data.draw(CAPS))

    def set_caps_of(self, scope: Scope, daily: int | None, monthly: int | None) -> None:
        self.caps[scope] = (daily, monthly)
        self.run(set_budget(self.store, self.ledger, **scope._asdict(), daily=daily, monthly=monthly))

    def wait(self, data: st.DataObject) -> None:
        self.clock.go(data.draw(st.sampled_from([1, 1, 1, 5, 12, 24, 31 * 24])) * HOUR)

    @invariant()
    def windows_are_what_was_spent_and_held(self) -> None:
        if self.generation:
            self.run(self.store.run(self.check))

    def check(self, connection: sqlite3.Connection) -> None:
        check_invariants(connection)
        windows_of = self.entries(connection)
        held_ones = connection.execute("SELECT exchange_id FROM ledger_entries WHERE state = 'held'")
        assert {exchange for (exchange,) in held_ones} == set(self.held)
        for id_, starts, ends, spent, held, *scope in connection.execute(
            "SELECT w.id, starts_at, ends_at, spent_nanodollars, held_nanodollars, project, model, agent_type "
            "FROM budget_windows AS w JOIN budgets AS b ON b.id = budget_id "
            "WHERE cap_nanodollars IS NOT NULL AND closed_at IS NULL AND behind = 0"
        ):
            counted = sum(
                one.cost
                for exchange, one in self.spent.items()
                if Scope(*scope).counts(one.row.project, one.row.routed_model, one.row.agent_type)
                and starts <= one.row.created_at < ends
                and (one.written or id_ in windows_of[exchange])
            )
            assert spent == counted, f"{scope}: {spent} entered, {counted} spent"
            assert held == sum(amount for exchange, amount in self.held.items() if id_ in windows_of[exchange])
        written = connection.execute("SELECT exchange_id, cost_nanodollars FROM usage").fetchall()
        assert dict(written) == {exchange: one.cost for exchange, one in self.spent.items() if one.written}

    def entries(self, connection: sqlite3.Connection) -> dict[str, set[int]]:
        """The windows of every entry, by exchange."""
        rows = connection.execute("SELECT exchange_id, windows FROM ledger_entries")
        return {exchange: set(json.loads(windows)) for exchange, windows in rows}

    def charge_holds(self, *, written: bool) -> None:
        for exchange, amount in self.held.items():
            self.spent[exchange] = Spent(self.row_of(exchange), amount)
        for exchange, one in self.spent.items():
            if exchange in self.held:
                one.written = written
            elif written:
                one.written = True
        self.held.clear()

    def row_of(self, exchange: str) -> UsageRow:
        (project, model, agent_type, at) = self.run(
            self.store.run(
                lambda connection: self.facts(connection, exchange),
            )
        )
        return usage_row(exchange, at, project=project, routed_model=model, agent_type=agent_type)

    def facts(self, connection: sqlite3.Connection, exchange: str) -> tuple[str, str, str, int]:
        (text,) = connection.execute("SELECT usage FROM ledger_entries WHERE exchange_id = ?", (exchange,)).fetchone()
        if text:
            row = json.loads(text)
            return row[2], row[10], row[4], row[31]
        found: tuple[str, str, str, int] = connection.execute(
            "SELECT project, routed_model, agent_type, created_at FROM usage WHERE exchange_id = ?", (exchange,)
        ).fetchone()
        return found

    def windows_of(self, exchange: str) -> list[tuple[int, int | None, int, int]]:
        return self.run(  # type: ignore[no-any-return]
            self.store.run(
                lambda connection: connection.execute(
                    "SELECT w.id, cap_nanodollars, spent_nanodollars, held_nanodollars FROM ledger_entries AS e, "
                    "json_each(e.windows) JOIN budget_windows AS w ON w.id = value WHERE exchange_id = ?",
                    (exchange,),
                ).fetchall()
            )
        )


LedgerMachine.TestCase.settings = settings(
    max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLedgerMachine = pytest.mark.fault(LedgerMachine.TestCase)


@pytest.mark.slow
class TestLedgerMachineAtLength(LedgerMachine.TestCase):
    settings = settings(
        max_examples=1500, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
    )
