"""Sample traffic: a few developers and their agents at work, at a natural pace, until cancelled."""

import asyncio
import random
from collections.abc import Iterator
from itertools import count
from typing import Any

from conduit_tui.demo import scenery
from conduit_tui.demo.clients import Agent, Ask, ClaudeCode, chat_ask, codex_ask, uuid_of
from conduit_tui.demo.post import post

_DEVELOPERS = 4  # with a Claude Code session each
_IN_FLIGHT = 8
_RETRIES = 3
_LEAVE_SHARE = 0.015  # of requests that the user interrupts
_SUBAGENTS = ("Explore", "Explore", "general-purpose")


class Traffic:
    """All that is sent to one gateway; `seed` decides what is said, the answers decide when."""

    def __init__(self, url: str, seed: int = 1) -> None:
        self._url = url
        self._seed = seed
        self._room = asyncio.Semaphore(_IN_FLIGHT)
        self._numbers = count()

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as people:
            for _ in range(_DEVELOPERS):
                people.create_task(self._developer())
            people.create_task(self._codex_user())
            people.create_task(self._scripts())

    async def _developer(self) -> None:
        for number in self._numbers:
            dice = scenery.dice_of(self._seed, "developer", number)
            await asyncio.sleep(dice.uniform(0.0, 2.0))
            await self._claude_session(dice)

    async def _claude_session(self, dice: random.Random) -> None:
        scene = dice.choice(scenery.SCENES)
        client = ClaudeCode(dice, scene.project)
        main = Agent(dice.choice((scenery.OPUS, scenery.OPUS, scenery.SONNET)), "main")
        messages = [_environment(scene)]
        for turn in range(dice.randint(2, 6)):
            prompt = dice.choice(scene.prompts)
            client.prompt_id = uuid_of(dice)
            messages.append({"role": "user", "content": prompt})
            if turn == 0:
                await self._send(client.ask_title(main.model, prompt), dice)
            await self._claude_turn(client, main, messages, scene, dice)
            if dice.random() < 0.2:
                counts = (self._send(client.ask_count(main, messages[: n + 1]), dice) for n in range(6))
                await asyncio.gather(*counts)
            await asyncio.sleep(min(20.0, dice.expovariate(1 / 5.0)))

    async def _claude_turn(
        self, client: ClaudeCode, main: Agent, messages: list[dict[str, Any]], scene: scenery.Scene, dice: random.Random
    ) -> None:
        async with asyncio.TaskGroup() as helpers:
            if dice.random() < 0.4:
                for number in range(dice.randint(1, 3)):
                    kind = dice.choice(_SUBAGENTS)  # they inherit the main agent's model
                    agent = Agent(main.model, kind, "subagent", id=f"{dice.getrandbits(68):017x}")
                    own = scenery.dice_of(dice.random(), number)
                    helpers.create_task(self._subagent(client, agent, scene, own))
            for _ in range(dice.randint(1, 5)):
                if not await self._send(client.ask(main, messages), dice):
                    break
                messages.extend(_tool_turn(scene, dice))
                await asyncio.sleep(dice.uniform(0.1, 1.5))

    async def _subagent(self, client: ClaudeCode, agent: Agent, scene: scenery.Scene, dice: random.Random) -> None:
        messages = [_environment(scene), {"role": "user", "content": f"Find out about {dice.choice(scene.files)}."}]
        for _ in range(dice.randint(2, 5)):
            if not await self._send(client.ask(agent, messages), dice):
                break
            messages.extend(_tool_turn(scene, dice))
            await asyncio.sleep(dice.uniform(0.1, 0.8))

    async def _codex_user(self) -> None:
        for number in count():
            dice = scenery.dice_of(self._seed, "codex", number)
            scene = dice.choice(scenery.SCENES)
            session = uuid_of(dice)
            items: list[dict[str, Any]] = [{"role": "user", "content": dice.choice(scene.prompts)}]
            for turn in range(dice.randint(3, 7)):
                if not await self._send(codex_ask(session, scene.project, items), dice):
                    break
                call = f"call_{number}_{turn}"
                items.append({"type": "function_call", "call_id": call, "name": "Bash", "arguments": "{}"})
                output = scenery.file_text(dice, dice.randint(300, 3_000))
                items.append({"type": "function_call_output", "call_id": call, "output": output})
            await asyncio.sleep(dice.uniform(3.0, 12.0))

    async def _scripts(self) -> None:
        for number in count():
            dice = scenery.dice_of(self._seed, "scripts", number)
            scene = dice.choice(scenery.SCENES)
            prompt = f"Summarize: {scenery.file_text(dice, dice.randint(400, 6_000))}"
            await self._send(chat_ask(scene.project, prompt, stream=dice.random() < 0.5), dice)
            await asyncio.sleep(dice.uniform(2.0, 9.0))

    async def _send(self, ask: Ask, dice: random.Random) -> bool:
        """Send, and again as the clients do when that is worth it; says whether there was an answer."""
        own = scenery.dice_of(dice.random())
        limit = own.randint(500, 4_000) if own.random() < _LEAVE_SHARE else None
        for attempt in range(_RETRIES):
            async with self._room:
                outcome = await post(self._url, ask, leave=lambda received: limit is not None and received > limit)
            if limit is not None or outcome.status == 200:
                return True
            if 400 <= outcome.status < 500 and outcome.status != 429:
                return False
            await asyncio.sleep(outcome.retry_after or 0.5 * 2**attempt * own.uniform(0.75, 1.0))
        return False


def _environment(scene: scenery.Scene) -> dict[str, Any]:
    """What Claude Code says of the place where it works."""
    listing = "\n".join(scene.files)
    return {"role": "user", "content": f"<system-reminder>\nProject {scene.project}\n{listing}\n</system-reminder>"}


def _tool_turn(scene: scenery.Scene, dice: random.Random) -> Iterator[dict[str, Any]]:
    """An assistant's tool call and what the tool brought back."""
    call = f"toolu_{dice.getrandbits(64):016x}"
    use = {"type": "tool_use", "id": call, "name": "Read", "input": {"file_path": dice.choice(scene.files)}}
    result = {
        "type": "tool_result",
        "tool_use_id": call,
        "content": scenery.file_text(dice, int(min(16_000, 400 + dice.expovariate(1 / 2_500)))),
    }
    yield {"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, use]}
    yield {"role": "user", "content": [result]}
