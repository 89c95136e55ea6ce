"""Budgets for the screens' tests: some near their caps, one with holds, entries to check."""

import asyncio
import sqlite3

from scenes import HOUR, NOW, World, row

from conduit_tui.domain.budgets import Budget, Raise
from conduit_tui.domain.limits import Mode
from conduit_tui.ledger.admission import windows_in_force
from conduit_tui.store import budget_windows, budgets, ledger_entries
from conduit_tui.store.budget_windows import Change
from conduit_tui.store.ledger_entries import Entry, State

DOLLAR = 1_000_000_000
BUDGETS = (
    Budget(daily=40 * DOLLAR, mode=Mode.STRICT, zone="Europe/Berlin"),
    Budget(project="api-server", daily=14 * DOLLAR, monthly=200 * DOLLAR),
    Budget(
        project="api-server", model="claude-opus-*", daily=12 * DOLLAR,
        raised=Raise(until=NOW + 7 * HOUR, daily=20 * DOLLAR),
    ),
    Budget(project="docs", daily=2_400_000_000),
)  # fmt: skip
HELD = {"api-server": 310_000_000}


def set_budgets(connection: sqlite3.Connection) -> None:
    """The budgets and their open windows, with what is held now."""
    for budget in BUDGETS:
        budgets.put(connection, budget)
    stored = {one.id: one.budget for one in budgets.all_of(connection)}
    for windows in windows_in_force(connection, stored, NOW).values():
        for window in windows:
            held = HELD.get(window.scope.project, 0) if not window.scope.model else 0
            budget_windows.change(connection, {window.id: Change(held=held)})


def add_entries(connection: sqlite3.Connection) -> None:
    """Two entries to check, of rows that are there."""
    for number, flag, cost in ((300, "worst-case", 640_000_000), (306, "estimated", 71_000_000)):
        entry = Entry(
            exchange_id=f"ex-{number:06}", attempt=1, generation=1, state=State.EXPIRED, hold=cost, cost=cost,
            windows=(), closes_at=NOW + HOUR, flags=flag, usage="", created_at=NOW - (320 - number) * 60_000,
            expires_at=NOW, ended_at=NOW,
        )  # fmt: skip
        ledger_entries.insert(connection, [entry])


def set_prices(connection: sqlite3.Connection) -> None:
    """Prices of one's own: a free model, and one with rates of its own."""
    for model, provider, free, rates in (
        ("qwen3-*", "", 1, (0, 0, None)),
        ("llama-4-maverick", "together", 0, (270_000_000, 850_000_000, 135_000_000)),
    ):
        connection.execute(
            "INSERT INTO price_overrides (provider, model, free, input, output, cache_read, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (provider, model, free, *rates, NOW),
        )


def with_budgets(world: World, *, entries: bool = True) -> World:
    """Give a world its budgets."""

    async def write() -> None:
        await world.fill([])
        assert world.store is not None
        await world.store.run(set_budgets)
        if entries:
            await world.store.run(add_entries)
        await world.store.run(set_prices)
        await world.close()
        world.store = None

    asyncio.run(write())
    return world


def rerouted(number: int, *, ago: int = HOUR) -> object:
    """A row that a rule sent to a smaller model."""
    return row(
        number, ago=ago, requested_model="claude-opus-4-5", routed_model="claude-haiku-4-5", routing_source="rule",
        rule_id="r-10", cost_nanodollars=13_000_000,
    )  # fmt: skip
