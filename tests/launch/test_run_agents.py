"""How each agent's command line is read and changed, and how it is told where the gateway is."""

import json

import pytest

from conduit_tui.cli.env import CLIENT_NAMES
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, KeyKind, KeySource, Provider
from conduit_tui.launch.access import credentials_for
from conduit_tui.launch.agents import CLIENTS, KNOWN, agent_of
from conduit_tui.launch.agents.agent import Access
from conduit_tui.launch.environment import directly, through_gateway

MODEL = "claude-haiku-5-5"


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("claude -p hi", f"claude --model {MODEL} -p hi"),
        ("claude --model opus -p hi", f"claude --model {MODEL} -p hi"),
        ("claude --model=opus -- --model x", f"claude --model={MODEL} -- --model x"),
        ("claude mcp list", None),
        ("claude", f"claude --model {MODEL}"),
        ("codex exec hi", f"codex exec -c model={MODEL} hi"),
        ("codex -m gpt-5 exec hi", f"codex -m {MODEL} exec hi"),
        ("codex login", None),
        ("opencode run hi", f"opencode run --model anthropic/{MODEL} hi"),
        ("opencode -m mine/x", f"opencode -m mine/{MODEL}"),
        ("opencode -m openai/gpt-5", f"opencode -m anthropic/{MODEL}"),
        ("aider --message hi", f"aider --model anthropic/{MODEL} --message hi"),
        ("llm hello", None),
        ("llm -m gpt-5 hello", None),
        ("python agent.py", None),
        ("python agent.py --model x", f"python agent.py --model {MODEL}"),
    ],
)
def test_a_model_is_put_in_or_replaced(line: str, changed: str | None) -> None:
    program, *arguments = line.split()
    got = agent_of(program).command_line.with_model(arguments, MODEL)
    assert (got if got is None else " ".join([program, *got])) == changed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["claude", "-p", "hi"], "hi"),
        (["claude", "hi", "-p"], "hi"),
        (["claude", "-p", "--output-format", "json", "hi"], "hi"),
        (["claude", "--allowedTools", "Bash", "Edit", "--verbose", "hi"], "hi"),
        (["claude", "--resume", "id", "-c"], None),
        (["claude", "--", "-hi"], "-hi"),
        (["/usr/bin/claude", "-p"], None),
        (["codex", "exec", "--sandbox", "read-only", "do it"], "do it"),
        (["opencode", "run", "do it"], "do it"),
        (["aider", "--message=do it", "file.py"], "do it"),
        (["llm", "-s", "system", "do it"], "do it"),
        (["mine", "--message", "do it"], "do it"),
        (["mine", "file"], None),
    ],
)
def test_the_message_is_found(arguments: list[str], message: str | None) -> None:
    assert agent_of(arguments[0]).command_line.message(arguments[1:]) == message


def test_env_knows_every_client() -> None:
    assert list(CLIENT_NAMES) == list(CLIENTS)


def test_flags_are_names_without_values_in_both_spellings() -> None:
    line = agent_of("claude").command_line
    given = ["--thinking", "-p", "hi", "--x=secret", "-3", "-", "--", "--not-one"]
    assert line.flags(given) == ("--thinking", "thinking", "-p", "p", "--x", "x")
    assert len(line.flags([f"--flag-{number}" for number in range(1000)])) == 64
    assert line.model(["--model", "a", "--model=b"]) == "b"
    assert agent_of("aider").command_line.model(["--model", "openai/gpt-5"]) == "gpt-5"
    assert not line.reads_stdin(["-p", "--input-format", "stream-json"])


def test_opencode_is_told_of_the_model_of_a_rule_and_asks_nobody_else() -> None:
    made = agent_of("opencode").setup(Access("http://g", "", run="0123456789abcdef", model=MODEL)).variables
    told = json.loads(made["OPENCODE_CONFIG_CONTENT"])
    assert told["provider"]["anthropic"]["models"] == {MODEL: {}}
    assert "models" not in told["provider"]["openai"]
    assert told["disabled_providers"] == ["opencode"]


def stored(*dialects: str) -> Provider:
    key = KeySource(kind=KeyKind.ENVIRONMENT, reference="KEY")
    return Provider.model_validate(
        {"name": "here", "base_url": "http://h", "dialects": dialects, "key": key, "default": True}
    )


@pytest.mark.parametrize("name", list(CLIENTS))
def test_a_token_takes_the_place_of_a_key_only_where_that_is_stored_here(name: str) -> None:
    agent = CLIENTS[name]
    own = credentials_for(agent, BUILTIN_PROVIDERS, token_always=False)
    assert own == (False, frozenset(agent.dialects))
    assert "tok" not in json.dumps([agent.setup(Access("http://g", "", own.own)).variables])
    here = [stored("anthropic", "openai-chat", "openai-responses"), *BUILTIN_PROVIDERS]
    all_ours = credentials_for(agent, here, token_always=False)
    assert all_ours == (True, frozenset())
    setup = agent.setup(Access("http://g", "the-token", all_ours.own, run="0123456789abcdef"))
    assert "the-token" in "".join(setup.variables.values())
    assert setup.alias is None or "the-token" not in " ".join(setup.alias[1])


def test_each_family_of_keys_is_looked_at_by_itself() -> None:
    """Anthropic's key is stored here, OpenAI's is the client's own."""
    agent = agent_of("some-tool")
    providers = [stored("anthropic"), *BUILTIN_PROVIDERS]
    needed = credentials_for(agent, providers, token_always=False)
    setup = agent.setup(Access("http://g", "the-token", needed.own))
    inherited = {"ANTHROPIC_API_KEY": "sk-ant-mine", "OPENAI_API_KEY": "sk-mine", "PATH": "/bin", "X_API_KEY": "x"}
    env = through_gateway(inherited, agent, setup.variables, own=needed.own, named=()).variables
    assert (env["ANTHROPIC_API_KEY"], env["OPENAI_API_KEY"], env["PATH"]) == ("the-token", "sk-mine", "/bin")
    assert "X_API_KEY" not in env


@pytest.mark.parametrize("name", list(KNOWN))
def test_where_requests_go_is_not_inherited(name: str) -> None:
    agent = KNOWN[name]
    led = {
        "ANTHROPIC_BASE_URL": "http://evil", "OPENAI_BASE_URL": "http://evil", "OPENAI_API_BASE": "http://evil",
        "ANTHROPIC_CUSTOM_HEADERS": "x: evil", "ANTHROPIC_API_BASE": "http://evil", "CONDUIT_TOKEN": "evil",
        "CLAUDE_CODE_USE_VERTEX": "evil", "OPENCODE_CONFIG_CONTENT": "evil", "CONDUIT_RUN_ID": "evil",
    }  # fmt: skip
    setup = agent.setup(Access("http://g", "the-token"))
    through = through_gateway(led, agent, setup.variables, own=frozenset(), named=()).variables
    assert "evil" not in " ".join(through.values())


def test_a_direct_run_is_not_led_to_the_gateway() -> None:
    inherited = {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:4141", "OPENAI_BASE_URL": "http://127.0.0.1:4141/p/x/v1",
        "ANTHROPIC_CUSTOM_HEADERS": "x-conduit-token: t", "ANTHROPIC_API_KEY": "mine", "ANTHROPIC_MODEL": "opus",
        "AWS_SECRET_ACCESS_KEY": "s", "DATABASE_URL": "d",
    }  # fmt: skip
    made = directly(inherited, agent_of("claude"), "http://127.0.0.1:4141", named=["DATABASE_URL"])
    assert made.variables == {"ANTHROPIC_API_KEY": "mine", "ANTHROPIC_MODEL": "opus", "DATABASE_URL": "d"}
    assert "AWS_SECRET_ACCESS_KEY" in made.left
