"""Requests as real clients send them: headers and bodies of Claude Code, codex, `llm` and a script with an SDK."""

import random
from typing import Any, NamedTuple

from conduit_tui.demo import scenery
from conduit_tui.demo.dialects import compact

_BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20,effort-2025-11-24"
)
_TOOL_NAMES = ("Agent", "Bash", "Edit", "Glob", "Grep", "Read", "TaskCreate", "WebFetch", "Write")
_SYSTEM = "You are an agent that helps with software engineering tasks. " + " ".join(
    f"{number}. Read before you write, keep changes small, and run the tests that concern them." for number in range(60)
)
_TOOLS = [
    {
        "name": name,
        "description": f"{name}. "
        + "Use it as its name says; paths are absolute, results are cut at 30000 characters. " * 12,
        "input_schema": {
            "type": "object",
            "properties": {
                "file_path": {"type": "string"},
                "command": {"type": "string"},
                "limit": {"type": "integer"},
            },
        },
    }
    for name in _TOOL_NAMES
]


class Ask(NamedTuple):
    """A request to send."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Agent(NamedTuple):
    """Who asks within a session. `request_class` and `type` are Claude Code's words; a subagent has an id."""

    model: scenery.Model
    type: str = ""
    request_class: str = "main"
    id: str = ""


class ClaudeCode:
    """One session of Claude Code in a project."""

    def __init__(self, dice: random.Random, project: str) -> None:
        self._dice = dice
        self._project = project
        self.session = uuid_of(dice)
        self._device = f"{dice.getrandbits(256):064x}"
        self.prompt_id = uuid_of(dice)

    def ask(self, agent: Agent, messages: list[dict[str, Any]]) -> Ask:
        """The next turn of a conversation."""
        subagent = " cc_is_subagent=true;" if agent.id else ""
        marked = {"cache_control": {"type": "ephemeral"}}
        body = {
            "model": agent.model.name,
            "messages": messages,
            "system": [
                {
                    "type": "text",
                    "text": f"x-anthropic-billing-header: cc_version=2.1.330.d01; cc_entrypoint=cli;{subagent}",
                },
                {"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude.", **marked},
                {"type": "text", "text": f"{_SYSTEM} Working directory: /home/dev/{self._project}", **marked},
            ],
            "tools": _TOOLS,
            "metadata": self._metadata(),
            "max_tokens": 128_000,
            "thinking": {"type": "adaptive", "display": "omitted"},
            "output_config": {"effort": "medium"},
            "stream": True,
        }
        return Ask("/v1/messages?beta=true", self._headers(agent), body)

    def ask_title(self, model: scenery.Model, prompt: str) -> Ask:
        """The background request for the session's title."""
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        body = {
            "model": model.name,
            "messages": [{"role": "user", "content": prompt}],
            "system": [{"type": "text", "text": "Write a title of three to seven words for this session."}],
            "metadata": self._metadata(),
            "max_tokens": 32_000,
            "output_config": {"format": {"type": "json_schema", "schema": schema}},
            "stream": True,
        }
        return Ask("/v1/messages?beta=true", self._headers(Agent(model, request_class="auxiliary")), body)

    def ask_count(self, agent: Agent, messages: list[dict[str, Any]]) -> Ask:
        """What `/context` asks for."""
        body = {"model": agent.model.name, "messages": messages, "tools": _TOOLS}
        return Ask("/v1/messages/count_tokens?beta=true", self._headers(agent), body)

    def _metadata(self) -> dict[str, str]:
        return {"user_id": compact({"device_id": self._device, "account_uuid": "", "session_id": self.session})}

    def _headers(self, agent: Agent) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "User-Agent": "claude-cli/2.1.330 (external, cli)",
            "X-Claude-Code-Session-Id": self.session,
            "X-Stainless-Lang": "js",
            "X-Stainless-Package-Version": "0.128.0",
            "X-Stainless-Retry-Count": "0",
            "anthropic-beta": _BETAS,
            "anthropic-dangerous-direct-browser-access": "true",
            "anthropic-version": "2023-06-01",
            "x-api-key": "sk-ant-demo",
            "x-app": "cli",
            "x-claude-code-request-class": agent.request_class,
            "x-claude-code-prompt-id": self.prompt_id,
            "x-conduit-project": self._project,
        }
        if agent.type:
            headers["x-claude-code-agent-type"] = agent.type
        if agent.id:
            headers["x-claude-code-agent-id"] = agent.id
        return headers


def codex_ask(session: str, project: str, items: list[dict[str, Any]]) -> Ask:
    """A turn of codex, in OpenAI's responses dialect."""
    tools = [{"type": "function", "name": tool["name"], "parameters": tool["input_schema"]} for tool in _TOOLS[:4]]
    body = {
        "model": scenery.SOL.name,
        "instructions": _SYSTEM,
        "input": items,
        "tools": tools,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": session,
    }
    headers = _openai_headers(project, "codex_exec/0.169.0 (Linux; x86_64)")
    return Ask("/v1/responses", {**headers, "originator": "codex_exec", "session-id": session}, body)


def chat_ask(project: str, prompt: str, *, stream: bool) -> Ask:
    """A chat completion: `llm` streams and wants usage, a script with the SDK does not stream."""
    system = {"role": "system", "content": "Answer in one short paragraph."}
    body: dict[str, Any] = {
        "model": scenery.MINI.name,
        "messages": [system, {"role": "user", "content": prompt}],
        "stream": stream,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    agent = "llm/0.36" if stream else "OpenAI/Python 3.54.0"
    return Ask("/v1/chat/completions", _openai_headers(project, agent), body)


def uuid_of(dice: random.Random) -> str:
    """A version 4 UUID from our own dice."""
    digits = f"{dice.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _openai_headers(project: str, user_agent: str) -> dict[str, str]:
    return {"User-Agent": user_agent, "Authorization": "Bearer sk-demo", "x-conduit-project": project}
