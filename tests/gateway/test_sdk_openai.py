"""The official OpenAI client sees the same through the gateway as directly, in both of its dialects."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.sdk import SCRIPT, Both, plain, run_both, run_both_async

Call = Callable[[openai.OpenAI], Any]

PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
CHAT: dict[str, Any] = {
    "model": "gpt-5.5",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": PICTURE}},
                {"type": "text", "text": "Was ist das? ü"},
            ],
        },
    ],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": PLACE}}],
}
RESPOND: dict[str, Any] = {
    "model": "gpt-6.1-sol",
    "instructions": "Be brief.",
    "input": [
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": PICTURE, "detail": "low"},
                {"type": "input_text", "text": "?"},
            ],
        }
    ],
    "tools": [{"type": "function", "name": "weather", "parameters": PLACE, "strict": True}],
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
}
BLOCKS = {
    "blocks": [
        {"type": "thinking", "text": "A picture, and a question about it; the weather may matter."},
        {"type": "text", "text": "It is a red dot — 红点 — on white."},
        {"type": "tool_use", "name": "weather", "input": {"place": "Zürich", "days": [1, 2.5, None, True]}},
    ],
    "usage": {"input": 900, "cache_read": 640, "output": 77, "reasoning": 21},
}
WITH_USAGE = {"stream_options": {"include_usage": True}}
NO_WAIT = ["retry-after-ms", "1"]
BENDS: list[dict[str, Any]] = [
    {},
    {"segments": {"random": 1}, "chunks": {"random": 2}},
    {"chunks": "byte"},
    {"chunks": "whole"},
    {"crlf": True},
    {"comments": True},
    {"framing": "close"},
    {"informational": [[103, []]]},
    {"usage": "missing"},
    {"usage": {"input": 0, "output": 0}},
    {"encoding": "deflate"},
    {"gap": 0.02},
]


class Clients:
    """The same client twice: to the provider itself, and to the gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        named = {"x-fake-script": SCRIPT}
        self.direct, self.through = (
            openai.OpenAI(api_key="sk-fake", base_url=f"{url}/v1", max_retries=0, default_headers=named)
            for url in (gateway.fake.url, gateway.url)
        )

    def both(self, answers: dict[str, Any] | list[dict[str, Any]], call: Call, **options: Any) -> Both:
        """Make a call with each; `options` change the clients first."""
        script = answers if isinstance(answers, list) else [answers]
        direct, through = (client.with_options(**options) for client in (self.direct, self.through))
        return run_both(self.gateway, script, lambda: call(direct), lambda: call(through))


@pytest.fixture(scope="module")
def clients(gateway: Gateway) -> Iterator[Clients]:
    pair = Clients(gateway)
    with pair.direct, pair.through:
        yield pair


def chunks(client: openai.OpenAI, **more: Any) -> list[Any]:
    with client.chat.completions.create(**CHAT, **more, stream=True) as stream:
        return list(stream)


def events(client: openai.OpenAI, **more: Any) -> list[Any]:
    with client.responses.create(**RESPOND, **more, stream=True) as stream:
        return list(stream)


@pytest.mark.parametrize("bend", BENDS, ids=str)
def test_chat_streams_are_the_same_chunk_by_chunk(clients: Clients, gateway: Gateway, bend: dict[str, Any]) -> None:
    asked = clients.both({**BLOCKS, **bend}, lambda client: chunks(client, **WITH_USAGE)).same_bodies().same()
    if bend.get("usage") != "missing":
        assert asked[-1]["choices"] == []
        assert asked[-1]["usage"]["prompt_tokens"] == bend.get("usage", BLOCKS["usage"])["input"]
    if "encoding" in bend:
        return  # compressed although identity was asked for: the usage chunk cannot be taken out
    before = gateway.new_rows()
    silent = clients.both({**BLOCKS, **bend}, chunks).same()
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in silent)
    assert silent[-1]["choices"][0]["finish_reason"] == "tool_calls"
    row = gateway.wait_rows(before + 1)[before].row
    assert ("estimated" in row.flags) == (bend.get("usage") == "missing")


@pytest.mark.parametrize("bend", BENDS, ids=str)
def test_response_streams_are_the_same_event_by_event(clients: Clients, bend: dict[str, Any]) -> None:
    seen = clients.both({**BLOCKS, **bend}, events).same_bodies().same()
    assert seen[0]["type"] == "response.created"
    assert seen[-1]["type"] == "response.completed"
    assert [item["type"] for item in seen[-1]["response"]["output"]] == ["reasoning", "message", "function_call"]


def test_streaming_helpers_put_the_same_together(clients: Clients) -> None:
    def helped(client: openai.OpenAI) -> list[Any]:
        with client.chat.completions.stream(**{**CHAT, "tools": openai.omit}) as chat:
            kinds = [event.type for event in chat]
            completion = chat.get_final_completion()
        with client.responses.stream(**RESPOND) as stream:
            kinds += [event.type for event in stream]
            return [kinds, completion, stream.get_final_response()]

    kinds, completion, response = clients.both(BLOCKS, helped).same()
    assert completion["choices"][0]["message"]["content"] == BLOCKS["blocks"][1]["text"]  # type: ignore[index]
    assert json.loads(response["output"][2]["arguments"]) == BLOCKS["blocks"][2]["input"]  # type: ignore[index]
    assert {"content.delta", "response.function_call_arguments.done"} <= set(kinds)


def test_whole_answers_are_the_same_and_booked_as_the_client_saw_them(clients: Clients, gateway: Gateway) -> None:
    before = gateway.new_rows()
    completion = clients.both(BLOCKS, lambda client: client.chat.completions.create(**CHAT)).same_bodies().same()
    response = clients.both(BLOCKS, lambda client: client.responses.create(**RESPOND)).same_bodies().same()
    rows = [stored.row for stored in gateway.wait_rows(before + 2)[before:]]
    assert [row.dialect for row in rows] == ["openai-chat", "openai-responses"]
    assert [row.input_tokens for row in rows] == [
        completion["usage"]["prompt_tokens"],
        response["usage"]["input_tokens"],
    ]
    assert [row.output_tokens for row in rows] == [77, 77]
    assert [row.cache_read_tokens for row in rows] == [640, 640]
    assert [row.reasoning_tokens for row in rows] == [21, 21]
    assert all(row.cost_nanodollars > 0 and row.status == 200 for row in rows)


def test_tool_conversations_go_through_in_full(clients: Clients) -> None:
    def converse(client: openai.OpenAI) -> list[Any]:
        first = client.chat.completions.create(**CHAT)
        message = first.choices[0].message
        assert message.tool_calls
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "dry"}
        messages = [*CHAT["messages"], message.model_dump(exclude_none=True), result]
        return [first, client.chat.completions.create(**{**CHAT, "messages": messages})]

    turns = clients.both([BLOCKS, {"text": "It will stay dry."}], converse).same_bodies().same()
    assert turns[1]["choices"][0]["message"]["content"] == "It will stay dry."

    def respond(client: openai.OpenAI) -> list[Any]:
        first = client.responses.create(**RESPOND)
        call = first.output[2]
        assert call.type == "function_call"
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "dry"}
        said = [item.model_dump(exclude_none=True) for item in first.output]
        return [first, client.responses.create(**{**RESPOND, "input": [*RESPOND["input"], *said, result]})]

    turns = clients.both([BLOCKS, {"text": "It will stay dry."}], respond).same_bodies().same()
    assert turns[1]["output"][0]["content"][0]["text"] == "It will stay dry."


def test_models_are_the_same(clients: Clients) -> None:
    models = clients.both({}, lambda client: [*client.models.list()]).same()
    assert "gpt-6.1-sol" in [model["id"] for model in models]
    assert clients.both({}, lambda client: client.models.retrieve("gpt-5.5")).same()["owned_by"] == "openai"


def test_response_headers_are_the_same(clients: Clients) -> None:
    def headers(client: openai.OpenAI) -> list[Any]:
        response = client.responses.with_raw_response.create(**RESPOND)
        known = {
            "date",
            "x-conduit-exchange",
            "x-conduit-decision",
            "connection",
            "content-length",
            "transfer-encoding",
        }
        return [(name, value) for name, value in response.headers.multi_items() if name not in known]

    seen = clients.both({"headers": [["x-ratelimit-remaining-tokens", "149000"]]}, headers).same()
    assert ["x-request-id", "req_fake"] in seen
    assert ["openai-version", "2020-10-01"] in seen
    assert ["x-ratelimit-remaining-tokens", "149000"] in seen


@pytest.mark.parametrize(
    ("status", "kind", "attempts"),
    [
        (400, "BadRequestError", 1),
        (401, "AuthenticationError", 1),
        (402, "APIStatusError", 1),
        (403, "PermissionDeniedError", 1),
        (404, "NotFoundError", 1),
        (408, "APIStatusError", 3),
        (409, "ConflictError", 3),
        (413, "APIStatusError", 1),
        (422, "UnprocessableEntityError", 1),
        (429, "RateLimitError", 3),
        (500, "InternalServerError", 3),
        (503, "InternalServerError", 3),
    ],
)
@pytest.mark.parametrize("call", [chunks, events], ids=["chat", "responses"])
def test_errors_and_their_retries_are_the_same(
    clients: Clients, call: Call, status: int, kind: str, attempts: int
) -> None:
    answer = {"status": status, "message": f"No: {status}", "code": f"code_{status}", "headers": [NO_WAIT]}
    both = clients.both(answer, call, max_retries=2)
    error = both.same_error()
    assert (error["class"], error["status_code"], error["code"]) == (kind, status, f"code_{status}")
    assert f"No: {status}" in error["message"]
    assert error["request_id"] == "req_fake"
    assert len(both.through.requests) == attempts
    counts = [request.header("x-stainless-retry-count") for request in both.through.requests]
    assert counts == [str(number) for number in range(attempts)]


def test_the_provider_decides_on_retries(clients: Clients) -> None:
    never = {"status": 500, "headers": [["x-should-retry", "false"], NO_WAIT]}
    both = clients.both(never, events, max_retries=2)
    assert both.same_error()["headers"]["x-should-retry"] == "false"
    assert len(both.through.requests) == 1
    late = {"status": 429, "code": "insufficient_quota", "headers": [["retry-after", "7200"]]}
    both = clients.both(late, chunks, max_retries=2)
    assert both.same_error()["code"] == "insufficient_quota"
    assert len(both.through.requests) == 1


def test_retry_after_is_waited_for(clients: Clients) -> None:
    both = clients.both([{"status": 429, "headers": [["retry-after", "1"]]}, {}], events, max_retries=1)
    both.same()
    for side in both:
        first, second = side.requests
        assert 0.95 < second.received_at - first.finished_at < 3.0


@pytest.mark.parametrize("call", [chunks, events], ids=["chat", "responses"])
@pytest.mark.parametrize(
    "fault",
    [
        {"error_event": {"after": 4, "status": 500, "message": "Internal"}},
        {"bad_json": 3},
        {"cut": {"body": 1_500}},
        {"cut": {"body": 1_500, "how": "rst"}},
        {"drop_last": 1},
    ],
    ids=str,
)
def test_streams_that_break_break_the_same_way(clients: Clients, call: Call, fault: dict[str, Any]) -> None:
    def until_it_breaks(client: openai.OpenAI) -> list[Any]:
        seen: list[Any] = []
        stream: Any
        if call is chunks:
            stream = client.chat.completions.create(**CHAT, **WITH_USAGE, stream=True)
        else:
            stream = client.responses.create(**RESPOND, stream=True)
        try:
            with stream:
                seen.extend(plain(item) for item in stream)
        except Exception as error:
            kind = "broken off" if "cut" in fault else f"{type(error).__qualname__}: {error}"
            seen.append(kind)
        return seen

    seen = clients.both({"text": "word " * 40, **fault}, until_it_breaks).same()
    assert len(seen) > 1
    assert isinstance(seen[-1], str) == (
        "cut" in fault or "bad_json" in fault or (call is chunks and "error_event" in fault)
    )


def test_a_provider_that_refuses_stream_options_is_asked_without(clients: Clients, gateway: Gateway) -> None:
    old = {**BLOCKS, "refuse_stream_options": True}
    for attempts in (2, 1):  # the second time the gateway remembers
        both = clients.both(old, chunks)
        assert both.direct.seen == both.through.seen
        assert both.direct.seen.value[-1]["choices"][0]["finish_reason"] == "tool_calls"
        assert len(both.through.requests) == attempts
        assert both.through.requests[-1].body == both.direct.requests[0].body
    refused = clients.both(old, lambda client: chunks(client, **WITH_USAGE)).same_error()
    assert (refused["class"], refused["param"]) == ("BadRequestError", "stream_options")


def test_timeouts_are_the_same_and_reach_the_provider(clients: Clients) -> None:
    for answer, call in (({"hang": "before"}, events), ({"hang": 4}, events), ({"hang": 4}, chunks)):
        both = clients.both(answer, call, timeout=1.5)
        assert both.direct.seen.error is not None
        assert both.direct.seen == both.through.seen
        clients.gateway.fake.wait_for(lambda found: found[-1].outcome == "client-left", script=SCRIPT)


@pytest.mark.anyio
async def test_the_asynchronous_client_sees_the_same(gateway: Gateway) -> None:
    async def both_dialects(client: openai.AsyncOpenAI) -> list[Any]:
        async with await client.responses.create(**RESPOND, stream=True) as responses:
            seen = [event async for event in responses]
        async with await client.chat.completions.create(**CHAT, **WITH_USAGE, stream=True) as chat:
            return [seen, [chunk async for chunk in chat]]

    direct, through = (
        openai.AsyncOpenAI(api_key="sk-fake", base_url=f"{url}/v1", default_headers={"x-fake-script": SCRIPT})
        for url in (gateway.fake.url, gateway.url)
    )
    async with direct, through:
        both = await run_both_async(gateway, [BLOCKS], lambda: both_dialects(direct), lambda: both_dialects(through))
    responses, chat = both.same_bodies().same()
    assert responses[-1]["type"] == "response.completed"
    assert chat[-1]["usage"]["completion_tokens"] == 77


@pytest.mark.anyio
async def test_sixty_streams_at_once_are_not_mixed(gateway: Gateway) -> None:
    gateway.fake.reset()
    before = gateway.new_rows()
    async with openai.AsyncOpenAI(api_key="sk-fake", base_url=f"{gateway.url}/v1", max_retries=0) as client:

        async def one(number: int) -> str:
            text = " ".join(f"{number}-{step}" for step in range(60))
            name = f"stream-{number}"
            script = {"text": text, "gap": 0.01, "segments": {"random": number}}
            await asyncio.to_thread(gateway.fake.script, name, script)
            ask: dict[str, Any] = {
                "messages": [{"role": "user", "content": f"Number {number}"}],
                "model": "gpt-5.4-mini",
            }
            stream = await client.chat.completions.create(**ask, stream=True, extra_headers={"x-fake-script": name})
            said = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(said) == text
            return text

        await asyncio.gather(*(one(number) for number in range(60)))
    assert len(gateway.wait_rows(before + 60)) == before + 60
    assert gateway.fake.state()["peak"] > 20
