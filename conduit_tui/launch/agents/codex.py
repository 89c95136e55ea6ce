"""Codex: a provider of its own on the command line, since no variable names a base URL."""

from conduit_tui.launch.agents.agent import TOKEN_HEADER, TOKEN_VARIABLE, Access, Agent, Setup
from conduit_tui.launch.agents.options import Options, words

_DIALECTS = ("openai-responses",)
_VALUED = (
    "-a --ask-for-approval --add-dir -C --cd -c --config --color --disable --enable -i --image --local-provider "
    "-o --output-last-message --output-schema -p --profile -s --sandbox"
)


def setup(access: Access) -> Setup:
    """The provider, put on the command line; its key, or the name of the variable that holds the token."""
    key = access.key(_DIALECTS)
    provider = {
        "name": "conduit-tui",
        "base_url": f"{access.url}/v1",
        "wire_api": "responses",
        "env_key": TOKEN_VARIABLE if key else "OPENAI_API_KEY",
    }
    command = ["codex", "-c", "model_provider=conduit"]
    if access.token and not key:
        # the header's value comes from a variable: a command line is for everybody to see
        provider[f"env_http_headers.{TOKEN_HEADER}"] = TOKEN_VARIABLE
    for name, value in provider.items():
        command += ["-c", f"model_providers.conduit.{name}={value}"]
    return Setup({TOKEN_VARIABLE: access.token} if access.token else {}, ("codex", command))


CODEX = Agent(
    name="codex",
    dialects=_DIALECTS,
    setup=setup,
    command_line=Options(
        model_names=("-m", "--model"),
        message_names=(),
        valued=words(_VALUED),
        positional_prompt=True,
        commands=frozenset({"exec", "e", "review"}),
        pipes=True,
        insert=("-c", "model={}"),
        not_with=words("login logout mcp mcp-server app-server completion apply a cloud features update"),
    ),
    credentials=("OPENAI_API_KEY", "CODEX_API_KEY"),
    settings=("CODEX_*", "OPENAI_*", "RUST_LOG"),
    redirecting=("OPENAI_*", TOKEN_VARIABLE),
)
