"""OpenCode: its whole provider configuration in one variable."""

import json

from conduit_tui.launch.agents.agent import ANTHROPIC, OPENAI, TOKEN_HEADER, Access, Agent, Setup
from conduit_tui.launch.agents.options import Options, maker_of, words


def setup(access: Access) -> Setup:
    """Base URL, key or token header of both of the providers that speak our dialects.

    A model of the rules is made known to it: it starts with none that it has not heard of. Its maker's own provider is
    switched off, because it is asked by default, past the gateway.
    """
    providers: dict[str, dict[str, object]] = {}
    for name, dialects in (("anthropic", ANTHROPIC), ("openai", OPENAI)):
        options: dict[str, object] = {"baseURL": f"{access.url}/v1"}
        if key := access.key(dialects):
            options["apiKey"] = key
        elif access.token:
            options["headers"] = {TOKEN_HEADER: access.token}
        providers[name] = {"options": options}
        if access.model and name == maker_of(access.model):
            providers[name]["models"] = {access.model: {}}
    return Setup({"OPENCODE_CONFIG_CONTENT": json.dumps({"provider": providers, "disabled_providers": ["opencode"]})})


OPENCODE = Agent(
    name="opencode",
    dialects=(*ANTHROPIC, *OPENAI),
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
