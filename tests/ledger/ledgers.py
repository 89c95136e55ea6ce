"""Ledgers for tests: a clock that is set by hand, prices that are easy to add up, and the invariants."""

import json
import sqlite3
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import Refusal
from conduit_tui.domain.usage import Usage, UsageRow
from conduit_tui.ledger.clock import Clock
from conduit_tui.ledger.estimate import Demand
from conduit_tui.ledger.held import Held
from conduit_tui.ledger.ledger import HoldRequest, Ledger
from conduit_tui.store import budgets
from conduit_tui.store.sqlite import SqliteStore

NOON = 1_800_014_400_000  # 2027-01-15 12:00 UTC
HOUR = 3_600_000
DAY = 24 * HOUR
DOLLAR = 1_000_000_000
_numbers = count(1)


class HandClock(Clock):
    """Goes when it is told to."""

    def __init__(self, now: int = NOON) -> None:
        self.wall_now = now
        self.elapsed_now = 0
        super().__init__(lambda: self.wall_now, lambda: self.elapsed_now)

    def go(self, milliseconds: int) -> None:
        self.wall_now += milliseconds
        self.elapsed_now += milliseconds


def price(usage: Usage) -> int:
    """100 nano-dollars per input token, 125 to write it to a cache, 500 per output token."""
    writes = usage.cache_write_5m_tokens
    return 100 * usage.input_tokens + 25 * writes + 500 * usage.output_tokens


def usage_row(exchange_id: str = "", at: int = NOON, **changes: object) -> UsageRow:
    row = UsageRow(
        exchange_id or f"exchange-{next(_numbers):08}", 1, "default", "", "main", "s-1", "main", "claude-cli",
        "anthropic", "claude-opus-5", "claude-opus-5", "anthropic", 0, 0, 0, 0, 0, 0, 0, "USD", "test", "client",
        "as requested", "", 0, "", 0, 0, 0, "", "{}", at,
    )  # fmt: skip
    return row._replace(**changes)


def request(row: UsageRow | None = None, *, dollars: float | None = None, **changes: object) -> HoldRequest:
    """A request; with `dollars`, one that holds exactly that much whatever its size."""
    made = HoldRequest(row or usage_row(), Demand(b"{" + b" " * 2398 + b"}", Dialect.ANTHROPIC, 1000), price, counted)
    if dollars is not None:
        amount = round(dollars * DOLLAR)
        made = made._replace(price=lambda _usage: amount)
    return made._replace(**changes)


async def counted() -> int:
    return 1000


def over(held: Held, dollars: float, **changes: object) -> UsageRow:
    """The row of an attempt that is over and cost so much."""
    return held.row._replace(cost_nanodollars=round(dollars * DOLLAR), status=200, output_tokens=100, **changes)


async def set_budget(store: SqliteStore, ledger: Ledger | None = None, **fields: object) -> Budget:
    """Set a budget in dollars, of the default project unless told otherwise."""
    for name in ("daily", "monthly"):
        if fields.get(name) is not None:
            fields[name] = round(fields[name] * DOLLAR)  # type: ignore[operator]
    budget = Budget.model_validate({"project": "default", **fields})
    await store.run(lambda connection: budgets.put(connection, budget))
    if ledger:
        await ledger.reload()
    return budget


async def with_ledger(
    database: Path,
    act: Callable[[SqliteStore, Ledger], Awaitable[None]],
    clock: Clock | None = None,
    generation: int = 1,
) -> None:
    store = await SqliteStore.open(database)
    try:
        ledger = Ledger(store, generation, clock=clock or HandClock())
        await ledger.reload()
        await act(store, ledger)
    finally:
        await store.close()


def admitted(outcome: Held | Refusal) -> Held:
    assert isinstance(outcome, Held), outcome
    return outcome


def refused(outcome: Held | Refusal) -> Refusal:
    assert isinstance(outcome, Refusal), outcome
    return outcome


def check_invariants(connection: sqlite3.Connection) -> None:
    """I2 and I3: the windows are the sums of the entries, and every entry is in exactly one state."""
    sums: dict[int, list[int]] = {}
    for state, hold, cost, windows in connection.execute(
        "SELECT state, hold_nanodollars, cost_nanodollars, windows FROM ledger_entries"
    ):
        for window in json.loads(windows):
            total = sums.setdefault(window, [0, 0])
            total[0] += cost or 0
            total[1] += hold if state == "held" else 0
    for id_, spent, held in connection.execute("SELECT id, spent_nanodollars, held_nanodollars FROM budget_windows"):
        assert [spent, held] == sums.get(id_, [0, 0]), f"window {id_}"


async def windows(store: SqliteStore) -> list[tuple[str, int, int]]:
    """Period, spent and held of every window, oldest first."""

    def read(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
        check_invariants(connection)
        return connection.execute(
            "SELECT period, spent_nanodollars, held_nanodollars FROM budget_windows ORDER BY id"
        ).fetchall()

    return await store.run(read)
