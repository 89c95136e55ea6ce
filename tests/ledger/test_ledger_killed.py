"""SIGKILL at every point of an attempt's life: nothing is lost, nothing is settled twice, nothing stays held."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ledgers import DOLLAR, HandClock, check_invariants, set_budget
from run_ledger import POINTS

from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.fault
CAP = 400
SCRIPT = Path(__file__).with_name("run_ledger.py")


@dataclass
class Said:
    """What the killed processes were told, by exchange."""

    held: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    settled: dict[str, int] = field(default_factory=dict)

    def hear(self, output: str) -> None:
        for line in output.splitlines():
            what, exchange, *cost = line.split()
            if what == "settled":
                self.settled[exchange] = int(cost[0])
            else:
                getattr(self, what).add(exchange)


def kill_and_recover(database: Path, kills: int) -> Said:
    chance = random.Random(4)
    said = Said()
    asyncio.run(prepare(database))
    for generation in range(1, kills + 1):
        point = POINTS[generation % len(POINTS)]
        nth = chance.randint(1, 3) if point == "in recovery" else chance.randint(1, 120)
        child = subprocess.run(
            [sys.executable, SCRIPT, database, str(generation), point, str(nth)],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert child.returncode == -signal.SIGKILL, child.stderr
        said.hear(child.stdout)
    asyncio.run(recover(database, kills))
    return said


async def prepare(database: Path) -> None:
    store = await SqliteStore.open(database)
    await set_budget(store, daily=CAP, monthly=CAP)
    await store.close()


async def recover(database: Path, kills: int) -> None:
    store = await SqliteStore.open(database)
    ledger = Ledger(store, kills + 1, clock=HandClock())
    await ledger.recover(range(kills + 1))
    await store.close()


def check(database: Path, said: Said) -> dict[str, int]:
    connection = sqlite3.connect(database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        check_invariants(connection)
        entries = dict(connection.execute("SELECT exchange_id, state FROM ledger_entries"))
        rows = connection.execute("SELECT exchange_id, cost_nanodollars, flags FROM usage").fetchall()
        windows = connection.execute("SELECT spent_nanodollars, held_nanodollars FROM budget_windows").fetchall()
    finally:
        connection.close()
    costs = {exchange: cost for exchange, cost, _ in rows}
    counts = {
        "sent": len(said.sent),
        "settled": len(said.settled),
        "recovered": sum("worst-case" in flags for _, _, flags in rows),
        "sent without a hold": len(said.sent - set(entries)),
        "lost": sum(costs.get(exchange) != cost for exchange, cost in said.settled.items()),
        "unrecorded": len(said.sent - set(costs)),
        "double": len(rows) - len(costs),
        "leaked": sum(state == "held" for state in entries.values()) + sum(held for _, held in windows),
        "overspent": sum(max(0, spent - CAP * DOLLAR) for spent, _ in windows),
    }
    assert {spent for spent, _ in windows} == {sum(costs.values())}
    assert [
        counts[what] for what in ("sent without a hold", "lost", "unrecorded", "double", "leaked", "overspent")
    ] == [0] * 6
    assert counts["recovered"] > 0
    assert counts["settled"] > 0
    return counts


def test_killed_at_every_point(tmp_path: Path) -> None:
    database = tmp_path / "conduit.db"
    check(database, kill_and_recover(database, 21))


@pytest.mark.slow
def test_killed_two_hundred_times(tmp_path: Path) -> None:
    database = tmp_path / "conduit.db"
    print(check(database, kill_and_recover(database, 200)))
