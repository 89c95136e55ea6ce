"""The real `claude` (2.1.330), with an empty home and a fake key, works through the gateway as it does directly.

Run by hand: `PATH=/where/claude/is:$PATH pytest -m slow tests/gateway/test_claude_cli.py`.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conduit_tui.control.remote import RemoteControl
from conduit_tui.domain.budgets import Budget
from tests.gateway.conftest import Gateway
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import Recorded

CLAUDE = shutil.which("claude")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CLAUDE is None, reason="no `claude` on the PATH")]

BASH = {"type": "tool_use", "name": "Bash", "input": {"command": "echo conduit-$((40+2))", "description": "Echo"}}
EXPLORE = {
    "type": "tool_use",
    "name": "Agent",
    "input": {
        "description": "Find it",
        "prompt": "[[script:explorer]] Find it.",
        "subagent_type": "general-purpose",
        "run_in_background": False,
    },
}
USED = {
    "usage": {"input": 12_000, "output": 40, "cache_read": 9_000, "cache_write_5m": 2_000}
}  # prompts tell durations
VARY = {
    "host",
    "connection",
    "accept-encoding",
    "content-length",
    "x-claude-code-session-id",
    "x-claude-code-prompt-id",
}
_CHANGES = re.compile(r"(_ms|_at|^uuid|^session_id|^timestamp|^memory_paths|_path)$|^duration")
_CHANGING_TEXT = re.compile(r"req_fake\d+|127\.0\.0\.1:\d+")


class Run(NamedTuple):
    """How `claude` ended, the JSON lines it printed, and what reached the provider."""

    code: int
    lines: list[dict[str, Any]]
    text: str
    requests: list[Recorded]

    @property
    def result(self) -> dict[str, Any]:
        """The line that ends a run."""
        (line,) = [line for line in self.lines if line.get("type") == "result"]
        return line


class Terminal:
    """Runs `claude` in the same empty home and folder every time."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway = gateway
        self.folder = folder

    def claude(self, url: str, prompt: str, *options: str) -> Run:
        home, work = self.folder / "home", self.folder / "work"
        for folder in (home, work):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        known = {request.number for request in self.gateway.fake.requests()}
        assert CLAUDE is not None
        done = subprocess.run(
            [CLAUDE, "-p", prompt, *options],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "ANTHROPIC_API_KEY": "sk-ant-fake",
                "ANTHROPIC_BASE_URL": url,
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
            },
            cwd=work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        new = [request for request in self.gateway.fake.requests() if request.number not in known]
        return Run(done.returncode, lines, done.stdout, [request for request in new if request.method == "POST"])

    def both(self, prompt: str, *options: str) -> tuple[Run, Run]:
        """The same prompt directly and through the gateway."""
        fake, through = self.gateway.fake, self.gateway.url
        return self.claude(fake.url, prompt, *options), self.claude(through, prompt, *options)


@pytest.fixture
def terminal(gateway: Gateway, tmp_path: Path) -> Terminal:
    gateway.fake.reset()
    return Terminal(gateway, tmp_path)


def lasting(value: Any) -> Any:
    """What does not change from run to run."""
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if not _CHANGES.search(key)}
    if isinstance(value, list):
        return [lasting(item) for item in value]
    return _CHANGING_TEXT.sub("...", value) if isinstance(value, str) else value


def test_a_prompt_is_answered(terminal: Terminal) -> None:
    direct, through = terminal.both("hi")
    assert (through.code, through.text) == (direct.code, direct.text)
    assert through.code == 0
    assert "naïve café, 漢字, 🙂" in through.text
    assert len(through.requests) == len(direct.requests) == 1
    compared = [[pair for pair in run.requests[0].headers if pair[0].lower() not in VARY] for run in (through, direct)]
    assert compared[0] == compared[1]
    assert set(through.requests[0].json) == set(direct.requests[0].json)


def test_a_tool_is_called_and_the_books_agree_with_the_command(terminal: Terminal) -> None:
    gateway = terminal.gateway
    gateway.fake.script(
        "tool", {"blocks": [{"type": "text", "text": "Let me see."}, BASH]}, {"text": "Done: 42"}, select="turn"
    )
    before = gateway.new_rows()
    options = ("--allowedTools", "Bash", "--output-format", "stream-json", "--verbose")
    direct, through = terminal.both("[[script:tool]] Run it.", *options)
    assert lasting(through.lines) == lasting(direct.lines)
    assert "conduit-42" in through.text
    assert through.result["result"] == "Done: 42"
    rows = [stored.row for stored in gateway.wait_rows(before + 2)[before:]]
    assert len(rows) == len(through.requests) == 2
    assert {row.session for row in rows} == {through.result["session_id"]}
    assert {(row.client, row.request_class, row.agent_type) for row in rows} == {("claude-cli", "main", "main")}
    booked = sum(row.cost_nanodollars for row in rows) / 1e9
    assert booked == pytest.approx(through.result["total_cost_usd"], abs=1e-6)


def test_a_subagent_is_told_apart(terminal: Terminal) -> None:
    gateway = terminal.gateway
    gateway.fake.script("main", {"blocks": [EXPLORE], **USED}, {"text": "It is 7.", **USED}, select="turn")
    gateway.fake.script("explorer", {"text": "Seven.", **USED})
    before = gateway.new_rows()
    options = ("--allowedTools", "Agent", "--output-format", "stream-json", "--verbose")
    direct, through = terminal.both("[[script:main]] Find it.", *options)
    assert through.result["result"] == direct.result["result"] == "It is 7."
    assert lasting(through.result["modelUsage"]) == lasting(direct.result["modelUsage"])
    rows = [stored.row for stored in gateway.wait_rows(before + 3)[before:]]
    (helper,) = [row for row in rows if row.request_class == "subagent"]
    assert helper.agent_type == "general-purpose"
    assert helper.agent
    assert len({row.session for row in rows}) == 1
    assert [row.request_class for row in rows].count("main") == 2


@pytest.mark.parametrize(
    ("name", "answers", "requests", "code"),
    [
        ("refused", [{"status": 402, "message": "Daily limit reached"}], 1, 1),
        ("overloaded", [{"status": 529, "headers": [["x-should-retry", "false"]], "message": "Full"}], 1, 1),
        ("limited", [{"status": 429, "headers": [["retry-after", "1"]]}, {"text": "There you are."}], 2, 0),
        ("failing", [{"status": 500}, {"text": "There you are."}], 2, 0),
        ("broken", [{"error_event": {"after": 4}}, {"text": "There you are."}], 2, 0),
        ("cut", [{"words": 60, "cut": {"body": 900}}, {"text": "There you are."}], 2, 0),
        ("odd", [{"text": "There you are.", "crlf": True, "comments": True, "unknown_events": True}], 1, 0),
        ("torn", [{"text": "There you are.", "segments": {"random": 7}, "chunks": {"random": 8}}], 1, 0),
    ],
)
def test_faults_end_as_they_do_directly(
    terminal: Terminal, name: str, answers: list[dict[str, Any]], requests: int, code: int
) -> None:
    runs = []
    for url in (terminal.gateway.fake.url, terminal.gateway.url):
        terminal.gateway.fake.script(name, *answers)
        runs.append(terminal.claude(url, f"[[script:{name}]] Go.", "--output-format", "json"))
    direct, through = runs
    assert direct.code == through.code == code
    assert lasting(direct.result["result"]) == lasting(through.result["result"])
    assert len(direct.requests) == len(through.requests) == requests


def test_a_spent_budget_is_said_once_and_not_tried_again(gateway: Gateway, tmp_path: Path) -> None:
    """B9: one request, no retry, and the message says which limit and when it resets."""
    poor = RunningGateway(
        tmp_path / "poor", [fake_provider(gateway.fake.url)], budgets=[Budget(project="default", daily=0)]
    )
    try:
        run = Terminal(gateway, tmp_path).claude(poor.url, "hi", "--output-format", "json")
        assert run.code == 1
        assert run.requests == []
        assert run.result["is_error"] is True
        assert run.result["api_error_status"] == 402
        assert "Daily cost limit exceeded" in run.result["result"]
        assert "resets 00:00 UTC" in run.result["result"]
        rows = [stored.row for stored in poor.wait_rows(1)]
        assert [(row.status, row.error_type) for row in rows] == [(402, "cost_limit")]
    finally:
        poor.close()


def kept(folder: Path, url: str, prompt: str, *options: str) -> dict[str, Any]:
    """Run `claude` in a home that is kept; the result it printed."""
    home, work = folder / "kept-home", folder / "kept-work"
    for place in (home, work):
        place.mkdir(exist_ok=True)
    assert CLAUDE is not None
    done = subprocess.run(
        [CLAUDE, "-p", prompt, "--output-format", "json", *options],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "ANTHROPIC_API_KEY": "sk-ant-fake",
            "ANTHROPIC_BASE_URL": url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
        cwd=work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compared(folder: Path, gateway: RunningGateway) -> dict[str, Any]:
    """What `conduit-tui reconcile` says of it, by session."""
    command = [sys.executable, "-m", "conduit_tui", "--state-dir", str(gateway.state_dir.root), "reconcile", "--json"]
    environment = {**os.environ, "HOME": str(folder / "kept-home")}
    environment.pop("CLAUDE_CONFIG_DIR", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    return {one["session"]: one for one in json.loads(done.stdout)["sessions"]}


def test_its_own_transcripts_and_the_ledger_agree(gateway: Gateway, tmp_path: Path) -> None:
    gateway.fake.script("main", {"blocks": [EXPLORE], **USED}, {"text": "It is 7.", **USED}, select="turn")
    gateway.fake.script("explorer", {"blocks": [BASH], **USED}, {"text": "Seven.", **USED}, select="turn")
    gateway.fake.script("failing", {"status": 500}, {"text": "There you are.", **USED})
    gateway.fake.script("cut", {"words": 60, "cut": {"body": 900}}, {"text": "There you are.", **USED})
    tools = ("--allowedTools", "Agent,Bash")
    before = gateway.new_rows()
    tree = kept(tmp_path, gateway.url, "[[script:main]] Find it.", *tools)
    again = kept(tmp_path, gateway.url, "[[script:failing]] Go.")
    cut = kept(tmp_path, gateway.url, "[[script:cut]] Go.")
    direct = kept(tmp_path, gateway.fake.url, "hi")
    gateway.wait_rows(before + 4 + 2 + 2)
    found = compared(tmp_path, gateway)
    for result in (tree, again):
        one = found[result["session_id"]]
        assert (one["verdict"], one["token_drift_percent"], one["cost_drift_percent"]) == ("equal", 0, 0)
        assert one["ledger"]["cost_nanodollars"] / 1e9 == pytest.approx(result["total_cost_usd"], abs=1e-6)
    assert found[tree["session_id"]]["ledger"]["answers"] == 4
    assert found[cut["session_id"]]["extra"]["kinds"] == {"cut or left": 1}
    assert found[direct["session_id"]]["verdict"] == "not seen"


def test_a_stopped_session_ends_it_with_the_reason(gateway: Gateway, tmp_path: Path) -> None:
    first = kept(tmp_path, gateway.url, "hi")
    before = gateway.new_rows()
    session = first["session_id"]
    asyncio.run(RemoteControl(gateway.state_dir).stop_session("default", session, "it loops"))
    refused = kept(tmp_path, gateway.url, "go on", "--resume", session)
    assert (refused["is_error"], refused["api_error_status"]) == (True, 402)
    assert "Session stopped: it loops; resume it" in refused["result"]
    rows = [stored.row for stored in gateway.wait_rows(before + 1)[before:]]
    assert [(row.session, row.error_type) for row in rows] == [(session, "session_stopped")]
    asyncio.run(RemoteControl(gateway.state_dir).resume_session("default", session))
    assert kept(tmp_path, gateway.url, "go on", "--resume", session)["is_error"] is False
