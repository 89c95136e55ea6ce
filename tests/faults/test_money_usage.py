"""What providers report of an answer, odd as it may be, is charged once, in full, and never as nothing by accident.
Faults B6 and B8."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conduit_tui.control.remote import RemoteControl
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import parse
from tests.gateway.raw import ANTHROPIC_HEADERS, Answer, ask, message
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.fault

DOLLAR = 1_000_000_000
INPUT_PRICE, OUTPUT_PRICE = 4_000, 20_000  # nano-dollars per token on claude-opus-5-5
USAGE = {"input": 1_000, "output": 60}
COST = 1_000 * INPUT_PRICE + 60 * OUTPUT_PRICE


class Entry(NamedTuple):
    exchange: str
    attempt: int
    state: str
    hold: int
    cost: int
    flags: str


@contextmanager
def gateway_with(folder: Path, fake: FakeProvider, daily: int) -> Iterator[RunningGateway]:
    fake.reset()
    budgets = [Budget(project="default", daily=daily)]
    running = RunningGateway(folder / "state", [fake_provider(fake.url)], budgets=budgets)
    try:
        yield running
    finally:
        running.close()


def say(gateway: RunningGateway, fake: FakeProvider, *answers: dict[str, Any], **fields: Any) -> Answer:
    script = fake.script("said", *answers)
    return ask(gateway.port, "POST", "/v1/messages", message("x" * 2000, **fields), ANTHROPIC_HEADERS | script)


def books(gateway: RunningGateway, entries: int) -> list[Entry]:
    """The ledger's entries once there are so many and none is held; they are what the window and the rows say too."""
    found: list[Entry] = []

    def closed() -> bool:
        with closing(sqlite3.connect(f"file:{gateway.state_dir.database}?mode=ro", uri=True)) as database:
            found[:] = map(Entry._make, database.execute(
                "SELECT exchange_id, attempt, state, hold_nanodollars, cost_nanodollars, flags FROM ledger_entries "
                "ORDER BY created_at, exchange_id, attempt"
            ))  # fmt: skip
            windows = database.execute("SELECT spent_nanodollars, held_nanodollars FROM budget_windows").fetchall()
            rows = dict(database.execute("SELECT exchange_id || attempt, cost_nanodollars FROM usage"))
        if len(found) < entries or any(entry.state == "held" for entry in found):
            return False
        assert windows == [(sum(entry.cost for entry in found), 0)]
        assert all(rows[f"{entry.exchange}{entry.attempt}"] == entry.cost for entry in found)
        return True

    eventually(closed)
    return found


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_is_charged_once_whatever_its_usage_looks_like(
    tmp_path: Path, fake: FakeProvider, stream: bool
) -> None:
    with gateway_with(tmp_path, fake, 100 * DOLLAR) as gateway:
        for answer, cost in (
            ({"usage": USAGE, "id": "msg_the_same"}, COST),
            ({"usage": USAGE, "id": "msg_the_same"}, COST),  # the key is ours: charged again
            ({"usage": USAGE, "cumulative": 5, "words": 60}, COST),  # running totals are no sums
            ({"usage": {"input": 0, "output": 0}}, 0),  # nothing is nothing
            ({"usage": {"input": 1_000, "output": 0}}, 1_000 * INPUT_PRICE),
        ):
            before = len(gateway.rows())
            assert say(gateway, fake, answer, stream=stream).status == 200
            assert books(gateway, before + 1)[-1].cost == cost, answer
        assert say(gateway, fake, {"usage": "missing", "text": "word " * 40}, stream=stream).status == 200
        unreported = books(gateway, 6)[-1]
        assert 2000 // 4 * INPUT_PRICE + 200 // 4 * OUTPUT_PRICE <= unreported.cost <= unreported.hold
        assert unreported.flags == "estimated"


def test_every_attempt_is_an_entry_of_its_own(tmp_path: Path, fake: FakeProvider) -> None:
    with gateway_with(tmp_path, fake, 100 * DOLLAR) as gateway:
        fall_back = Rule(
            id="1", name="chain", conditions=parse("messageCount > 0"), target_model="claude-sonnet-5-5",
            fallback=("claude-haiku-5-5", "claude-opus-5-5"),
        )  # fmt: skip

        async def save() -> None:
            control = RemoteControl(gateway.state_dir)
            await control.save_rules("default", [fall_back], (await control.project("default")).revision)

        asyncio.run(save())
        failing = {"status": 529, "message": "no"}
        assert say(gateway, fake, failing, failing, {"usage": USAGE}).status == 200
        entries = books(gateway, 3)
        assert [(entry.attempt, entry.state, entry.cost) for entry in entries] == [
            (1, "settled", 0), (2, "settled", 0), (3, "settled", COST),
        ]  # fmt: skip
        assert len({entry.exchange for entry in entries}) == 1
        assert all(entry.hold > 0 for entry in entries), "each was held before it was sent"


def test_five_times_the_tokens_are_charged_in_full_and_block_what_follows(tmp_path: Path, fake: FakeProvider) -> None:
    with gateway_with(tmp_path, fake, DOLLAR // 10) as gateway:
        assert say(gateway, fake, {"usage": {"input": 5_000, "output": 5_000}}, max_tokens=1_000).status == 200
        (entry,) = books(gateway, 1)
        assert entry.cost == 5_000 * INPUT_PRICE + 5_000 * OUTPUT_PRICE > DOLLAR // 10 > entry.hold
        assert entry.flags == "overrun"
        refused = say(gateway, fake, {}, max_tokens=1)
        assert refused.status == 402
        assert "$0.12 spent" in refused.json["error"]["message"]


def test_a_stream_whose_prompt_is_dearer_than_the_budget_is_cut_at_its_beginning(
    tmp_path: Path, fake: FakeProvider
) -> None:
    """Over by the error of the prompt's estimate and what came until the cut, and no more."""
    cap = DOLLAR // 10
    with gateway_with(tmp_path, fake, cap) as gateway:
        usage = {"input": 30_000, "output": 4_000}
        long = {"usage": usage, "text": "word " * 16_000, "gap": 0.002}
        cut = say(gateway, fake, long, stream=True, max_tokens=4_000)
        assert cut.status == 200
        assert b"event: error" in cut.body
        assert b"Daily cost limit exceeded" in cut.body
        (entry,) = books(gateway, 1)
        prompt = 30_000 * INPUT_PRICE
        assert prompt <= entry.cost <= prompt + 400 * OUTPUT_PRICE
        assert entry.cost > cap
        assert "overrun" in entry.flags
        assert say(gateway, fake, {}, max_tokens=1).status == 402


def test_an_answer_longer_than_expected_is_topped_up_and_cut_within_a_step(tmp_path: Path, fake: FakeProvider) -> None:
    cap = DOLLAR // 8
    with gateway_with(tmp_path, fake, cap) as gateway:
        usage = {"input": 1_000, "output": 50_000}
        cut = say(
            gateway, fake, {"usage": usage, "text": "word " * 40_000, "gap": 0.0005}, stream=True, max_tokens=64_000
        )
        assert b"Daily cost limit exceeded" in cut.body
        (entry,) = books(gateway, 1)
        assert cap * 3 // 4 < entry.cost <= cap, "topped up until the next step did not fit, and cut before it was used"
        assert entry.hold <= cap
