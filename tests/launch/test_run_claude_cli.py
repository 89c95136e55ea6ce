"""The real `claude` (2.1.330), launched by `run` with an empty home and without a key of its own.

Run by hand: `PATH=/where/claude/is:$PATH pytest -m slow tests/launch/test_run_claude_cli.py`.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.domain.usage import UsageRow
from tests.launch.box import Box
from tests.providers import FakeProvider, Recorded
from tests.waiting import eventually

CLAUDE = shutil.which("claude")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CLAUDE is None, reason="no `claude` on the PATH")]

USED = {"usage": {"input": 12_000, "output": 40, "cache_read": 9_000, "cache_write_5m": 2_000}}
BASH = {"type": "tool_use", "name": "Bash", "input": {"command": "echo conduit-$((40+2))", "description": "Echo"}}
AGENT = {
    "type": "tool_use",
    "name": "Agent",
    "input": {
        "description": "Find it",
        "prompt": "[[script:explorer]] Find it.",
        "subagent_type": "general-purpose",
        "run_in_background": False,
    },
}


class Claude(Box):
    """Runs `claude` through the gateway, and compares what the three of them count."""

    def __init__(self, folder: Path, fake: FakeProvider) -> None:
        super().__init__(folder, fake)
        self.fake: FakeProvider = fake
        self.environment |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "ANTHROPIC_API_KEY": "sk-ant-mine"}
        self.home()

    def home(self) -> None:
        home = self.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        self.environment["HOME"] = str(home)

    def ask(
        self, *arguments: str, options: tuple[str, ...] = (), **more: Any
    ) -> tuple[Any, list[Recorded], list[UsageRow]]:
        """Run it; what it printed, what reached the provider, what was booked."""
        self.home()
        known, before = len(self.fake.requests()), len(self.rows())
        done = self.conduit("run", *options, "--", "claude", *arguments, seconds=120, **more)
        sent = [request for request in self.fake.requests()[known:] if request.method == "POST"]
        eventually(lambda: len(self.rows(before)) >= len(sent))
        return done, sent, self.rows(before)


def ours(request: Recorded) -> set[str]:
    """Our own headers that reached the provider."""
    return {name.lower() for name, _ in request.headers if name.lower().startswith("x-conduit")}


@pytest.fixture(scope="module")
def claude(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Claude]:
    with FakeProvider() as fake:
        box = Claude(tmp_path_factory.mktemp("claude"), fake)
        box.do("up", "--port", "0")
        keyed = ("--dialect", "anthropic", "--key-env", "PROVIDER_KEY", "--default")
        box.do("providers", "add", "fake", "--base-url", fake.url, *keyed)
        box.do("projects", "add", "web")
        yield box
        box.do("down", "--now")


@pytest.fixture(autouse=True)
def _forgets(claude: Claude) -> None:
    claude.fake.reset()


def lines(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def result(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    (last,) = [line for line in lines(done) if line.get("type") == "result"]
    return last


def agree(done: "subprocess.CompletedProcess[str]", sent: list[Recorded], rows: list[UsageRow]) -> None:
    """The provider's own ledger, claude's account and ours are equal, to the token and to the cent."""
    assert len(sent) == len(rows)
    tokens = [
        (sum(column))
        for column in zip(*((r.input_tokens, r.output_tokens, r.cache_read_tokens) for r in rows), strict=True)
    ]
    assert tokens == [12_000 * len(sent), 40 * len(sent), 9_000 * len(sent)]
    used = result(done)["modelUsage"].values()
    said = [
        sum(each[name] for each in used) for name in ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    ]
    assert sum(said) == tokens[0]
    assert sum(each["outputTokens"] for each in used) == tokens[1]
    assert sum(row.cost_nanodollars for row in rows) / 1e9 == pytest.approx(result(done)["total_cost_usd"], abs=1e-6)
    assert {row.flags for row in rows} == {""}


def test_text(claude: Claude) -> None:
    done, sent, rows = claude.ask("-p", "hi", options=("--project", "web"))
    assert done.returncode == 0, done.stderr
    assert "naïve café, 漢字, 🙂" in done.stdout
    assert len(sent) == len(rows) == 1
    (row,) = rows
    assert (row.project, row.client, row.agent_type, row.request_class) == ("web", "claude-cli", "main", "main")
    assert len(row.session) == 36
    assert sent[0].header("x-api-key") == claude.environment["PROVIDER_KEY"]
    assert sent[0].header("authorization") is None
    assert ours(sent[0]) <= {"x-conduit-via"}


@pytest.mark.parametrize("form", [("json",), ("stream-json", "--verbose")])
def test_results_agree_and_are_not_booked_twice(claude: Claude, form: tuple[str, ...]) -> None:
    claude.fake.script("used", {"text": "There.", **USED})
    done, sent, rows = claude.ask("-p", "[[script:used]] hi", "--output-format", *form, options=("--session", "mine"))
    assert result(done)["result"] == "There."
    agree(done, sent, rows)
    assert {row.session for row in rows} == {"mine"}
    assert claude.runs()[-1]["exit_code"] == 0


def test_a_tool_call(claude: Claude) -> None:
    claude.fake.script("tool", {"blocks": [BASH], **USED}, {"text": "Done.", **USED}, select="turn")
    options = ("--allowedTools", "Bash", "--output-format", "stream-json", "--verbose")
    done, sent, rows = claude.ask("-p", "[[script:tool]] Run it.", *options)
    assert "conduit-42" in done.stdout
    assert len(sent) == 2
    agree(done, sent, rows)


def test_a_subagent(claude: Claude) -> None:
    claude.fake.script("main", {"blocks": [AGENT], **USED}, {"text": "It is 7.", **USED}, select="turn")
    claude.fake.script("explorer", {"text": "Seven.", **USED})
    options = ("--allowedTools", "Agent", "--output-format", "json")
    done, sent, rows = claude.ask("-p", "[[script:main]] Find it.", *options)
    assert result(done)["result"] == "It is 7."
    agree(done, sent, rows)
    assert sorted((row.request_class, row.agent_type) for row in rows) == [
        ("main", "main"), ("main", "main"), ("subagent", "general-purpose"),
    ]  # fmt: skip
    assert {row.session for row in rows} == {result(done)["session_id"]}


def test_a_rule_overrides_the_model(claude: Claude) -> None:
    rule = ("--name", "cheap", "--when", 'message contains "quick"', "--use", "claude-haiku-5-5")
    claude.do("projects", "add", "ruled")
    claude.do("rules", "add", *rule, "--project", "ruled")
    done, sent, rows = claude.ask("-p", "a quick one", "--output-format", "json", options=("--project", "ruled"))
    assert 'rule "cheap"' in done.stderr
    assert [request.json["model"] for request in sent] == ["claude-haiku-5-5"]
    assert [(row.requested_model, row.routed_model) for row in rows] == [("claude-haiku-5-5", "claude-haiku-5-5")]
    assert list(result(done)["modelUsage"]) == ["claude-haiku-5-5"]


def test_a_spent_budget_starts_nothing(claude: Claude) -> None:
    claude.do("projects", "add", "poor")
    claude.do("budget", "set", "--daily", "0", "--project", "poor")
    done, sent, _ = claude.ask("-p", "hi", options=("--project", "poor"))
    assert (done.returncode, done.stdout, sent) == (75, "", [])
    assert "Daily cost limit exceeded: $0.00 of $0.00 spent; resets 00:00 UTC" in done.stderr


def test_a_direct_run_is_booked_from_its_result(claude: Claude) -> None:
    claude.fake.script("used", {"text": "There.", **USED})
    arguments = ("-p", "[[script:used]] hi", "--output-format", "json")
    done, sent, rows = claude.ask(*arguments, options=("--no-gateway",), ANTHROPIC_BASE_URL=claude.fake.url)
    assert len(sent) == len(rows) == 1
    (row,) = rows
    assert (row.flags, row.routing_source, row.session) == ("reported", "bypass", result(done)["session_id"])
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_5m_tokens) == (
        12_000,
        40,
        9_000,
        2_000,
    )
    assert row.cost_nanodollars / 1e9 == pytest.approx(result(done)["total_cost_usd"], abs=1e-6)


def test_an_interactive_session_in_tmux(claude: Claude) -> None:
    claude.home()
    settings = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "projects": {str(claude.work): {"hasTrustDialogAccepted": True}},
    }
    Path(claude.environment["HOME"], ".claude.json").write_text(json.dumps(settings))
    claude.fake.script("used", {"text": "Quite interactive.", **USED})
    name, before = f"conduit-{os.getpid()}", len(claude.rows())

    def tmux(*arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", name, *arguments], capture_output=True, text=True, check=True, cwd=claude.work,
            env={**claude.environment, "TERM": "xterm-256color"},
        )  # fmt: skip
        return done.stdout

    def screen() -> str:
        return tmux("capture-pane", "-p", "-t", "0")

    def shows(text: str) -> None:
        eventually(lambda: text in screen(), f"the screen never showed {text!r}")

    tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "bash --norc --noprofile -i")
    try:
        shows("bash-")
        root = claude.state_dir.root
        command = f"{sys.executable} -m conduit_tui --state-dir {root} run --project web -- claude"
        tmux("send-keys", "-t", "0", command, "Enter")
        shows("Claude Code v")
        tmux("send-keys", "-t", "0", "[[script:used]] hello")
        shows("hello")
        tmux("send-keys", "-t", "0", "Enter")
        shows("Quite interactive.")
        tmux("resize-window", "-t", "0", "-x", "80", "-y", "24")
        shows("Quite interactive.")
        tmux("send-keys", "-t", "0", "C-z")
        shows("Stopped")
        tmux("send-keys", "-t", "0", "fg", "Enter")
        for _ in range(10):  # what is typed before it has taken the terminal back is lost
            tmux("send-keys", "-t", "0", "C-u", "[[script:used]] again")
            tmux("send-keys", "-t", "0", "Enter")
            with suppress(AssertionError):
                eventually(lambda: len(claude.rows(before)) >= 2, seconds=3)
                break
        assert len(claude.rows(before)) >= 2
        tmux("send-keys", "-t", "0", "C-c")
        tmux("send-keys", "-t", "0", "C-c")
        eventually(lambda: claude.runs()[-1]["ended_at"])
        tmux("send-keys", "-t", "0", "echo code $?", "Enter")
        shows("code 0")
    except BaseException:
        print(screen())
        raise
    finally:
        tmux("kill-server")
    rows = claude.rows(before)
    assert {(row.project, row.client, row.agent_type) for row in rows} == {("web", "claude-cli", "main")}
    assert len({row.session for row in rows}) == 1
