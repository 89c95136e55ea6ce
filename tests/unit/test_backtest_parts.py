"""A backtest in two processes: the same result as in one, and an end when one of them dies."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conduit_tui.domain.usage import UsageRow
from conduit_tui.routing.backtest_result import BacktestResult
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one process does it all")

RUN = """
import os, signal, sys
from pathlib import Path
from conduit_tui.cli import backtest_parts
from conduit_tui.cli.backtest_parts import Span, run_in_parts
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.providers import BUILTIN_PROVIDERS
from conduit_tui.domain.rules import Rule
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.routing.backtest import Backtest
from conduit_tui.routing.expression import parse

os.sched_getaffinity = lambda pid: {0, 1}
if len(sys.argv) > 3:
    backtest_parts._help = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
rules = [
    Rule(id="a", name="a", conditions=parse("messageCount = 2"), target_model="claude-haiku-4-5", sticky="session"),
    Rule(id="b", name="b", conditions=parse("toolCount > 5"), target_model="claude-haiku-4-5", rollout=50),
]
run = Backtest(rules, ProjectConfig(), BUILTIN_PROVIDERS, Catalog())
steps = []
for done in run_in_parts(run, Span(Path(sys.argv[1]), "default", 0, 1 << 60), 1_000, long=int(sys.argv[2])):
    steps.append(done)
assert steps == sorted(steps) and steps[-1] == run.tally.all.requests, steps
print(run.result("default", 0, 1).model_dump_json())
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "conduit.db"
    now = int(time.time() * 1000)
    rows = []
    for number in range(600):
        metadata = json.dumps({"facts": {"messageCount": number // 30, "toolCount": number % 9, "flags": []}})
        session = f"session-{number % 30:02}" if number % 7 else ""
        rows.append(
            UsageRow(
                f"x{number}", 1, "default", "", "main", session, "main", "claude-cli", "anthropic", "claude-opus-4-5",
                "claude-opus-4-5", "anthropic", 20_000, 100, 15_000, 4_000, 0, 0, 30_000_000, "USD", "genai-prices",
                "client", "as requested", "", 200, "", 900, 300, 200, "", metadata, now - 600_000 + number,
            )
        )  # fmt: skip

    async def write() -> None:
        store = await SqliteStore.open(path)
        await asyncio.gather(*map(store.record, rows))
        await store.close()

    asyncio.run(write())
    return path


def backtest(database: Path, long: int, *more: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-W", "error", "-c", RUN, str(database), str(long), *more]
    return subprocess.run(words, capture_output=True, text=True, timeout=100)


def test_two_processes_find_what_one_finds(database: Path) -> None:
    one, two = backtest(database, 1_000_000), backtest(database, 1)
    assert (one.stderr, two.stderr) == ("", "")
    result = BacktestResult.model_validate_json(one.stdout)
    assert BacktestResult.model_validate_json(two.stdout) == result
    assert result.requests == 600
    assert result.broken_caches > 0
    assert 0 < result.rules[1].requests < 300


@pytest.mark.fault
def test_the_death_of_the_second_process_is_no_result(database: Path) -> None:
    dead = backtest(database, 1, "kill")
    assert dead.stdout == ""
    assert "the second process of the backtest ended before its work was done" in dead.stderr
