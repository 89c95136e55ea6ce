"""Aider: base URLs and keys from variables; models as `provider/model`."""

from conduit_tui.launch.agents.agent import ANTHROPIC, Agent, by_variables
from conduit_tui.launch.agents.options import Options

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")

AIDER = Agent(
    name="aider",
    dialects=(*ANTHROPIC, "openai-chat"),
    setup=by_variables(("ANTHROPIC_API_BASE", ""), ("OPENAI_API_BASE", "/v1"), keys=KEYS),
    command_line=Options(message_names=("--message", "--msg", "-m"), prefixed=True),
    credentials=KEYS,
    settings=("AIDER_*", "ANTHROPIC_*", "OPENAI_*", "LITELLM_*"),
    redirecting=("ANTHROPIC_*", "OPENAI_*", "AIDER_MODEL", "AIDER_OPENAI_*", "AIDER_ANTHROPIC_*"),
)
