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
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from ledgers import DOLLAR, HOUR, HandClock, check_invariants, over, request, set_budget, usage_row

from conduit_tui.domain.limits import Refusal, Scope
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


@dataclass
class Spent:
    """What an attempt cost in the plain account; not `written` while it is only charged at its hold."""

    row: UsageRow
    cost: int
    written: bool = True


class LedgerMachine(RuleBasedStateMachine):
    """Attempts are known by their holds; `gone` ones are settled, void or lost with their gateway."""

    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.generation = 0
        self.spent: dict[str, Spent] = {}
        self.held: dict[str, int] = {}

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
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

    @rule(target=attempts, what=REQUESTS, dollars=AMOUNTS)
    def hold(self, what: tuple[str, str, str], dollars: float) -> Any:
        project, model, agent_type = what
        row = usage_row(at=self.clock.now(), project=project, routed_model=model, agent_type=agent_type)
        outcome = self.run(self.ledger.hold(request(row, dollars=dollars)))
        if isinstance(outcome, Refusal):
            window = outcome.window
            assert window is not None
            assert window.cap is not None
            assert window.cap == 0 or window.spent + window.held + outcome.estimate > window.cap
            return multiple()
        if outcome.limited:
            self.held[row.exchange_id] = outcome.nanodollars
            for _, cap, spent, held in self.windows_of(row.exchange_id):
                assert cap is None or 0 < spent + held <= cap or (spent + held == 0 < cap)
        return outcome

    @rule(attempt=attempts, dollars=AMOUNTS)
    def resize(self, attempt: Held, dollars: float) -> None:
        if self.alive(attempt) and attempt.limited:
            size = Estimate(1, 1, round(dollars * DOLLAR))
            before = self.held.get(attempt.row.exchange_id)
            refusal = self.run(self.ledger.resize(attempt, size, 100))
            if refusal is None and before is not None:
                self.held[attempt.row.exchange_id] = size.nanodollars
            elif refusal is not None:
                assert size.nanodollars > (before or 0)

    @rule(attempt=consumes(attempts), dollars=AMOUNTS)
    def settle(self, attempt: Held, dollars: float) -> None:
        if self.alive(attempt):
            row = over(attempt, dollars)
            self.run(self.ledger.settle(attempt, row))
            self.held.pop(row.exchange_id, None)
            self.spent[row.exchange_id] = Spent(row, row.cost_nanodollars)

    @rule(attempt=attempts)
    def settle_twice(self, attempt: Held) -> None:
        if attempt.row.exchange_id in self.spent and self.spent[attempt.row.exchange_id].written:
            try:
                self.run(self.ledger.settle(attempt, over(attempt, 5)))
            except KeyError:
                return
            raise AssertionError("an attempt was settled twice")

    @rule(attempt=attempts)
    def hold_twice(self, attempt: Held) -> None:
        if attempt.row.exchange_id in self.held:
            try:
                again = self.run(self.ledger.hold(request(attempt.row, dollars=0.25)))
            except KeyError:
                return
            assert isinstance(again, Refusal) or not again.limited, "an attempt was held twice"

    @rule(attempt=consumes(attempts))
    def void(self, attempt: Held) -> None:
        if self.alive(attempt) and attempt.row.exchange_id in self.held:
            self.run(self.ledger.void(attempt))
            self.held.pop(attempt.row.exchange_id)

    @rule()
    def expire(self) -> None:
        expired = self.run(self.ledger.expire_due(monotonic=float("inf")))
        assert expired == len(self.held)
        self.charge_holds(written=False)

    @rule()
    def crash(self) -> None:
        self.run(self.store.close())
        self.open()
        self.charge_holds(written=True)

    @rule(scope=st.sampled_from(SCOPES), daily=CAPS, monthly=CAPS)
    def set_caps(self, scope: Scope, daily: int | None, monthly: int | None) -> None:
        self.run(set_budget(self.store, self.ledger, **scope._asdict(), daily=daily, monthly=monthly))

    @rule(hours=st.sampled_from([1, 1, 1, 5, 12, 24, 31 * 24]))
    def wait(self, hours: int) -> None:
        self.clock.go(hours * HOUR)

    @invariant()
    def windows_are_what_was_spent_and_held(self) -> None:
        if self.generation:
            self.run(self.store.run(self.check))

    def check(self, connection: sqlite3.Connection) -> None:
        check_invariants(connection)
        entries = {
            exchange: (state, set(json.loads(windows)))
            for exchange, state, windows in connection.execute("SELECT exchange_id, state, windows FROM ledger_entries")
        }
        assert {exchange for exchange, (state, _) in entries.items() if state == "held"} == set(self.held)
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
                and (one.written or id_ in entries[exchange][1])
            )
            assert spent == counted, f"{scope}: {spent} entered, {counted} spent"
            assert held == sum(amount for exchange, amount in self.held.items() if id_ in entries[exchange][1])
        written = connection.execute("SELECT exchange_id, cost_nanodollars FROM usage").fetchall()
        assert dict(written) == {exchange: one.cost for exchange, one in self.spent.items() if one.written}

    def alive(self, attempt: Held) -> bool:
        """Whether it belongs to this gateway and is not over."""
        exchange = attempt.row.exchange_id
        over_already = exchange in self.spent and self.spent[exchange].written
        return attempt._ledger is self.ledger and not over_already and (not attempt.limited or exchange in self.known())

    def known(self) -> set[str]:
        return set(self.held) | {exchange for exchange, one in self.spent.items() if not one.written}

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
