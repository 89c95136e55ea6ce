"""Budgets in the running gateway: what is refused, what is cut, what is never overspent."""

import asyncio
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from conduit_tui.control.remote import RemoteControl
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode
from conduit_tui.domain.money import NANO_PER_DOLLAR
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import parse
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, Answer, ask, chat, message, response
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import eventually

DOLLAR = NANO_PER_DOLLAR


@contextmanager
def gateway_with(folder: Path, fake: FakeProvider, *budgets: Budget) -> Iterator[RunningGateway]:
    fake.reset()
    gateway = RunningGateway(folder, [fake_provider(fake.url)], projects=["docs"], budgets=budgets)
    try:
        yield gateway
    finally:
        gateway.close()


def windows(gateway: RunningGateway) -> list[tuple[int, int, int]]:
    """Spent, held and the sum of open holds, per window."""
    database = sqlite3.connect(f"file:{gateway.state_dir.database}?mode=ro", uri=True)
    try:
        return database.execute(
            "SELECT id, spent_nanodollars, held_nanodollars FROM budget_windows ORDER BY id"
        ).fetchall()
    finally:
        database.close()


def spent(gateway: RunningGateway) -> int:
    return sum(stored.row.cost_nanodollars for stored in gateway.rows())


@pytest.mark.parametrize(
    ("target", "make", "headers", "status"),
    [
        ("/v1/messages", message, ANTHROPIC_HEADERS, 402),
        ("/v1/chat/completions", chat, OPENAI_HEADERS, 400),
        ("/v1/responses", response, OPENAI_HEADERS, 400),
        ("/v1/messages", message, {**ANTHROPIC_HEADERS, "user-agent": "litellm/1.81.10"}, 400),
    ],
)
def test_a_cap_of_nothing_blocks_everything(
    tmp_path: Path, fake: FakeProvider, target: str, make: Any, headers: dict[str, str], status: int
) -> None:
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=0)) as gateway:
        answer = ask(gateway.port, "POST", target, make(), headers)
        assert answer.status == status
        assert answer.header("x-should-retry") == "false"
        assert answer.header("retry-after") is None
        assert "Daily cost limit exceeded: $0.00 spent, $0.00 held" in answer.json["error"]["message"]
        assert "resets 00:00 UTC" in answer.json["error"]["message"]
        assert fake.requests() == []
        row = gateway.wait_rows(1)[0].row
        assert (row.status, row.error_type, row.cost_nanodollars, row.flags) == (status, "cost_limit", 0, "")
        # other projects, counts and models go on
        assert ask(gateway.port, "POST", "/p/docs" + target, make(), headers).status == 200
        count = ask(gateway.port, "POST", "/v1/messages/count_tokens", message(), ANTHROPIC_HEADERS)
        assert count.status == 200
        assert ask(gateway.port, "GET", "/v1/models", headers=headers).status == 200


@pytest.mark.fault
def test_the_sdks_ask_once_and_say_why(tmp_path: Path, fake: FakeProvider) -> None:
    with gateway_with(tmp_path / "s", fake, Budget(daily=0)) as gateway:
        with pytest.raises(anthropic.APIStatusError, match="Overall daily cost limit exceeded") as refused:
            anthropic.Anthropic(base_url=gateway.url, api_key="sk-ant-fake").messages.create(**message())
        assert refused.value.status_code == 402
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-fake")
        for call, body in ((client.chat.completions, chat()), (client.responses, response())):
            with pytest.raises(openai.BadRequestError, match="Overall daily cost limit exceeded") as limited:
                call.create(**body)
            assert limited.value.code == "insufficient_quota"
        assert len(gateway.wait_rows(3)) == 3
        assert fake.requests() == []


def test_what_is_spent_is_what_the_rows_say(tmp_path: Path, fake: FakeProvider) -> None:
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=5 * DOLLAR, monthly=9 * DOLLAR)) as gateway:
        script = fake.script("priced", {"usage": {"input": 9_000, "output": 70, "cache_read": 4_000}})
        for stream in (True, False, True):
            ask(gateway.port, "POST", "/v1/messages", message(stream=stream), ANTHROPIC_HEADERS | script)
        gateway.wait_rows(3)
        assert [(taken, held) for _, taken, held in windows(gateway)] == [(spent(gateway), 0)] * 2
        assert spent(gateway) > 0


@pytest.mark.parametrize("mode", list(Mode))
def test_parallel_streams_never_overspend(tmp_path: Path, fake: FakeProvider, mode: Mode) -> None:
    """60 at once against a budget that covers some of them."""
    cap = DOLLAR // 4
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=cap, mode=mode)) as gateway:
        usage = {"input": 400, "output": 300}  # $0.0076 on opus; strict holds max_tokens besides
        script = fake.script("busy", {"usage": usage, "words": 60, "gap": 0.002, "ttft": 0.3})
        answers: list[Answer] = []

        def one() -> None:
            body = message("x" * 700, stream=True, max_tokens=400)
            answers.append(ask(gateway.port, "POST", "/v1/messages", body, ANTHROPIC_HEADERS | script))

        threads = [threading.Thread(target=one) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        statuses = [answer.status for answer in answers]
        assert set(statuses) == {200, 402}
        for answer in answers:
            if answer.status == 402:
                said = re.findall(r"\$([\d.]+)", answer.json["error"]["message"])
                taken, held, wanted, limit = map(float, said)
                assert taken + held + wanted > limit - 0.02, "nobody is refused who fits; amounts are told to the cent"
        gateway.wait_rows(60)
        eventually(lambda: all(held == 0 for _, _, held in windows(gateway)))
        assert spent(gateway) <= cap
        assert [taken for _, taken, _ in windows(gateway)] == [spent(gateway)]
        assert len(fake.requests("busy")) == statuses.count(200)


@pytest.mark.fault
def test_a_stream_is_cut_when_the_budget_does_not_cover_more(tmp_path: Path, fake: FakeProvider) -> None:
    cap = DOLLAR // 8
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=cap)) as gateway:
        endless = {"text": "word " * 60_000, "chunks": 4000, "gap": 0.005, "usage": {"input": 100, "output": 60_000}}
        script = fake.script("endless", endless)
        body = message(stream=True, max_tokens=64_000)
        answer = ask(gateway.port, "POST", "/v1/messages", body, ANTHROPIC_HEADERS | script)
        assert answer.status == 200
        assert b"event: error" in answer.body
        assert b"Daily cost limit exceeded" in answer.body
        row = gateway.wait_rows(1)[0].row
        assert (row.error_type, row.status) == ("cost_limit", 200)
        assert row.cost_nanodollars > 0
        assert row.cost_nanodollars <= cap * 1.25, "over by what the stream emits between refusal and close, at most"
        fake.wait_for(lambda found: found and found[-1].client_left_at, script="endless")
        assert [held for _, _, held in windows(gateway)] == [0]


@pytest.mark.fault
def test_a_killed_gateway_leaves_no_hold_and_forgets_no_cost(tmp_path: Path, fake: FakeProvider) -> None:
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=5 * DOLLAR)) as gateway:
        script = fake.script("hangs", {"hang": 8, "text": "word " * 50, "usage": {"input": 500, "output": 50}})

        def one() -> None:
            try:
                ask(gateway.port, "POST", "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | script)
            except Exception:
                return

        threads = [threading.Thread(target=one) for _ in range(4)]
        for thread in threads:
            thread.start()
        fake.wait_for(lambda found: sum(bool(one.first_byte_at) for one in found) == 4, script="hangs")
        ((_, _, held),) = windows(gateway)
        assert held > 0
        gateway.process.kill()
        gateway.process.wait()
        for thread in threads:
            thread.join(60)
        gateway.again()
        rows = [stored.row for stored in gateway.wait_rows(4)]
        assert all("worst-case" in row.flags for row in rows)
        assert [(taken, holding) for _, taken, holding in windows(gateway)] == [(spent(gateway), 0)]
        assert spent(gateway) >= held


def test_budgets_slow_nothing_down_noticeably(tmp_path: Path, fake: FakeProvider) -> None:
    """Not a benchmark: a hold that waited for anything but its commit would show in tenths of a second."""
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=9 * DOLLAR)) as gateway:
        ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS)
        took = []
        for _ in range(20):
            began = time.monotonic()
            ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS)
            took.append(time.monotonic() - began)
        assert min(took) < 0.15


def test_a_rule_may_ask_how_much_of_the_budget_is_used(tmp_path: Path, fake: FakeProvider) -> None:
    """When most of the day's money is gone, the rest goes to a cheaper model."""
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=DOLLAR)) as gateway:
        save_rules(
            gateway, Rule(id="1", name="save", conditions=parse("budgetUsed > 50"), target_model="claude-haiku-5-5")
        )
        dear = fake.script("dear", {"usage": {"input": 150_000, "output": 1000}})  # $0.62 on opus
        models = []
        for _ in range(2):
            ask(gateway.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS | dear)
            models.append(fake.requests("dear")[-1].json["model"])
            gateway.wait_rows(len(models))
        assert models == ["claude-opus-5-5", "claude-haiku-5-5"]


def save_rules(gateway: RunningGateway, *rules: Rule) -> None:
    async def save() -> None:
        control = RemoteControl(gateway.state_dir)
        await control.save_rules("default", list(rules), (await control.project("default")).revision)

    asyncio.run(save())
