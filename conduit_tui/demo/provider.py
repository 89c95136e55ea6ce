"""The simulated provider: `python -m conduit_tui.demo.provider` prints {"port": N} and serves until its input ends.

It answers Anthropic's Messages and OpenAI's chat completions and responses as a provider would: after a while, word
by word, with cached prompts, and now and then with an error.
"""

import asyncio
import json
import random
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from conduit_tui.demo.dialects import Reply, anthropic, compact, encode, openai_chat, openai_responses
from conduit_tui.demo.prompt_cache import PromptCache
from conduit_tui.demo.replies import make_reply, token_count
from conduit_tui.demo.scenery import ANTHROPIC_MODELS, MODELS, OPENAI_MODELS, SONNET, dice_of

_FAULTS = (
    (0.015, 429, "This request would exceed your rate limit"),
    (0.006, 529, "Overloaded"),
    (0.004, 500, "Internal server error"),
)
_CUT_SHARE = 0.003  # of streams that end in the middle
_BODY_LIMIT = 64 * 1024 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


class Cut(Exception):
    """The connection ends here."""


class Simulation:
    """One simulated provider; `seed` decides its moods."""

    def __init__(self, seed: int) -> None:
        self._dice = dice_of("provider", seed)
        self._cache = PromptCache()
        self._number = 0
        self._connections: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection."""
        connection = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(OSError, EOFError, asyncio.LimitOverrunError, ValueError, Cut):
            while True:
                method, path, headers = _parse_head(await reader.readuntil(b"\r\n\r\n"))
                length = int(headers.get("content-length", 0))
                if length > _BODY_LIMIT:
                    break
                await self._answer(writer, method, path, headers, await reader.readexactly(length))
                if headers.get("connection", "").lower() == "close":
                    break
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        self._number += 1
        endpoint = path.partition("?")[0]
        speaks_anthropic = "anthropic-version" in headers or "/messages" in endpoint
        names = {"request-id" if speaks_anthropic else "x-request-id": f"req_demo{self._number:08d}"}
        if method != "POST":
            models = ANTHROPIC_MODELS if speaks_anthropic else OPENAI_MODELS
            listing = anthropic.models_body if speaks_anthropic else openai_chat.models_body
            value: Any = listing(tuple(model.name for model in models)) if endpoint.endswith("/models") else {}
            await _send(writer, 200, names, b"" if method == "HEAD" else compact(value).encode())
            return
        request = json.loads(body)
        if endpoint.endswith("/count_tokens"):
            await _send(writer, 200, names, compact({"input_tokens": token_count(request)}).encode())
            return
        dice = dice_of(self._dice.random())
        model = MODELS.get(str(request.get("model")), SONNET)
        await asyncio.sleep(model.first_byte_seconds * dice.lognormvariate(0.0, 0.35))
        if fault := _fault(dice):
            status, text = fault
            if status == 429:
                names["retry-after"] = "2"
            error = (
                anthropic.error_body(status, text, names["request-id"])
                if speaks_anthropic
                else openai_chat.error_body(status, text)
            )
            await _send(writer, status, names, compact(error).encode())
            return
        reply = make_reply(request, self._cache, dice, f"{self._number:06d}{zlib.crc32(body):016x}")
        seconds = (reply.usage.output_tokens if reply.usage else 0) / model.tokens_per_second
        if request.get("stream") is not True:
            await asyncio.sleep(seconds)
            await _send(writer, 200, names, compact(_whole(endpoint, reply)).encode())
            return
        await self._stream(writer, names, list(_events(endpoint, request, reply)), seconds, dice)

    async def _stream(
        self,
        writer: asyncio.StreamWriter,
        names: dict[str, str],
        events: list[bytes],
        seconds: float,
        dice: random.Random,
    ) -> None:
        lines = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **names}
        writer.write(_head(200, {**lines, "transfer-encoding": "chunked"}))
        end = dice.randrange(len(events)) if dice.random() < _CUT_SHARE else -1
        for index, event in enumerate(events):
            if index == end:
                raise Cut
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(seconds / len(events) * dice.uniform(0.5, 1.5))
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _events(endpoint: str, request: dict[str, Any], reply: Reply) -> Iterator[bytes]:
    if endpoint.endswith("/responses"):
        events = openai_responses.stream(reply)
    elif endpoint.endswith("/chat/completions"):
        asked = (request.get("stream_options") or {}).get("include_usage") is True
        events = openai_chat.stream(reply, include_usage=asked)
    else:
        events = anthropic.stream(reply)
    return map(encode, events)


def _whole(endpoint: str, reply: Reply) -> dict[str, Any]:
    if endpoint.endswith("/responses"):
        return openai_responses.response(reply)
    return openai_chat.completion(reply) if endpoint.endswith("/chat/completions") else anthropic.message(reply)


def _fault(dice: random.Random) -> tuple[int, str] | None:
    luck = dice.random()
    for share, status, text in _FAULTS:
        luck -= share
        if luck < 0:
            return status, text
    return None


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    request_line, *lines = head.decode("latin-1").strip().split("\r\n")
    method, path, _ = request_line.split(" ")
    return method, path, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _send(writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: bytes) -> None:
    lines = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    writer.write(_head(status, lines) + body)
    await writer.drain()


async def main() -> None:
    """Serve until standard input ends."""
    simulation = Simulation(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    server = await asyncio.start_server(simulation.connected, "127.0.0.1", 0)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
