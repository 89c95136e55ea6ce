"""How long fifty rules take on 100,000 requests of the past."""

# ruff: noqa: ASYNC221 - nothing else runs on this loop

import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conduit_tui.control.project_changes import as_stored
from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.providers import BUILTIN_PROVIDERS
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.usage import UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.routing.backtest import Backtest
from conduit_tui.routing.expression import parse
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = [pytest.mark.benchmark, pytest.mark.anyio]

REQUESTS = 100_000
START = int(time.time() * 1000) - 8 * 86_400_000
MODELS = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5")
WORDS = (
    "the",
    "parser",
    "reads",
    "every",
    "token",
    "of",
    "a",
    "line",
    "and",
    "analyzes",
    "what",
    "it",
    "means",
    "next",
)


def rules() -> list[Rule]:
    """Fifty rules: on tokens, agents, flags, words and patterns; most requests meet none or a late one."""
    texts = [
        'tokenCount > {n}000 and agentType = "kind-{n}"',
        'message contains "word-{n}" or message matches "(?i)analy[sz]e.*number-{n}"',
        'flags contains "thinking" and toolCount > {n} and model matches "opus-{n}"',
        'requestClass = "subagent" and (maxTokens < {n} or header.user-agent contains "agent-{n}")',
        "not agentType = main and messageCount > 1{n} and tokenCount < 20000",
    ]
    return [
        Rule(
            id=f"r{n}", name=f"rule {n}", priority=n, conditions=parse(texts[n % 5].format(n=n)),
            target_model=MODELS[n % 3], sticky="session" if n % 10 == 4 else "request",
            rollout=50 if n % 7 == 0 else 100,
        )
        for n in range(50)
    ]  # fmt: skip


async def fill(path: Path) -> None:
    dice = random.Random(7)
    store = await SqliteStore.open(path)
    for first in range(0, REQUESTS, 2_000):
        await asyncio.gather(
            *(store.record(row, [text]) for row, text in (exchange(n, dice) for n in range(first, first + 2_000)))
        )
    await store.close()


def exchange(number: int, dice: random.Random) -> tuple[UsageRow, Capture]:
    """A request; of a session's two hundred, eight follow each message of the user, all from one agent."""
    turn = random.Random(number // 8)
    at = START + number * 6_000
    prompt, model = dice.randrange(1_000, 150_000), turn.choice(MODELS)
    read, written = prompt * 9 // 10, prompt // 20
    headers = [["user-agent", "claude-cli/2.1.300 (external, cli)"], *([f"x-header-{n}", "v" * 40] for n in range(14))]
    facts = {
        "bytes": prompt * 3, "maxTokens": 32_000, "toolCount": dice.randrange(30), "flags": ["stream", "tools"],
        "messageCount": dice.randrange(200), "messageHash": "0" * 16, "tokenCount": prompt,
    }  # fmt: skip
    metadata = {"target": "/v1/messages", "request_bytes": prompt * 3, "request_headers": headers, "facts": facts}
    row = UsageRow(
        f"{at:012x}{number:012x}", 1, "default", "", turn.choice(("main", "Explore", "research")),
        f"session-{number // 200}", "main", "claude-cli", "anthropic", model, model, "anthropic", prompt, 500, read,
        written, 0, 100, 50_000_000, "USD", "genai-prices 0.2.3", "client", "as requested", "", 200, "", 4_000, 900,
        300, "", json.dumps(metadata), at,
    )  # fmt: skip
    text = " ".join(turn.choices(WORDS, k=turn.randrange(10, 300)))
    return row, Capture(row.exchange_id, row.project, CaptureKind.MESSAGE, len(text) > 1_900, at, text)


async def test_backtest_of_100_000_requests_against_50_rules(tmp_path: Path) -> None:
    """The whole command, with what it takes to start Python and to load the prices; and the rules alone on one core."""
    state_dir = StateDir(tmp_path / "state")
    state_dir.prepare()
    await fill(state_dir.database)
    drafts = json.dumps([as_stored(rule) for rule in rules()])
    words = ["rules", "backtest", "--since", "30d", "--rules", "-", "--json", "--state-dir", str(state_dir.root)]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "conduit_tui", *words], input=drafts, capture_output=True, text=True, check=True
    )
    command = time.perf_counter() - began
    result = json.loads(done.stdout)
    assert result["requests"] == REQUESTS
    assert result["changed"] > 1_000

    reader = await SqliteReader.open(state_dir.database)
    batches = [batch async for batch in reader.recorded_requests(since=0, until=1 << 60)]
    await reader.close()
    catalog = Catalog()
    catalog.warm()
    run = Backtest(rules(), ProjectConfig(), BUILTIN_PROVIDERS, catalog)
    began = time.process_time()
    for batch in batches:
        run.add(batch)
    alone = time.process_time() - began
    print(
        f"\n{REQUESTS:,} requests, 50 rules: the command {command:.2f} s; trying alone {alone:.2f} s of one core; "
        f"changed {result['changed']:,}, unknown {result['unknown']:,}, broken caches {result['broken_caches']:,}"
    )
    assert run.tally.all.now == result["cost_now"]
