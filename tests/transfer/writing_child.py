"""A process that records requests under a budget and makes safety copies, until it is killed."""

import asyncio
import os
import sys
import time
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
from ledgers import admitted, over, request, set_budget, usage_row

from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.copies import save_copy
from conduit_tui.store.sqlite import SqliteStore


async def main(database: Path, folder: Path) -> None:
    store = await SqliteStore.open(database)
    ledger = Ledger(store, 1)
    await set_budget(store, ledger, daily=1_000_000)

    ids = (f"{os.getpid()}-{number}" for number in count())

    async def one() -> None:
        held = admitted(await ledger.hold(request(usage_row(next(ids), at=time.time_ns() // 1_000_000), dollars=0.01)))
        await ledger.settle(held, over(held, 0.005))

    async def write() -> None:
        while True:
            await asyncio.gather(*(one() for _ in range(4)))
            await asyncio.sleep(0.02)  # about 200 requests a second

    async def copy() -> None:
        while True:
            await asyncio.to_thread(save_copy, database, folder)
            print("copied", flush=True)

    await asyncio.gather(write(), copy())


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
