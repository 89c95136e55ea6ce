"""What open budgets have spent goes along: whoever is carried or restored cannot spend it again."""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from transfer_scenes import DOLLAR, assert_equal_lines, exported, import_into, rows_of

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from ledgers import HandClock, admitted, check_invariants, over, refused, request, set_budget, usage_row, with_ledger

from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store import budgets
from conduit_tui.store.clock import now_ms
from conduit_tui.store.copies import check_sound, save_copy
from conduit_tui.store.sqlite import SqliteStore
from conduit_tui.transfer import restoring


def checked(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        check_invariants(connection)
        check_sound(connection, "it")


def spend(database: Path, clock: HandClock, *dollars: float, held: float = 0.0, budget: bool = True) -> None:
    async def act(store: SqliteStore, ledger: Ledger) -> None:
        if budget:
            await set_budget(store, ledger, daily=10, monthly=30)
        for amount in dollars:
            hold = admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=amount)))
            await ledger.settle(hold, over(hold, amount))
        if held:
            admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=held)))

    asyncio.run(with_ledger(database, act, clock))


def allowed(database: Path, clock: HandClock, dollars: float, generation: int = 1) -> bool:
    outcomes = []

    async def act(store: SqliteStore, ledger: Ledger) -> None:
        outcomes.append(await ledger.hold(request(usage_row(at=clock.now()), dollars=dollars)))

    asyncio.run(with_ledger(database, act, clock, generation))
    if (outcomes[0] is None) or hasattr(outcomes[0], "window"):
        refused(outcomes[0])
        return False
    return True


@pytest.mark.parametrize("version", ["2", "1.0"])
def test_another_box_has_only_what_is_left(tmp_path: Path, version: str) -> None:
    clock = HandClock(now_ms())
    spend(tmp_path / "a.db", clock, 3, 4)
    (tmp_path / "a.json").write_bytes(exported(tmp_path / "a.db", format=version))
    import_into(tmp_path / "b.db", tmp_path / "a.json")
    checked(tmp_path / "b.db")
    assert not allowed(tmp_path / "b.db", clock, 3.5)
    assert allowed(tmp_path / "b.db", clock, 2.5)
    checked(tmp_path / "b.db")


def test_what_is_held_is_carried_as_spent_and_comes_right_when_it_is_known(tmp_path: Path) -> None:
    clock = HandClock(now_ms())
    spend(tmp_path / "a.db", clock, 1, held=8)
    once = exported(tmp_path / "a.db")
    (tmp_path / "a.json").write_bytes(once)
    entries = json.loads(once)["ledger"]
    assert sorted((one["state"], one["cost_nanodollars"]) for one in entries) == [
        ("expired", 8 * DOLLAR), ("settled", DOLLAR)
    ]  # fmt: skip
    import_into(tmp_path / "b.db", tmp_path / "a.json")
    assert_equal_lines(exported(tmp_path / "b.db"), once)
    assert not allowed(tmp_path / "b.db", clock, 1.5)

    async def recover(store: SqliteStore, ledger: Ledger) -> None:
        assert await ledger.recover({0}) == 1  # the next gateway writes the row that is missing

    asyncio.run(with_ledger(tmp_path / "b.db", recover, clock, 2))
    checked(tmp_path / "b.db")
    assert rows_of(tmp_path / "b.db", "SELECT count(*), sum(cost_nanodollars) FROM usage") == [(2, 9 * DOLLAR)]
    # in the box that it came from the hold stays a hold
    import_into(tmp_path / "a.db", tmp_path / "a.json")
    assert rows_of(tmp_path / "a.db", "SELECT count(*) FROM ledger_entries WHERE state = 'held'") == [(1,)]
    checked(tmp_path / "a.db")


def test_two_boxes_become_one_and_both_spendings_count(tmp_path: Path) -> None:
    clock = HandClock(now_ms())
    spend(tmp_path / "a.db", clock, 6)
    spend(tmp_path / "b.db", clock, 3)
    (tmp_path / "a.json").write_bytes(exported(tmp_path / "a.db"))
    for _ in range(2):  # the second time nothing is added
        import_into(tmp_path / "b.db", tmp_path / "a.json")
        checked(tmp_path / "b.db")
        spent = rows_of(tmp_path / "b.db", "SELECT DISTINCT spent_nanodollars FROM budget_windows")
        assert spent == [(9 * DOLLAR,)]


def test_going_back_in_time_gives_nothing_back(tmp_path: Path) -> None:
    clock, database = HandClock(now_ms()), tmp_path / "a.db"
    spend(database, clock, 2, held=1)
    copy = save_copy(database, tmp_path / "backups")
    spend(database, clock, 5, budget=False)

    async def restore() -> None:
        store = await SqliteStore.open(database)
        try:
            ledger = Ledger(store, 1, clock=clock)
            await ledger.reload()
            flying = admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=1)))
            await restoring.restore(store, copy, tmp_path / "backups")
            await ledger.reload()
            refused(await ledger.hold(request(usage_row(at=clock.now()), dollars=1.5)))
            await ledger.settle(flying, over(flying, 0.5))  # what was in flight ends as it would have
            admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=1.25)))
            assert store.last_usage_id == 2
            assert len(await store.run(budgets.all_of)) == 1
        finally:
            await store.close()

    asyncio.run(restore())
    checked(database)
    assert rows_of(database, "SELECT count(*) FROM usage") == [(2,)]


def test_a_hold_that_was_settled_since_the_copy_is_not_held_again(tmp_path: Path) -> None:
    clock, database = HandClock(now_ms()), tmp_path / "a.db"

    async def act(store: SqliteStore, ledger: Ledger) -> None:
        await set_budget(store, ledger, daily=10)
        held = admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=9)))
        copy = await asyncio.to_thread(save_copy, database, tmp_path / "backups")
        await ledger.settle(held, over(held, 2))
        await restoring.restore(store, copy, tmp_path / "backups")
        admitted(await ledger.hold(request(usage_row(at=clock.now()), dollars=7)))

    asyncio.run(with_ledger(database, act, clock))
    checked(database)
