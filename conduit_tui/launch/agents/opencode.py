"""OpenCode: its whole provider configuration in one variable."""

import json

from conduit_tui.launch.agents.agent import ANTHROPIC, TOKEN_HEADER, Access, Agent, Setup
from conduit_tui.launch.agents.options import Options, words

_OPENAI = ("openai-chat",)


def setup(access: Access) -> Setup:
    """Base URL, key or token header of both of the providers that speak our dialects."""
    providers = {}
    for name, dialects in (("anthropic", ANTHROPIC), ("openai", _OPENAI)):
        options: dict[str, object] = {"baseURL": f"{access.url}/v1"}
        if key := access.key(dialects):
            options["apiKey"] = key
        elif access.token:
            options["headers"] = {TOKEN_HEADER: access.token}
        providers[name] = {"options": options}
    return Setup({"OPENCODE_CONFIG_CONTENT": json.dumps({"provider": providers})})


OPENCODE = Agent(
    name="opencode",
    dialects=(*ANTHROPIC, *_OPENAI),
    setup=setup,
    command_line=Options(
        model_names=("-m", "--model"),
        message_names=("--prompt", "-p"),
        valued=words("-s --session --agent --format -f --file --title --attach --port --hostname --variant"),
        positional_prompt=True,
        commands=frozenset({"run"}),
        pipes=True,
        not_with=words("acp agent attach auth debug export github import mcp models serve session stats upgrade web"),
        prefixed=True,
    ),
    credentials=("ANTHROPIC_API_KEY", "OPENAI_API_KEY"),
    settings=("OPENCODE_*", "ANTHROPIC_*", "OPENAI_*"),
    redirecting=("ANTHROPIC_*", "OPENAI_*", "OPENCODE_CONFIG_CONTENT"),
)
