"""The verb: which way an agent goes, what it is given, what stops it, how it ends."""

import hashlib
import json
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.launch.box import Box, marked, printed
from tests.waiting import eventually


def run(box: Box, *arguments: str, **more: object) -> "subprocess.CompletedProcess[str]":
    return box.conduit("run", *arguments, **more)  # type: ignore[arg-type]


def test_requests_arrive_with_project_session_and_agent_type(box: Box) -> None:
    box.project("web")
    before = len(box.rows())
    options = ("--project", "web", "--session", "s-1", "--agent-type", "research")
    done = run(box, *options, "--", "claude", "--send", "2", "--exit", "3")
    assert done.returncode == 3, done.stderr
    assert [answer["status"] for answer in printed(done)["answers"]] == [200, 200]
    rows = eventually(lambda: box.rows(before)[1:] and box.rows(before))
    assert {(row.project, row.session, row.agent_type) for row in rows} == {("web", "s-1", "research")}
    newest = box.runs()[-1]
    assert {json.loads(row.metadata)["run"] for row in rows} == {newest["id"]}
    assert (newest["agent"], newest["exit_code"], newest["flags"]) == (
        "claude",
        3,
        ["--send", "send", "--exit", "exit"],
    )


def test_the_environment_leads_to_the_gateway_and_holds_no_key_but_a_token(box: Box) -> None:
    foreign = {
        "ANTHROPIC_API_KEY": "sk-ant-mine",
        "ANTHROPIC_BASE_URL": "http://elsewhere",
        "ANTHROPIC_MODEL": "claude-opus-5-5",
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "CLAUDE_CONFIG_DIR": "/somewhere",
        "OPENAI_API_KEY": "sk-openai",
        "GITHUB_TOKEN": "ghp_1",
        "DATABASE_URL": "postgres://",
        "EDITOR": "vi",
    }
    done = run(box, "--pass-env", "DATABASE_*", "--", "claude", "--send", "1", **foreign)
    seen = printed(done)
    env = seen["env"]
    assert seen["answers"][0]["status"] == 200
    url = box.url()
    assert env["ANTHROPIC_BASE_URL"] == url
    assert env["ANTHROPIC_AUTH_TOKEN"].startswith("conduit-run-")
    assert env["CLAUDE_CODE_GATEWAY_HINT_HEADERS"] == "1"
    assert env["CONDUIT_PROJECT_ID"] == env["SYNAPSE_PROJECT_ID"] == "default"
    assert (env["EDITOR"], env["CLAUDE_CONFIG_DIR"], env["DATABASE_URL"]) == ("vi", "/somewhere", "postgres://")
    gone = {"ANTHROPIC_API_KEY", "ANTHROPIC_MODEL", "CLAUDE_CODE_USE_BEDROCK", "OPENAI_API_KEY", "GITHUB_TOKEN"}
    assert not gone & set(env)
    assert not {"PROVIDER_KEY", "SOME_SECRET"} & set(env)
    assert not any("elsewhere" in value or "sk-ant" in value for value in env.values())
    assert box.fake is not None
    assert box.fake.requests()[-1].header("x-api-key") == box.environment["PROVIDER_KEY"]


def test_the_token_opens_the_gateway_only_while_the_run_lives(box: Box) -> None:
    box.stand_in("import os,time\nprint(os.environ['ANTHROPIC_AUTH_TOKEN'], flush=True)\ntime.sleep(60)\n")
    url = box.url()

    def status(token: str) -> int:
        body = json.dumps({"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": []}).encode()
        request = urllib.request.Request(f"{url}/v1/messages", body, {"x-api-key": token})
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    try:
        for kill in (False, True):
            launched = box.start("run", "--", "claude")
            assert launched.stdout is not None
            token = launched.stdout.readline().decode().strip()
            assert status(token) == 200
            assert token not in Path(f"/proc/{launched.pid}/cmdline").read_text()
            if not kill:
                box.do("restart")
                assert status(token) == 200, "the next gateway does not know the run"
            launched.kill() if kill else launched.terminate()
            assert launched.wait(60) == (-9 if kill else 143)
            eventually(lambda: status(token) == 401, what="the token outlived its run")  # noqa: B023
            run_id = box.runs()[-1]["id"]
            eventually(lambda: not marked(run_id), what="the agent outlived its run")  # noqa: B023
            for stream in (launched.stdout, launched.stderr):
                assert stream is not None
                stream.close()
    finally:
        box.sender()
    run(box, "--", "claude")
    assert all(one["ended_at"] for one in box.runs()), "a lost run is ended by the next"


def test_programs_that_take_no_headers_are_known_by_their_base_url(box: Box) -> None:
    box.project("tools")
    before = len(box.rows())
    box.sender("some-tool")
    done = run(box, "--project", "tools", "--agent-type", "batch", "--", "some-tool", "--send", "1")
    seen = printed(done)
    assert seen["answers"][0]["status"] == 200
    newest = box.runs()[-1]
    assert seen["env"]["OPENAI_BASE_URL"].endswith(f"/r/{newest['id']}/v1")
    assert seen["env"]["ANTHROPIC_API_KEY"].startswith("conduit-run-")
    (row,) = eventually(lambda: box.rows(before))
    assert (row.project, row.agent_type, row.session) == ("tools", "batch", newest["id"])
    after = urllib.request.Request(seen["env"]["ANTHROPIC_BASE_URL"] + "/v1/models")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(after, timeout=40)


def test_what_an_agent_starts_is_known_by_the_token_that_it_inherits(box: Box) -> None:
    box.project("heirs")
    before = len(box.rows())
    run(box, "--project", "heirs", "--agent-type", "helper", "--", "claude", "--send", "1", "--bare")
    (row,) = eventually(lambda: box.rows(before))
    assert (row.project, row.agent_type, row.session) == ("heirs", "helper", box.runs()[-1]["id"])


def test_the_project_is_named_like_the_git_repository(box: Box, tmp_path: Path) -> None:
    box.project("shop")
    inside = tmp_path / "shop" / "src" / "deep"
    inside.mkdir(parents=True)
    (tmp_path / "shop" / ".git").mkdir()
    cloned = tmp_path / "elsewhere"
    (cloned / ".git").mkdir(parents=True)
    (cloned / ".git" / "config").write_text(
        '[core]\n\tbare = false\n[remote "origin"]\n\turl = git@host:team/shop.git\n'
    )
    for folder in (inside, cloned):
        assert json.loads(run(box, "--dry-run", "--json", "--", "claude", cwd=folder).stdout)["project"] == "shop"
    (tmp_path / "other" / ".git").mkdir(parents=True)
    shown = json.loads(run(box, "--dry-run", "--json", "--", "claude", cwd=tmp_path / "other").stdout)
    assert (shown["project"], shown["project_reason"]) == (
        "default",
        "no project is named like the git repository, other",
    )
    assert run(box, "--project", "nowhere", "--", "claude").returncode == 2


def test_a_matching_rule_puts_its_model_into_the_arguments(box: Box) -> None:
    box.project("ruled", {"long": 'message matches "(?i)architecture"', "fast": 'flags contains "--fast"'})

    def arguments(*given: str, **more: object) -> list[str]:
        done = run(box, "--project", "ruled", "--", "claude", *given, **more)
        assert 'rule "' in done.stderr
        seen: list[str] = printed(done)["arguments"]
        return seen

    assert arguments("-p", "the Architecture") == ["--model", "claude-long", "-p", "the Architecture"]
    assert arguments("-p", "x", "--model", "opus", "--fast") == ["-p", "x", "--model", "claude-fast", "--fast"]
    assert arguments("-p", given=b"please look at the architecture") == ["--model", "claude-long", "-p"]


def test_stdin_that_was_looked_at_reaches_the_agent_whole(box: Box) -> None:
    box.project("piped", {"r": 'message contains "zebra"'})
    box.stand_in("import sys,hashlib\nprint(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())\n", "llm")
    data = b"0123456789abcdef" * 200_000
    done = run(box, "--project", "piped", "--", "llm", given=data)
    assert done.stdout.strip() == hashlib.sha256(data).hexdigest(), done.stderr


def test_a_reached_limit_starts_nothing(box: Box) -> None:
    """A daily 11 of 10 refuses."""
    box.project("poor")
    box.do("prices", "set", "claude-dear", "--input", "10000", "--output", "10000")
    assert box.fake is not None
    box.fake.script("dear", {"usage": {"input": 100, "output": 1000}})
    box.stand_in("open('started','w').write('x')\n", "marker")
    sent = run(
        box, "--project", "poor", "--", "claude", "--model", "claude-dear", "--send", "1", "--prompt", "[[script:dear]]"
    )
    assert printed(sent)["answers"][0]["status"] == 200
    spent = eventually(lambda: sum(row.cost_nanodollars for row in box.rows() if row.project == "poor"))
    assert spent == 11_000_000_000
    box.limit("poor", daily=10)
    for options in ((), ("--dry-run",)):
        refused = run(box, *options, "--project", "poor", "--", "marker")
        assert refused.returncode == 75
        assert "Daily cost limit exceeded: $11.00 of $10.00 spent; resets 00:00 UTC" in refused.stderr
    assert not (box.work / "started").exists()
    before = len(box.runs())
    assert run(box, "--project", "poor", "--no-gateway", "--", "marker").returncode == 75
    assert len(box.runs()) == before
    box.limit("poor", monthly=0)
    assert "Monthly cost limit exceeded: $" in run(box, "--project", "poor", "--", "marker").stderr
    box.do("config", "set", "features.costTracking", "false", "--project", "poor")
    assert run(box, "--project", "poor", "--", "marker").returncode == 0


def test_a_disabled_project_goes_directly_and_says_so(box: Box) -> None:
    box.project("quiet", enabled=False)
    own = {"ANTHROPIC_API_KEY": "sk-ant-mine", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "ANTHROPIC_MODEL": "opus"}
    done = run(box, "--project", "quiet", "--", "claude", **own)
    assert "project quiet is disabled: claude runs directly, without the gateway (bypass)" in done.stderr
    env = printed(done)["env"]
    assert {name: env[name] for name in own} == own
    assert env["CONDUIT_PROJECT_ID"] == "quiet"
    assert "ANTHROPIC_AUTH_TOKEN" not in env
    assert box.runs()[-1]["direct"] == "project quiet is disabled"
    assert "claude of project quiet runs without the gateway: project quiet is disabled" in box.events("run-direct")


def test_what_leads_to_the_gateway_is_left_out_of_a_direct_run(box: Box) -> None:
    url = box.url()
    led = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_CUSTOM_HEADERS": "x-conduit-token: conduit-1"}
    env = printed(run(box, "--no-gateway", "--", "claude", **led))["env"]
    assert not set(led) & set(env)


def test_a_dry_run_tells_everything_and_shows_no_secret(box: Box) -> None:
    before = len(box.runs())
    done = run(box, "--dry-run", "--", "codex", "exec", "hi", OPENAI_API_KEY="sk-secret-of-mine")
    assert done.returncode == 0
    assert "codex" in done.stdout
    assert "sk-secret" not in done.stdout
    shown = json.loads(run(box, "--dry-run", "--json", "--", "claude", "-p", "hi").stdout)
    assert shown["env"]["ANTHROPIC_AUTH_TOKEN"] == "(a token of this run alone)"
    assert "SOME_SECRET" in shown["left_out"]
    assert len(box.runs()) == before


def test_a_client_with_a_key_of_its_own_shows_it(idle: Box) -> None:
    """Without stored keys the built-in providers take what the client has; no token is made."""
    shown = json.loads(run(idle, "--dry-run", "--json", "--", "claude", ANTHROPIC_API_KEY="sk-ant-1234567890ab").stdout)
    assert shown["env"]["ANTHROPIC_API_KEY"].endswith("90ab")
    assert "ANTHROPIC_AUTH_TOKEN" not in shown["env"]
    assert "token" not in shown["env"]["ANTHROPIC_CUSTOM_HEADERS"]


def test_no_proxy_stands_between_an_agent_and_its_gateway(box: Box) -> None:
    env = printed(run(box, "--", "claude", "--send", "1", http_proxy="http://127.0.0.1:9", NO_PROXY="a.example"))
    assert env["answers"][0]["status"] == 200
    assert env["env"]["NO_PROXY"] == "a.example,127.0.0.1"


@pytest.mark.parametrize(("mode", "code"), [("ask", 1), ("refuse", 1), ("direct", 0)])
def test_without_a_gateway_the_project_decides(idle: Box, mode: str, code: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        idle.do("config", "set", "gatewayDown", mode)
        done = idle.conduit("--port", port, "run", "--", "claude")
    assert done.returncode == code, done.stderr
    assert "the gateway is down and does not start" in done.stderr
    if code:
        assert not done.stdout
        assert "--no-gateway" in done.stderr
        return
    assert "claude runs WITHOUT the gateway: nothing is routed or limited" in done.stderr
    assert "ANTHROPIC_BASE_URL" not in printed(done)["env"]
    assert idle.runs()[-1]["direct"].startswith("the gateway is down: ")
    assert idle.events("run-direct")


def test_the_gateway_is_started_if_it_does_not_run(idle: Box) -> None:
    try:
        done = idle.conduit("--port", "0", "run", "--", "claude")
        assert done.returncode == 0, done.stderr
        assert printed(done)["env"]["ANTHROPIC_BASE_URL"] == json.loads(idle.do("status", "--json"))["url"]
    finally:
        idle.conduit("down", "--now")


def test_what_cannot_be_run_is_named(box: Box) -> None:
    missing = run(box, "--", "no-such-agent")
    assert (missing.returncode, missing.stdout) == (127, "")
    assert "no-such-agent: no such command" in missing.stderr
    assert run(box, "--", str(box.work / "nothing")).returncode == 127
    (box.work / "plain").write_text("x")
    assert run(box, "--", "./plain").returncode == 126
    assert run(box, "--session", "a\nb", "--", "claude").returncode == 2
    assert run(box).returncode == 2
    leaving = run(box, "--", "claude", "--bg", "hi")
    assert leaving.returncode == 2
    assert "a run leaves nothing behind" in leaving.stderr


@pytest.mark.parametrize(("end", "code"), [("sys.exit(143)", 143), ("os.kill(os.getpid(), 9)", 137), ("pass", 0)])
def test_the_exit_code_is_passed_on(box: Box, end: str, code: int) -> None:
    box.stand_in(f"import os, sys\n{end}\n", "ends")
    assert run(box, "--", "ends").returncode == code
