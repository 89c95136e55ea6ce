"""With `durability = "power-loss"` a settlement is on the disk before it is acknowledged, by its system calls. S5."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

STRACE = shutil.which("strace")

pytestmark = [pytest.mark.fault, pytest.mark.skipif(STRACE is None, reason="needs strace")]

PAIRS = 5
SETTLE = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from ledgers import HandClock, over, request, set_budget
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.store.sqlite import SqliteStore
async def main():
    store = await SqliteStore.open(Path(sys.argv[1]), durability=sys.argv[2])
    ledger = Ledger(store, 1, clock=HandClock())
    await set_budget(store, ledger, daily=10, monthly=100)
    for _ in range(int(sys.argv[4])):
        held = await ledger.hold(request(dollars=0.1))
        os.write(1, b"held\\n")
        await ledger.settle(held, over(held, 0.05))
        os.write(1, b"settled\\n")
    await store.close()
asyncio.run(main())
"""
_CALL = re.compile(r"^\d+ +(\w+)\((\d+)<([^>]*)>")


class Told(NamedTuple):
    """What was acknowledged, and whether all that was written to the log before it had been flushed."""

    what: str
    written: bool
    flushed: bool


def trace(database: Path, durability: str) -> list[Told]:
    assert STRACE is not None
    output = database.with_name("trace")
    ledgers = str(Path(__file__).parents[1] / "ledger")
    child = [sys.executable, "-c", SETTLE, str(database), durability, ledgers, str(PAIRS)]
    calls = "trace=pwrite64,write,fdatasync,fsync"
    command = [STRACE, "-f", "-y", "-q", "-s", "16", "-o", str(output), "-e", calls, *child]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    told: list[Told] = []
    written = flushed = False
    for line in output.read_text().splitlines():
        if not (found := _CALL.match(line)):
            continue
        call, descriptor, path = found.groups()
        if path.endswith("-wal"):
            written = written or "write" in call
            flushed = call in ("fdatasync", "fsync") and "<unfinished" not in line
        elif descriptor == "1" and (said := re.search(r'"(held|settled)\\n"', line)):
            told.append(Told(said[1], written, flushed))
            written = False
    return told


@pytest.mark.parametrize("durability", ["process-crash", "power-loss"])
def test_the_log_is_flushed_before_a_settlement_is_acknowledged(tmp_path: Path, durability: str) -> None:
    told = trace(tmp_path / "conduit.db", durability)
    assert [one.what for one in told] == ["held", "settled"] * PAIRS
    assert all(one.written for one in told), "each acknowledgement has a commit before it"
    flushed = [one.flushed for one in told]
    if durability == "power-loss":
        assert all(flushed)
    else:
        assert not any(flushed), "so the check above can fail"
