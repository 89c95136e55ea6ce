"""The agents that `run` and `env` know, one module each."""

from pathlib import PurePath

from conduit_tui.launch.agents.agent import Agent
from conduit_tui.launch.agents.aider import AIDER
from conduit_tui.launch.agents.claude import CLAUDE
from conduit_tui.launch.agents.codex import CODEX
from conduit_tui.launch.agents.generic import ANTHROPIC_SDK, GENERIC, OPENAI_SDK
from conduit_tui.launch.agents.llm import LLM
from conduit_tui.launch.agents.opencode import OPENCODE

KNOWN = {agent.name: agent for agent in (CLAUDE, CODEX, OPENCODE, AIDER, LLM)}
CLIENTS = {**KNOWN, OPENAI_SDK.name: OPENAI_SDK, ANTHROPIC_SDK.name: ANTHROPIC_SDK}


def agent_of(command: str) -> Agent:
    """The agent that a program is, by its name; the generic one if it is none that is known."""
    return KNOWN.get(PurePath(command).name, GENERIC)
