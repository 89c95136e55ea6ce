"""The official Anthropic client sees the same through the gateway as directly, event by event and field by field."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.sdk import SCRIPT, Both, plain, run_both, run_both_async
from tests.waiting import SOON_SECONDS

Call = Callable[[anthropic.Anthropic], Any]

PICTURE = {
    "type": "image",
    "source": {
        "type": "base64",
        "media_type": "image/png",
        "data": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    },
}
WEATHER = {
    "name": "weather",
    "description": "The weather of a place",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
ASK: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 512,
    "messages": [{"role": "user", "content": "How is the weather in Zürich? 🌦"}],
}
RICH: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "Be brief. " * 300, "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": [PICTURE, {"type": "text", "text": "What is it?"}]}],
    "tools": [WEATHER],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "metadata": {"user_id": "someone"},
}
BLOCKS = {
    "blocks": [
        {"type": "thinking", "text": "A picture, and a question about it; the weather may matter."},
        {"type": "text", "text": "It is a red dot — 红点 — on white."},
        {"type": "tool_use", "name": "weather", "input": {"place": "Zürich", "days": [1, 2.5, None, True]}},
    ],
    "usage": {"cache_read": 600, "cache_write_5m": 100, "cache_write_1h": 50, "reasoning": 21},
}
NO_WAIT = ["retry-after-ms", "1"]


class Clients:
    """The same client twice: to the provider itself, and to the gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.direct = anthropic.Anthropic(api_key="sk-ant-fake", base_url=gateway.fake.url, max_retries=0)
        self.through = anthropic.Anthropic(api_key="sk-ant-fake", base_url=gateway.url, max_retries=0)
        for client in (self.direct, self.through):
            client._custom_headers = {"x-fake-script": SCRIPT}  # type: ignore[assignment]

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


def streamed(client: anthropic.Anthropic, **ask: Any) -> list[Any]:
    """All raw events."""
    with client.messages.create(**(ask or ASK), stream=True) as stream:
        return list(stream)


def helped(client: anthropic.Anthropic, **ask: Any) -> dict[str, Any]:
    """What the streaming helper makes of a stream: its own events, and the message put together."""
    with client.messages.stream(**(ask or ASK)) as stream:
        events = list(stream)
        return {"events": events, "message": stream.get_final_message(), "request": stream.request_id}


@pytest.mark.parametrize(
    "bend",
    [
        {},
        {"segments": {"random": 1}, "chunks": {"random": 2}},
        {"chunks": "byte"},
        {"chunks": "whole"},
        {"crlf": True},
        {"comments": True},
        {"split_data": True},
        {"unknown_events": True},
        {"html": 3},
        {"framing": "close"},
        {"informational": [[103, [["link", "</x>"]]]]},
        {"usage": {"input": 0, "output": 0}},
        {"cumulative": 4},
        {"encoding": "gzip"},
        {"gap": 0.02},
    ],
    ids=str,
)
def test_streams_are_the_same_event_by_event(clients: Clients, bend: dict[str, Any]) -> None:
    events = clients.both({**BLOCKS, **bend}, lambda client: streamed(client, **RICH)).same_bodies().same()
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "message_stop"
    kinds = {event["delta"]["type"] for event in events if event["type"] == "content_block_delta"}
    assert kinds == {"thinking_delta", "signature_delta", "text_delta", "input_json_delta"}


def test_the_streaming_helper_puts_the_same_message_together(clients: Clients) -> None:
    seen = clients.both(BLOCKS, lambda client: helped(client, **RICH)).same()
    assert seen["message"]["content"][2]["input"] == BLOCKS["blocks"][2]["input"]  # type: ignore[index]
    assert seen["message"]["stop_reason"] == "tool_use"
    assert seen["request"] == "req_fake"


def test_messages_are_the_same_and_booked_as_the_client_saw_them(clients: Clients, gateway: Gateway) -> None:
    before = gateway.new_rows()
    message = clients.both(BLOCKS, lambda client: client.messages.create(**RICH)).same_bodies().same()
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use"]
    row = gateway.wait_rows(before + 1)[before].row
    usage = message["usage"]
    assert row.cache_read_tokens == usage["cache_read_input_tokens"] == 600
    assert (row.cache_write_5m_tokens, row.cache_write_1h_tokens) == (100, 50)
    assert row.input_tokens == usage["input_tokens"] + 750
    assert row.output_tokens == usage["output_tokens"]
    assert row.cost_nanodollars > 0
    assert (row.requested_model, row.status, row.error_type) == ("claude-sonnet-5-5", 200, "")


def test_a_tool_conversation_goes_through_in_full(clients: Clients) -> None:
    def converse(client: anthropic.Anthropic) -> list[Any]:
        messages: list[Any] = list(RICH["messages"])
        first = client.messages.create(**RICH)
        call = first.content[2]
        assert call.type == "tool_use"
        result = {"type": "tool_result", "tool_use_id": call.id, "content": [PICTURE, {"type": "text", "text": "dry"}]}
        messages += [first.to_param(), {"role": "user", "content": [result]}]
        return [first, client.messages.create(**{**RICH, "messages": messages})]

    answers = [BLOCKS, {"text": "It will stay dry."}]
    messages = clients.both(answers, converse).same_bodies().same()
    assert messages[1]["content"][0]["text"] == "It will stay dry."


def test_token_counts_and_models_are_the_same(clients: Clients) -> None:
    ask = {key: RICH[key] for key in ("model", "messages", "system", "tools")}
    counted = clients.both({}, lambda client: client.messages.count_tokens(**ask)).same_bodies().same()
    assert counted["input_tokens"] > 1_500
    models = clients.both({}, lambda client: [*client.models.list(limit=1000)]).same()
    assert "claude-opus-5-5" in [model["id"] for model in models]
    one = clients.both({}, lambda client: client.models.retrieve("claude-haiku-5-5")).same()
    assert one["display_name"] == "Claude Haiku 5 5"
    missing = clients.both({}, lambda client: client.models.retrieve("claude-none")).same_error()
    assert missing["class"] == "NotFoundError"


def test_response_headers_are_the_same(clients: Clients) -> None:
    def headers(client: anthropic.Anthropic) -> list[Any]:
        response = client.messages.with_raw_response.create(**ASK)
        known = {
            "date",
            "x-conduit-exchange",
            "x-conduit-decision",
            "connection",
            "content-length",
            "transfer-encoding",
        }
        return [(name, value) for name, value in response.headers.multi_items() if name not in known]

    extra = [["Set-Cookie", "a=1"], ["set-cookie", "b=2"], ["anthropic-ratelimit-tokens-remaining", "79000"]]
    seen = clients.both({"headers": extra}, headers).same()
    assert ["set-cookie", "b=2"] in seen
    assert ["request-id", "req_fake"] in seen


@pytest.mark.parametrize(
    ("status", "kind", "attempts"),
    [
        (400, "BadRequestError", 1),
        (401, "AuthenticationError", 1),
        (402, "PaymentRequiredError", 1),
        (403, "PermissionDeniedError", 1),
        (404, "NotFoundError", 1),
        (408, "RequestTimeoutError", 3),
        (409, "ConflictError", 3),
        (413, "ContentTooLargeError", 1),
        (422, "UnprocessableEntityError", 1),
        (429, "RateLimitError", 3),
        (500, "InternalServerError", 3),
        (501, "HTTPNotImplementedError", 3),
        (503, "ServiceUnavailableError", 3),
        (504, "GatewayTimeoutError", 3),
        (529, "OverloadedError", 3),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_and_their_retries_are_the_same(
    clients: Clients, status: int, kind: str, attempts: int, stream: bool
) -> None:
    answer = {"status": status, "message": f"No: {status}", "headers": [NO_WAIT]}
    both = clients.both(answer, lambda client: client.messages.create(**ASK, stream=stream), max_retries=2)
    error = both.same_error()
    assert error["class"] == kind
    assert error["status_code"] == status
    assert error["api_message"] == f"No: {status}"
    assert error["request_id"] == "req_fake"
    assert len(both.through.requests) == attempts
    counts = [request.header("x-stainless-retry-count") for request in both.through.requests]
    assert counts == [str(number) for number in range(attempts)]


def test_the_provider_decides_on_retries(clients: Clients) -> None:
    never = {"status": 529, "headers": [["x-should-retry", "false"], NO_WAIT]}
    both = clients.both(never, lambda client: client.messages.create(**ASK), max_retries=2)
    assert both.same_error()["headers"]["x-should-retry"] == "false"
    assert len(both.through.requests) == 1
    always = [{"status": 400, "headers": [["x-should-retry", "true"], NO_WAIT]}, BLOCKS]
    both = clients.both(always, lambda client: client.messages.create(**ASK), max_retries=2)
    assert both.same()["role"] == "assistant"
    assert len(both.through.requests) == 2


def test_retry_after_is_waited_for(clients: Clients) -> None:
    answers = [{"status": 429, "headers": [["retry-after", "1"]]}, {}]
    both = clients.both(answers, lambda client: client.messages.create(**ASK), max_retries=1)
    both.same()
    for side in both:
        first, second = side.requests
        assert 0.95 < second.received_at - first.finished_at < 3.0


def test_html_errors_are_the_same(clients: Clients) -> None:
    answer = {"status": 502, "raw_body": "<html>Bad gateway</html>"}
    error = clients.both(answer, lambda client: client.messages.create(**ASK)).same_error()
    assert error["class"] == "InternalServerError"
    assert error["body"] == "<html>Bad gateway</html>"


@pytest.mark.parametrize(
    "fault",
    [
        {"error_event": {"after": 4, "status": 529, "message": "Overloaded"}},
        {"error_event": {"after": 1, "status": 500, "message": "Internal"}},
        {"bad_json": 3},
        {"cut": {"body": 700}},
        {"cut": {"body": 700, "how": "rst"}},
        {"cut": {"pieces": 2}},
    ],
    ids=str,
)
def test_streams_that_break_break_the_same_way(clients: Clients, fault: dict[str, Any]) -> None:
    def until_it_breaks(client: anthropic.Anthropic) -> list[Any]:
        events: list[Any] = []
        try:
            with client.messages.create(**ASK, stream=True) as stream:
                events.extend(plain(event) for event in stream)
        except Exception as error:
            kind = "broken off" if "cut" in fault else type(error).__qualname__
            events.append((kind, None if "cut" in fault else str(error)))
        return events

    events = clients.both({"text": "word " * 40, **fault}, until_it_breaks).same()
    assert isinstance(events[-1], list)
    assert len(events) > 1


def test_a_connection_that_breaks_before_the_answer_is_retried(clients: Clients) -> None:
    both = clients.both(
        [{"cut": {"wire": 0}}, {"cut": {"wire": 0}}, {"text": "third time lucky"}],
        lambda client: client.messages.create(**ASK),
        max_retries=3,
    )
    assert both.direct.seen == both.through.seen
    assert both.through.seen.value["content"][0]["text"] == "third time lucky"


def test_timeouts_are_the_same_and_reach_the_provider(clients: Clients) -> None:
    both = clients.both({"hang": "before"}, lambda client: client.messages.create(**ASK), timeout=1.5)
    assert both.same_error()["class"] == "APITimeoutError"
    (request,) = clients.gateway.fake.wait_for(lambda found: found[0].outcome == "client-left", script=SCRIPT)
    assert request.client_left_at - request.body_at < SOON_SECONDS
    both = clients.both({"hang": 4}, streamed, timeout=1.5)
    assert both.same_error()["class"] == both.direct.seen.error["class"]  # type: ignore[index]
    clients.gateway.fake.wait_for(lambda found: found[0].outcome == "client-left", script=SCRIPT)


def test_leaving_a_stream_closes_it_at_the_provider(clients: Clients) -> None:
    def leave(client: anthropic.Anthropic) -> list[Any]:
        with client.messages.create(**ASK, stream=True) as stream:
            return [next(stream), next(stream)]

    left = time.monotonic()
    assert len(clients.both({"words": 5_000, "gap": 0.1}, leave).same()) == 2
    (request,) = clients.gateway.fake.wait_for(lambda found: found[0].outcome == "client-left", script=SCRIPT)
    assert request.client_left_at - left < SOON_SECONDS


def test_a_hundred_kilobytes_in_and_out(clients: Clients) -> None:
    ask = {**ASK, "messages": [{"role": "user", "content": "é" * 100_000}]}
    both = clients.both({"words": 12_000}, lambda client: client.messages.create(**ask)).same_bodies()
    assert len(both.same()["content"][0]["text"]) > 100_000


@pytest.mark.anyio
async def test_the_asynchronous_client_sees_the_same(gateway: Gateway) -> None:
    async def events(client: anthropic.AsyncAnthropic) -> list[Any]:
        async with await client.messages.create(**RICH, stream=True) as stream:
            return [event async for event in stream]

    named = {"x-fake-script": SCRIPT}
    direct = anthropic.AsyncAnthropic(api_key="sk-ant-fake", base_url=gateway.fake.url, default_headers=named)
    through = anthropic.AsyncAnthropic(api_key="sk-ant-fake", base_url=gateway.url, default_headers=named)
    async with direct, through:
        both = await run_both_async(gateway, [BLOCKS], lambda: events(direct), lambda: events(through))
    assert both.same_bodies().same()[-1]["type"] == "message_stop"
    assert both.through.requests[0].header("authorization") == "Bearer sk-ant-fake"
    assert both.through.requests[0].header("x-stainless-async") == "async:asyncio"


@pytest.mark.anyio
async def test_sixty_streams_at_once_are_not_mixed(gateway: Gateway) -> None:
    gateway.fake.reset()
    before = gateway.new_rows()
    async with anthropic.AsyncAnthropic(api_key="sk-ant-fake", base_url=gateway.url, max_retries=0) as client:

        async def one(number: int) -> anthropic.types.Message:
            text = " ".join(f"{number}-{step}" for step in range(60))
            name = f"stream-{number}"
            await asyncio.to_thread(
                gateway.fake.script, name, {"text": text, "gap": 0.01, "segments": {"random": number}}
            )
            ask = {**ASK, "messages": [{"role": "user", "content": f"Number {number}"}]}
            async with client.messages.stream(**ask, extra_headers={"x-fake-script": name}) as stream:
                message = await stream.get_final_message()
            assert message.content[0].text == text  # type: ignore[union-attr]
            return message

        messages = await asyncio.gather(*(one(number) for number in range(60)))
    assert len({message.id for message in messages}) == 60
    rows = [stored.row for stored in gateway.wait_rows(before + 60)[before:]]
    assert sorted(row.output_tokens for row in rows) == sorted(message.usage.output_tokens for message in messages)
    assert gateway.fake.state()["peak"] > 20
