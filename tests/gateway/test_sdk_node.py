"""The official SDKs for Node (@anthropic-ai/sdk 1.13, openai 6.49) see through the gateway what they see directly.

Run by hand: `NODE_PATH=/where/they/are/node_modules pytest -m slow tests/gateway/test_sdk_node.py`.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.domain.budgets import Budget
from tests.gateway.conftest import Gateway
from tests.gateway.running import RunningGateway, fake_provider
from tests.gateway.sdk import SCRIPT, Both, run_both

NODE = shutil.which("node")
CLIENT = Path(__file__).with_name("node_client.cjs")
BLOCKS = {
    "blocks": [
        {"type": "thinking", "text": "The weather may matter."},
        {"type": "text", "text": "A red dot — 红点 — on white."},
        {"type": "tool_use", "name": "weather", "input": {"place": "Zürich", "days": [1, 2.5, None, True]}},
    ],
    "usage": {"input": 900, "cache_read": 640, "output": 77},
}
STREAMS = ("messages.stream", "chat.stream", "responses.stream")
NO_WAIT = ["retry-after-ms", "1"]


def _installed() -> bool:
    needed = "require('openai'); require('@anthropic-ai/sdk')"
    return NODE is not None and subprocess.run([NODE, "-e", needed], capture_output=True, check=False).returncode == 0


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not _installed(), reason="no SDKs on the NODE_PATH")]


def node(url: str, call: str) -> dict[str, Any]:
    """What a call sees: its `value`, or its `error`."""
    assert NODE is not None
    sdk = "anthropic" if call.startswith("messages") else "openai"
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": os.environ.get("NODE_PATH", "")}
    done = subprocess.run(
        [NODE, str(CLIENT), sdk, url, call], env=environment, capture_output=True, text=True, timeout=100, check=True
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def both(gateway: Gateway, call: str, *answers: dict[str, Any]) -> Both:
    fake, through = gateway.fake.url, gateway.url
    return run_both(gateway, list(answers), lambda: node(fake, call), lambda: node(through, call))


@pytest.mark.parametrize("bend", [{}, {"segments": {"random": 1}, "chunks": {"random": 2}}, {"crlf": True}], ids=str)
@pytest.mark.parametrize("call", STREAMS)
def test_streams_are_the_same_event_by_event(gateway: Gateway, call: str, bend: dict[str, Any]) -> None:
    before = gateway.new_rows()
    assert len(both(gateway, call, {**BLOCKS, **bend}).same()["value"]) > 5
    row = gateway.wait_rows(before + 1)[before].row
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.flags) == (900, 77, 640, "")


@pytest.mark.parametrize(
    "call", ["messages.whole", "messages.helper", "messages.tokens", "chat.whole", "responses.whole"]
)
def test_answers_are_the_same(gateway: Gateway, call: str) -> None:
    assert "value" in both(gateway, call, BLOCKS).same_bodies().same()


def test_a_tool_conversation_goes_through_in_full(gateway: Gateway) -> None:
    turns = both(gateway, "messages.converse", BLOCKS, {"text": "It will stay dry."}).same_bodies().same()["value"]
    assert turns[1]["content"][0]["text"] == "It will stay dry."


@pytest.mark.parametrize(
    ("status", "attempts"), [(400, 1), (401, 1), (402, 1), (404, 1), (408, 3), (429, 3), (500, 3), (529, 3)]
)
@pytest.mark.parametrize("call", STREAMS)
def test_errors_and_their_retries_are_the_same(gateway: Gateway, call: str, status: int, attempts: int) -> None:
    seen = both(gateway, call, {"status": status, "message": f"No: {status}", "headers": [NO_WAIT]})
    error = seen.same()["error"]
    assert (error["status"], len(seen.through.requests)) == (status, attempts)
    assert f"No: {status}" in error["message"]


@pytest.mark.parametrize("call", STREAMS)
def test_an_error_in_the_middle_of_a_stream_is_the_same(gateway: Gateway, call: str) -> None:
    both(gateway, call, {"words": 40, "error_event": {"after": 4, "status": 500, "message": "Internal"}}).same()


@pytest.mark.parametrize("call", ["messages.leave", "chat.leave", "responses.leave"])
def test_a_stream_that_is_left_is_left_by_the_gateway_too(gateway: Gateway, call: str) -> None:
    before = gateway.new_rows()
    seen = both(gateway, call, {"words": 400, "hang": 20}).same()
    assert seen["value"] == 4
    gateway.fake.wait_for(lambda found: found and found[-1].outcome == "client-left", script=SCRIPT)
    assert "aborted" in gateway.wait_rows(before + 1)[before].row.flags


def test_a_spent_budget_is_told_once(gateway: Gateway, tmp_path: Path) -> None:
    poor = RunningGateway(tmp_path / "poor", [fake_provider(gateway.fake.url)], budgets=[Budget(daily=0)])
    try:
        for call, status in (("messages.stream", 402), ("chat.stream", 400), ("responses.stream", 400)):
            error = node(poor.url, call)["error"]
            assert error["status"] == status
            assert "daily cost limit exceeded" in error["message"]
        assert len(poor.wait_rows(3)) == 3
    finally:
        poor.close()
