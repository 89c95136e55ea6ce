"""Claude Code: variables, and headers of ours with every request."""

from conduit_tui.launch.agents.agent import ANTHROPIC, TOKEN_HEADER, Access, Agent, Setup
from conduit_tui.launch.agents.options import Options, words

_VALUED = (
    "--agent --agents --append-system-prompt --autocompact --cloud -d --debug --debug-file --effort --environment "
    "--fallback-model --from-pr --input-format --json-schema --max-budget-usd --max-turns -n --name --output-format "
    "--permission-mode --permission-prompts --permission-prompt-tool --plugin-dir --plugin-url --prompt-suggestions "
    "--remote-control --remote-control-session-name-prefix -r --resume --session-id --setting-sources --settings "
    "--system-prompt --system-prompt-file --append-system-prompt-file --system-prompt-snapshot --teleport -w --worktree"
)
_LISTS = (
    "--add-dir --allowedTools --allowed-tools --betas --disallowedTools --disallowed-tools --file --mcp-config --tools"
)
_WITHOUT_MODEL = (
    "agents attach auth auto-mode config doctor gateway install kill logs mcp migrate-installer plugin plugins project "
    "rm setup-token stop update upgrade"
)


def setup(access: Access) -> Setup:
    """The base URL; as headers, who it is and the token where the key's place is taken; the class of every request."""
    headers = {}
    if access.run:
        headers = {
            "x-conduit-project": access.project,
            "x-conduit-run": access.run,
            "x-conduit-session": access.session,
            "x-conduit-agent-type": access.agent_type,
        }
    variables = {
        "ANTHROPIC_BASE_URL": access.origin if access.run else access.url,
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
    }
    if key := access.key(ANTHROPIC):
        variables["ANTHROPIC_AUTH_TOKEN"] = key
    elif access.token:
        headers[TOKEN_HEADER] = access.token
    given = [f"{name}: {value}" for name, value in headers.items() if value]
    if given:
        variables["ANTHROPIC_CUSTOM_HEADERS"] = "\n".join(given)
    return Setup(variables)


CLAUDE = Agent(
    name="claude",
    dialects=ANTHROPIC,
    setup=setup,
    command_line=Options(
        valued=words(_VALUED),
        lists=words(_LISTS),
        positional_prompt=True,
        message_names=(),
        pipes=True,
        not_with=words(_WITHOUT_MODEL),
    ),
    credentials=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
    settings=("CLAUDE_*", "ANTHROPIC_*", "DISABLE_*", "MAX_THINKING_TOKENS", "BASH_*_TIMEOUT_MS", "MCP_*TIMEOUT"),
    leaving=words("--bg --background"),
    redirecting=("ANTHROPIC_*", "CLAUDE_CODE_USE_*", "CLAUDE_CODE_SKIP_*_AUTH", "CLAUDE_CODE_SUBAGENT_MODEL"),
)
