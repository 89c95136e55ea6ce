"""Many callers at once: no cap is passed, nobody who fits is refused, and cancelled callers leave nothing."""

import asyncio
import random
import sqlite3
from itertools import count

import pytest
from ledgers import (
    DAY,
    DOLLAR,
    HandClock,
    admitted,
    check_invariants,
    over,
    request,
    set_budget,
    usage_row,
    windows,
)

from conduit_tui.domain.limits import Refusal
from conduit_tui.ledger.estimate import TIGHT_PERCENT
from conduit_tui.ledger.held import Held
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore
from tests.cancelling import CancelledAt
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.fault]

GUARD = """
CREATE TEMP TRIGGER never_over AFTER UPDATE ON main.budget_windows
WHEN NEW.spent_nanodollars + NEW.held_nanodollars > NEW.cap_nanodollars
BEGIN SELECT RAISE(ABORT, 'a cap was passed'); END
"""


async def guarded(store: SqliteStore) -> None:
    await store.run(lambda db: db.execute(GUARD))


async def crowd(ledger: Ledger, callers: int, each: int, dollars: float, **changes: object) -> list[Held | Refusal]:
    """Holds asked for by many callers, each one after the other; those admitted are settled by half of the callers."""

    async def call(number: int) -> list[Held | Refusal]:
        outcomes = []
        for _ in range(each):
            outcome = await ledger.hold(request(usage_row(**changes), dollars=dollars))
            if isinstance(outcome, Held) and number % 2:
                await ledger.settle(outcome, over(outcome, dollars))
            outcomes.append(outcome)
        return outcomes

    return [outcome for one in await asyncio.gather(*map(call, range(callers))) for outcome in one]


async def test_forty_callers_at_95_percent_of_the_cap(store: SqliteStore, ledger: Ledger) -> None:
    await set_budget(store, ledger, daily=100, monthly=1000)
    await set_budget(store, ledger, project="", monthly=1000)
    first = admitted(await ledger.hold(request(dollars=95)))
    await ledger.settle(first, over(first, 95))
    await guarded(store)
    outcomes = await crowd(ledger, 40, 10, 0.03)
    passed = sum(isinstance(outcome, Held) for outcome in outcomes)
    assert passed == 166  # 5 dollars hold 166 times 3 cents, and not once more
    assert all(outcome.window is not None for outcome in outcomes if isinstance(outcome, Refusal))
    assert (await windows(store))[0][1:] != (0, 0)
    (day, month, overall) = [spent + held for _, spent, held in await windows(store)]
    assert day == month == overall == 95 * DOLLAR + 166 * (3 * DOLLAR // 100)


async def test_the_first_requests_ever_of_a_project(store: SqliteStore, ledger: Ledger) -> None:
    await guarded(store)
    for name in ("alpha", "beta", "gamma"):
        await set_budget(store, ledger, project=name, daily=1)
        outcomes = await crowd(ledger, 40, 1, 0.3, project=name)
        assert sum(isinstance(outcome, Held) for outcome in outcomes) == 3


async def test_a_cap_of_nothing_forwards_nothing(store: SqliteStore, ledger: Ledger) -> None:
    await guarded(store)
    await set_budget(store, ledger, daily=0)
    for dollars in (0, 0.000_000_001, 1):
        assert not any(isinstance(outcome, Held) for outcome in await crowd(ledger, 40, 2, dollars))


async def test_a_crowd_at_midnight(store: SqliteStore, ledger: Ledger, clock: HandClock) -> None:
    await set_budget(store, ledger, daily=1)
    await guarded(store)
    for day in range(3):
        outcomes = await crowd(ledger, 20, 2, 0.3, at=clock.now())
        assert sum(isinstance(outcome, Held) for outcome in outcomes) == 3, day
        clock.go(DAY)
    assert len(await windows(store)) == 3


DAILY = {"alpha": 20 * DOLLAR, "default": 15 * DOLLAR}
MONTHLY = 30 * DOLLAR  # of both together


class Account:
    """What two projects spend and hold, reckoned apart from the ledger."""

    def __init__(self) -> None:
        self.used = dict.fromkeys(DAILY, 0)

    def has_room(self, project: str, amount: int, percent: int) -> bool:
        return (
            self.used[project] + amount <= DAILY[project] * percent // 100
            and sum(self.used.values()) + amount <= MONTHLY * percent // 100
        )

    def admit(self, asked: list[tuple[str, int]], first_percent: int) -> list[bool]:
        """Who of a crowd gets in: who comes first is served first, and who has no room is looked at once more."""
        admitted = [False] * len(asked)
        for percent in (first_percent, 100):
            for number, (project, amount) in enumerate(asked):
                if not admitted[number] and self.has_room(project, amount, percent):
                    self.used[project] += amount
                    admitted[number] = True
        return admitted


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("mode", "first_percent"), [("strict", 100), ("balanced", TIGHT_PERCENT)])
async def test_who_fits_at_its_turn_is_let_in_and_who_does_not_is_refused(
    store: SqliteStore, ledger: Ledger, mode: str, first_percent: int, seed: int
) -> None:
    """A hundred at a time, some of whom cost less than was held or more, until nobody fits any more."""
    chance, account = random.Random(seed), Account()
    for project, cap in DAILY.items():
        await set_budget(store, ledger, project=project, daily=cap / DOLLAR, mode=mode)
    await set_budget(store, ledger, project="", monthly=MONTHLY / DOLLAR, mode=mode)
    refusals = 0
    for _ in range(8):
        asked = [(chance.choice(("alpha", "default")), chance.randint(1, 5) * DOLLAR // 5) for _ in range(100)]
        wanted = [request(usage_row(project=project), dollars=amount / DOLLAR) for project, amount in asked]
        outcomes = await asyncio.gather(*map(ledger.hold, wanted))
        assert [isinstance(outcome, Held) for outcome in outcomes] == account.admit(asked, first_percent)
        for (project, amount), outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                refusals += 1
                assert outcome.window is not None
                assert outcome.window.cap is not None
                assert outcome.estimate == amount
                assert outcome.window.spent + outcome.window.held + amount > outcome.window.cap
            else:
                cost = chance.choice((0, amount // 2, amount, amount, amount + DOLLAR // 10))
                await ledger.settle(outcome, over(outcome, cost / DOLLAR))
                account.used[project] += cost - amount
        spent = {period: spent for period, spent, _ in await windows(store)}
        assert spent["month"] == sum(account.used.values())
    assert refusals > 400


async def settled_or_nothing(store: SqliteStore) -> bool:
    def look(db: sqlite3.Connection) -> bool:
        check_invariants(db)
        return not db.execute("SELECT 1 FROM ledger_entries WHERE state = 'held'").fetchone()

    return await store.run(look)


@pytest.mark.parametrize("near_the_cap", [False, True])
async def test_a_caller_that_is_cancelled_at_any_await_leaves_nothing_held(
    store: SqliteStore, ledger: Ledger, near_the_cap: bool
) -> None:
    await set_budget(store, ledger, daily=1)
    if near_the_cap:  # so that tokens are counted between two tries
        first = admitted(await ledger.hold(request(dollars=0.5)))
        await ledger.settle(first, over(first, 0.79))
    begun: list[str] = []

    async def exchange() -> None:
        held = admitted(await ledger.hold(request(dollars=0.01)))
        begun.append(held.row.exchange_id)
        await ledger.settle(held, over(held, 0.0001))

    for suspension in count(1):
        cancelled = CancelledAt(exchange(), suspension)
        if await cancelled.outcome() is None:
            break
    assert suspension > 2
    await until(lambda: settled_or_nothing(store))
    rows = await store.run(lambda db: db.execute("SELECT exchange_id FROM usage").fetchall())
    assert {exchange for (exchange,) in rows} >= set(begun)  # whoever came to settle is settled
