"""What the simulated model says to a request: thinking, text, tool calls, and how many tokens that was."""

import random
import time
from collections.abc import Iterator
from typing import Any

from conduit_tui.demo import scenery
from conduit_tui.demo.dialects import Block, Reply, Text, Thinking, ToolCall, compact
from conduit_tui.demo.prompt_cache import PromptCache
from conduit_tui.domain.usage import Usage

_CHARACTERS_PER_TOKEN = 3.2
_TOOL_SHARE = 0.65  # of answers that call a tool where one is offered


def make_reply(request: dict[str, Any], cache: PromptCache, dice: random.Random, identity: str) -> Reply:
    """A plausible answer to a request of any dialect."""
    model = str(request.get("model"))
    prompt = cache.look_up(model, list(_parts(request)))
    blocks = tuple(_blocks(request, dice))
    thought = sum(_tokens(block.text) for block in blocks if isinstance(block, Thinking))
    said = sum(_tokens(block.text) for block in blocks if isinstance(block, Text))
    called = sum(20 + _tokens(compact(block.arguments)) for block in blocks if isinstance(block, ToolCall))
    speaks_openai = model.startswith("gpt")
    usage = Usage(
        input_tokens=prompt.tokens,
        output_tokens=thought + said + called,
        cache_read_tokens=prompt.read // 128 * 128 if speaks_openai else prompt.read,
        cache_write_5m_tokens=0 if speaks_openai else prompt.written,
        reasoning_tokens=thought,
    )
    return Reply(identity, model, int(time.time()), blocks, usage, "tool" if called else "end")


def token_count(request: dict[str, Any]) -> int:
    """The tokens of a request's prompt."""
    return sum(_tokens(compact(part)) for part in _parts(request))


def _parts(request: dict[str, Any]) -> Iterator[Any]:
    """The prompt in the order in which it is cached. Claude Code's first system block changes from run to run."""
    yield request.get("tools", [])
    system = request.get("system", request.get("instructions", ""))
    yield system[1:] if isinstance(system, list) else system
    turns = request.get("messages", request.get("input", []))
    yield from turns if isinstance(turns, list) else [turns]


def _blocks(request: dict[str, Any], dice: random.Random) -> Iterator[Block]:
    if (request.get("output_config") or {}).get("format"):
        yield Text(compact({"title": "Fix the empty cart in /orders"}))
        return
    tools = [tool.get("name") or tool["function"]["name"] for tool in request.get("tools", ())]
    if request.get("thinking") or request.get("reasoning"):
        yield Thinking(scenery.thinking_text(dice, dice.randint(20, 160)))
    if tools and dice.random() < _TOOL_SHARE:
        if dice.random() < 0.5:
            yield Text(scenery.answer_text(dice, 15))
        name = dice.choice(tools)
        scene = dice.choice(scenery.SCENES)
        if name == "Bash":
            yield ToolCall(name, {"command": dice.choice(scenery.COMMANDS), "description": "Look around"})
        else:
            yield ToolCall(name, {"file_path": dice.choice(scene.files), "limit": dice.choice((50, 200, 2000))})
    else:
        yield Text(scenery.answer_text(dice, int(min(900, 40 + dice.expovariate(1 / 180)))))


def _tokens(text: str) -> int:
    return int(len(text) / _CHARACTERS_PER_TOKEN) + 1
