"""Any other program: the variables that the SDKs of Anthropic and OpenAI read."""

from conduit_tui.launch.agents.agent import ANTHROPIC, OPENAI, Agent, by_variables
from conduit_tui.launch.agents.options import Options

# A program that is not known may have no option for a model, so none is put in; one that is there is replaced.
_PLAIN = Options(insert=None)

ANTHROPIC_SDK = Agent(
    name="anthropic",
    dialects=ANTHROPIC,
    setup=by_variables(("ANTHROPIC_BASE_URL", ""), keys=("ANTHROPIC_API_KEY",)),
    command_line=_PLAIN,
    credentials=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    settings=("ANTHROPIC_*",),
    redirecting=("ANTHROPIC_*",),
)
OPENAI_SDK = Agent(
    name="openai",
    dialects=OPENAI,
    setup=by_variables(("OPENAI_BASE_URL", "/v1"), keys=("OPENAI_API_KEY",)),
    command_line=_PLAIN,
    credentials=("OPENAI_API_KEY",),
    settings=("OPENAI_*",),
    redirecting=("OPENAI_*",),
)
GENERIC = Agent(
    name="generic",
    dialects=(*ANTHROPIC, *OPENAI),
    setup=by_variables(
        ("ANTHROPIC_BASE_URL", ""),
        ("OPENAI_BASE_URL", "/v1"),
        ("OPENAI_API_BASE", "/v1"),
        keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY"),
    ),
    command_line=_PLAIN,
    credentials=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY"),
    settings=("ANTHROPIC_*", "OPENAI_*"),
    redirecting=("ANTHROPIC_*", "OPENAI_*"),
)
