"""A process that holds and settles until it kills itself at a named point.

    python run_ledger.py DATABASE GENERATION POINT NTH

It says on stdout what was acknowledged to it, a line each: `held ID`, `sent ID`, `settled ID COST`.
"""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from ledgers import DOLLAR, HandClock, over, request, usage_row

from conduit_tui.ledger.estimate import Estimate
from conduit_tui.ledger.held import Held
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore

CALLERS = 8
POINTS = (
    "before hold commit", "after hold commit", "after send", "mid-stream", "before settle commit",
    "after settle commit", "in recovery",
)  # fmt: skip
_TRIGGERS = {
    "before hold commit": "AFTER INSERT ON main.ledger_entries",
    "before settle commit": "AFTER INSERT ON main.usage",
    "in recovery": "AFTER INSERT ON main.usage",
}


class Point:
    """Kills the process when it is reached for the n-th time."""

    def __init__(self, name: str, nth: int) -> None:
        self.name = name
        self.left = nth

    def at(self, name: str) -> None:
        if name == self.name:
            self.reached()

    def reached(self) -> None:
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self, connection: sqlite3.Connection) -> None:
        connection.create_function("reached", 0, self.reached)
        connection.execute(f"CREATE TEMP TRIGGER killer {_TRIGGERS[self.name]} BEGIN SELECT reached(); END")


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def main(database: Path, generation: int, point: Point) -> None:
    store = await SqliteStore.open(database)
    ledger = Ledger(store, generation, clock=HandClock())
    await ledger.reload()
    if point.name == "in recovery":
        await store.run(point.arm)
    await ledger.recover(range(generation))
    if point.name in ("before hold commit", "before settle commit"):
        await store.run(point.arm)
    chance = random.Random(generation)

    async def call(caller: int) -> None:
        number = 0
        while True:
            number += 1
            row = usage_row(f"g{generation:04}-{caller}-{number:05}")
            held = await ledger.hold(request(row, dollars=chance.choice((0.01, 0.02, 0.05))))
            if not isinstance(held, Held):
                await asyncio.sleep(0.001)
                continue
            say("held", row.exchange_id)
            point.at("after hold commit")
            say("sent", row.exchange_id)
            point.at("after send")
            if chance.random() < 0.5:
                await ledger.resize(held, Estimate(1, 1, held.nanodollars + DOLLAR // 100), 100)
                point.at("mid-stream")
            cost = chance.choice((0, 0.001, 0.01))
            await ledger.settle(held, over(held, cost))
            say("settled", row.exchange_id, round(cost * DOLLAR))
            point.at("after settle commit")

    await asyncio.gather(*map(call, range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), Point(sys.argv[3], int(sys.argv[4]))))
