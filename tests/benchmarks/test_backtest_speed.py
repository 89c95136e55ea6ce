"""How long fifty rules take on 100,000 requests of the past."""

import asyncio
import json
import random
import time
from pathlib import Path

import pytest

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.providers import BUILTIN_PROVIDERS
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.usage import UsageRow
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.routing.backtest import Backtest
from conduit_tui.routing.expression import parse
from conduit_tui.store.interface import UsageFilter
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

pytestmark = [pytest.mark.benchmark, pytest.mark.anyio]

REQUESTS = 100_000
START = 1_795_000_000_000
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
    path = tmp_path / "conduit.db"
    await fill(path)
    reader = await SqliteReader.open(path)
    assert await reader.usage_count(UsageFilter()) == REQUESTS
    catalog = Catalog()
    began = time.perf_counter()
    catalog.warm()
    loaded = time.perf_counter()
    run = Backtest(rules(), ProjectConfig(), BUILTIN_PROVIDERS, catalog)
    reading = 0.0
    since = time.perf_counter()
    async for batch in reader.recorded_requests(since=0, until=1 << 60):
        reading += time.perf_counter() - since
        run.add(batch)
        since = time.perf_counter()
    result = run.result("default", 0, 1 << 60)
    took = time.perf_counter() - began
    await reader.close()
    print(
        f"\n{result.requests:,} requests, 50 rules: {took:.2f} s (prices {loaded - began:.2f} s, reading {reading:.2f} "
        f"s); changed {result.changed:,}, unknown {result.unknown:,}, broken caches {result.broken_caches:,}"
    )
    assert result.requests == REQUESTS
    assert result.changed > 1_000
