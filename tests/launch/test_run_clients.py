"""The real codex (0.169), opencode (1.18), llm (0.36) and aider (0.86), launched by `run` without keys of their own.

Run by hand, each where it is on the PATH: `PATH=/where/codex/is:$PATH pytest -m slow tests/launch/test_run_clients.py`.
"""

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.launch.real_clients import CLIENTS, CODEX, LLM, Client, ClientBox, client_box
from tests.providers import Recorded
from tests.waiting import eventually

USED = {"usage": {"input": 12_000, "output": 40, "cache_read": 9_000}}

pytestmark = pytest.mark.slow


def where_installed(*clients: Client) -> list[object]:
    return [
        pytest.param(client, id=client.name, marks=pytest.mark.skipif(client.missing, reason=f"no `{client.program}`"))
        for client in clients
    ]


every_client = pytest.mark.parametrize("client", where_installed(*CLIENTS))


def ours(request: Recorded) -> set[str]:
    """Our own headers that reached the provider."""
    return {name.lower() for name, _ in request.headers if name.lower().startswith("x-conduit")}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientBox]:
    with client_box(tmp_path_factory.mktemp("clients")) as box:
        yield box


@pytest.fixture(autouse=True)
def _forgets(box: ClientBox) -> None:
    box.fake.reset()


@every_client
def test_a_prompt_is_answered_and_attributed(box: ClientBox, client: Client) -> None:
    box.fake.script("used", {"text": "There you are.", **USED})
    options = ("--project", "web", "--agent-type", "research", "--session", "mine")
    asked = box.ask(client, "[[script:used]] hi", options=options)
    assert asked.code == 0, asked.err
    assert "There you are." in asked.out
    assert len(asked.sent) == len(asked.rows) >= 1
    row = asked.rows[-1]
    assert {(each.project, each.agent_type, each.session) for each in asked.rows} == {("web", "research", "mine")}
    assert (row.dialect, row.client, row.status, row.flags) == (client.dialect, client.family, 200, "")
    for request in asked.sent:
        assert request.json["stream"] is True
        shown = request.header("x-api-key") or (request.header("authorization") or "").removeprefix("Bearer ")
        assert shown == box.environment["PROVIDER_KEY"]
        assert ours(request) <= {"x-conduit-via"}
    assert box.runs()[-1]["exit_code"] == 0


@every_client
def test_its_tokens_are_those_that_the_provider_counted(box: ClientBox, client: Client) -> None:
    box.fake.script("used", {"text": "There you are.", **USED})
    asked = box.ask(client, "[[script:used]] hi")
    assert len(asked.rows) == len(asked.sent)
    assert {(row.input_tokens, row.output_tokens, row.cache_read_tokens) for row in asked.rows} == {(12_000, 40, 9_000)}
    assert all(row.cost_nanodollars > 0 for row in asked.rows)


@every_client
def test_what_env_prints_leads_it_here(box: ClientBox, client: Client) -> None:
    asked = box.ask(client, "hi", by_variables=True)
    assert asked.code == 0, asked.err
    assert "Hello from the fake provider: naïve café, 漢字, 🙂" in asked.out
    assert {(row.project, row.dialect) for row in asked.rows} == {("web", client.dialect)}
    assert len(asked.rows) == len(asked.sent)


@pytest.mark.parametrize("client", where_installed(*(client for client in CLIENTS if client.tool)))
def test_a_tool_is_called(box: ClientBox, client: Client) -> None:
    assert client.tool is not None
    name, given = client.tool
    call = {"type": "tool_use", "name": name, "input": given}
    box.fake.script("tool", {"blocks": [call], **USED}, {"text": "All done.", **USED}, select="turn")
    asked = box.ask(client, "[[script:tool]] Run it.", *client.tool_arguments)
    assert asked.code == 0, asked.err
    assert client.tool_result in asked.out + asked.err
    assert "All done." in asked.out
    assert len(asked.rows) == len(asked.sent) >= 2
    assert len({row.session for row in asked.rows}) == 1


@pytest.mark.parametrize("client", where_installed(CODEX))
def test_what_it_does_by_another_agent_is_told_apart(box: ClientBox, client: Client) -> None:
    subprocess.run(["git", "init", "--quiet", str(box.work)], check=True, capture_output=True)
    (box.work / "new.py").write_text("x = 1\n")
    try:
        before = len(box.rows())
        review = box.conduit("run", "--project", "web", "--", client.program, "exec", "review", "--uncommitted")
    finally:
        shutil.rmtree(box.work / ".git")
    assert review.returncode == 0, review.stderr
    (row,) = box.rows(before)
    assert (row.request_class, row.agent_type, row.project) == ("subagent", "subagent", "web")
    assert row.agent not in ("", row.session)
    asked = box.ask(client, "hi")
    assert [(row.request_class, row.agent_type, row.agent) for row in asked.rows] == [("main", "main", "")]


@every_client
def test_a_rule_changes_the_model_of_the_arguments_or_of_the_request(box: ClientBox, client: Client) -> None:
    target = "claude-haiku-5-5" if client.dialect == "anthropic" else "gpt-9-unheard-of"
    rule = ("--name", client.name, "--when", f'message contains "{client.name}"', "--use", target)
    box.do("rules", "add", *rule, "--project", "ruled")
    asked = box.ask(client, f"a quick {client.name}", options=("--project", "ruled"))
    assert asked.code == 0, asked.err
    assert f'rule "{client.name}"' in asked.err
    row = asked.rows[-1]
    assert row.routed_model == asked.sent[-1].json["model"] == target
    assert (row.requested_model == target) is client.changes_model


@every_client
def test_a_spent_budget_is_told_once_and_in_full(box: ClientBox, client: Client) -> None:
    asked = box.ask(client, "hi", options=("--project", "poor"))
    said = " ".join((asked.out + asked.err).split())
    assert "Daily cost limit exceeded: $0.00 spent" in said
    assert "resets 00:00 UTC" in said
    assert asked.code == client.failed
    assert asked.sent == []
    assert {row.error_type for row in asked.rows} == {"cost_limit"}
    assert set(Counter(row.requested_model for row in asked.rows).values()) == {1}


@every_client
def test_a_limit_that_is_reached_starts_nothing(box: ClientBox, client: Client) -> None:
    asked = box.ask(client, "hi", options=("--project", "spent"), answers=0)
    assert asked.code == 75
    assert "Daily cost limit exceeded" in asked.err
    assert (asked.out, asked.rows) == ("", [])


@every_client
def test_a_stopped_session_says_why_and_is_not_tried_again(box: ClientBox, client: Client) -> None:
    options = ("--project", "web", "--session", f"of-{client.name}")
    box.ask(client, "hi", options=options)
    box.do("--project", "web", "sessions", "stop", f"of-{client.name}", "--reason", "it loops")
    asked = box.ask(client, "hi", options=options)
    assert "Session stopped: it loops" in " ".join((asked.out + asked.err).split())
    assert asked.code == client.failed
    assert asked.sent == []
    assert set(Counter(row.requested_model for row in asked.rows).values()) == {1}


@pytest.mark.parametrize("client", where_installed(LLM))
def test_words_come_as_they_are_said_and_the_provider_is_left_with_the_client(box: ClientBox, client: Client) -> None:
    box.fake.script("endless", {"words": 40, "hang": 20})
    before = len(box.rows())
    arguments = ("run", "--project", "web", "--", client.program, *client.model, "[[script:endless]] go")
    with box.start(*arguments) as child:
        try:
            assert child.stdout is not None
            said = b""
            while b"word-000001" not in said:
                said += os.read(child.stdout.fileno(), 1000)
            child.send_signal(signal.SIGTERM)
            child.wait(60)
        finally:
            child.kill()
    box.fake.wait_for(lambda found: found[-1].outcome == "client-left", script="endless")
    eventually(lambda: len(box.rows(before)) == 1)
    assert "aborted" in box.rows(before)[0].flags
