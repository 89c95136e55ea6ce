"""Crowds against a budget, with the real client and with processes of their own. Run by hand: `-m slow`. Fault B1."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import anthropic
import pytest

from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Mode
from tests.gateway.raw import message
from tests.gateway.test_spending import DOLLAR, gateway_with, spent, windows
from tests.providers import FakeProvider
from tests.waiting import eventually

pytestmark = pytest.mark.slow

STREAMS, COVERED = 200, 50
PROCESSES, EACH = 40, 10
USAGE = {"input": 400, "output": 300}
PRICE = (400 * 4 + 300 * 20) * 1000  # nano-dollars on claude-opus-5-5

CLIENT = """
import http.client, json, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
body = json.dumps(json.loads(sys.argv[3]))
statuses = []
for _ in range(count):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/messages", body, {"x-api-key": "sk-ant-fake", "x-fake-script": "busy"})
    answer = connection.getresponse()
    answer.read()
    statuses.append(answer.status)
    connection.close()
print(json.dumps(statuses))
"""


@pytest.mark.parametrize("mode", list(Mode))
def test_two_hundred_streams_against_a_budget_for_fifty(tmp_path: Path, fake: FakeProvider, mode: Mode) -> None:
    cap = COVERED * PRICE
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=cap, mode=mode)) as gateway:
        fake.script("busy", {"usage": USAGE, "words": 60, "gap": 0.001, "ttft": 0.2})
        headers = {"x-fake-script": "busy"}

        async def all_at_once() -> list[int]:
            client = anthropic.AsyncAnthropic(base_url=gateway.url, api_key="sk-ant-fake", max_retries=0)

            async def one() -> int:
                try:
                    asked = message("x" * 700, max_tokens=300)
                    async with client.messages.stream(**asked, extra_headers=headers) as stream:
                        await stream.get_final_message()
                except anthropic.APIStatusError as error:
                    return error.status_code
                return 200

            try:
                return await asyncio.gather(*(one() for _ in range(STREAMS)))
            finally:
                await client.close()

        statuses = asyncio.run(all_at_once())
        gateway.wait_rows(STREAMS)
        eventually(lambda: all(held == 0 for _, _, held in windows(gateway)))
        admitted = statuses.count(200)
        print(f"{mode}: {admitted} of {STREAMS} admitted, ${spent(gateway) / DOLLAR:.4f} of ${cap / DOLLAR:.4f} spent")
        assert set(statuses) == {200, 402}
        assert admitted > 0
        if mode is Mode.STRICT:
            assert admitted <= COVERED
        assert spent(gateway) <= cap
        assert len(fake.requests("busy")) == admitted


def test_forty_processes_of_ten_requests_at_the_end_of_a_budget(tmp_path: Path, fake: FakeProvider) -> None:
    """With 95 % of the cap gone, what is left admits as many as fit at a time, and never more than the cap in all."""
    cap = 300 * PRICE
    with gateway_with(tmp_path / "s", fake, Budget(project="default", daily=cap, mode=Mode.STRICT)) as gateway:
        fake.script("busy", {"usage": USAGE, "ttft": 0.02})
        asked = json.dumps(message("x" * 700, max_tokens=300))
        arguments = [sys.executable, "-c", CLIENT, str(gateway.port), str(EACH), asked]
        children = [subprocess.Popen(arguments, stdout=subprocess.PIPE) for _ in range(PROCESSES)]
        told = [json.loads(child.communicate(timeout=120)[0]) for child in children]
        statuses = [status for each in told for status in each]
        gateway.wait_rows(len(statuses))
        eventually(lambda: all(held == 0 for _, _, held in windows(gateway)))
        admitted = statuses.count(200)
        print(f"{admitted} of {len(statuses)} admitted, ${spent(gateway) / DOLLAR:.4f} of ${cap / DOLLAR:.4f} spent")
        assert set(statuses) == {200, 402}
        assert len(fake.requests("busy")) == admitted
        assert spent(gateway) == admitted * PRICE <= cap
        assert admitted > 250, "money that is left is not refused for long: holds are given back when costs are known"
