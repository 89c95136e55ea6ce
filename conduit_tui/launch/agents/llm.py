"""The `llm` command: base URLs and keys from variables."""

from conduit_tui.launch.agents.agent import ANTHROPIC, OPENAI, Agent, by_variables
from conduit_tui.launch.agents.options import Options, words

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
_VALUED = (
    "-s --system -d --database -a --attachment -T --tool --functions -f --fragment --sf --system-fragment -t "
    "--template --schema --key --cid --conversation --save"
)

LLM = Agent(
    name="llm",
    dialects=(*ANTHROPIC, *OPENAI),
    setup=by_variables(("ANTHROPIC_BASE_URL", ""), ("OPENAI_BASE_URL", "/v1"), keys=KEYS),
    command_line=Options(
        model_names=("-m", "--model"),
        message_names=(),
        valued=words(_VALUED),
        positional_prompt=True,
        commands=frozenset({"prompt", "chat"}),
        pipes=True,
        listed=True,
    ),
    credentials=KEYS,
    settings=("LLM_*", "ANTHROPIC_*", "OPENAI_*"),
    redirecting=("ANTHROPIC_*", "OPENAI_*", "LLM_MODEL"),
)
