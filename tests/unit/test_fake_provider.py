"""The fake provider is itself exact: official clients read it, and every fault is the one that was asked for."""

import contextlib
import gzip
import hashlib
import json
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.providers import FakeProvider

HELLO: dict[str, Any] = {"model": "claude-opus-5-5", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"name": "look", "description": "Look", "input_schema": {"type": "object", "properties": {}}}
BLOCKS = [
    {"type": "thinking", "text": "The user greets; a look around will help."},
    {"type": "text", "text": "Let me look 👀."},
    {"type": "tool_use", "name": "look", "input": {"where": "über all", "depth": 3}},
]


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def fake(provider: FakeProvider) -> FakeProvider:
    provider.reset()
    return provider


@pytest.fixture
def claude(fake: FakeProvider) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sk-ant-fake", base_url=fake.url, max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(fake: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-fake", base_url=f"{fake.url}/v1", max_retries=0) as client:
        yield client


def send(fake: FakeProvider, body: dict[str, Any], script: str = "", path: str = "/v1/messages") -> socket.socket:
    """Send a request over a raw socket and leave the answer on it."""
    data = json.dumps(body).encode()
    named = f"x-fake-script: {script}\r\n" if script else ""
    connection = socket.create_connection(("127.0.0.1", fake.port), timeout=40)
    head = f"POST {path} HTTP/1.1\r\nHost: fake\r\n{named}content-length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


def exchange(fake: FakeProvider, body: dict[str, Any], script: str = "", path: str = "/v1/messages") -> bytes:
    """Everything that comes back until the provider closes."""
    with contextlib.closing(send(fake, body, script, path)) as connection:
        received = b""
        while data := connection.recv(65536):
            received += data
        return received


def unchunk(wire: bytes) -> bytes:
    body, rest = b"", wire.partition(b"\r\n\r\n")[2]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def test_anthropic_stream_and_message_say_the_same(fake: FakeProvider, claude: anthropic.Anthropic) -> None:
    named = fake.script("blocks", {"blocks": BLOCKS, "usage": {"input": 900, "cache_read": 500, "cache_write_1h": 100}})
    with claude.messages.stream(**HELLO, tools=[TOOL], extra_headers=named) as stream:
        kinds = [event.type for event in stream]
        streamed = stream.get_final_message()
    whole = claude.messages.create(**HELLO, tools=[TOOL], extra_headers=named)
    assert streamed.to_dict(mode="json")["content"] == whole.to_dict(mode="json")["content"]
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use"]
    assert whole.stop_reason == streamed.stop_reason == "tool_use"
    assert whole.usage.input_tokens == streamed.usage.input_tokens == 300
    assert whole.usage.cache_creation is not None
    assert whole.usage.cache_creation.ephemeral_1h_input_tokens == 100
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert {"thinking", "signature", "text", "input_json"} <= set(kinds)


def test_chat_stream_and_completion_say_the_same(fake: FakeProvider, gpt: openai.OpenAI) -> None:
    named = fake.script("blocks", {"blocks": BLOCKS})
    ask: dict[str, Any] = {
        "model": "gpt-5.5",
        "messages": HELLO["messages"],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}],
        "extra_headers": named,
    }
    whole = gpt.chat.completions.create(**ask)
    silent = list(gpt.chat.completions.create(**ask, stream=True))
    asked = list(gpt.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
    assert all(chunk.usage is None for chunk in silent)
    assert asked[-1].usage == whole.usage
    assert asked[-1].choices == []
    deltas = [chunk.choices[0].delta for chunk in silent]
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    arguments = "".join(call.function.arguments for delta in deltas for call in delta.tool_calls or ())
    assert json.loads(arguments) == BLOCKS[2]["input"]
    assert whole.choices[0].finish_reason == silent[-1].choices[0].finish_reason == "tool_calls"


def test_responses_stream_and_response_say_the_same(fake: FakeProvider, gpt: openai.OpenAI) -> None:
    named = fake.script("blocks", {"blocks": BLOCKS, "usage": {"input": 100, "cache_read": 40, "reasoning": 7}})
    ask: dict[str, Any] = {
        "model": "gpt-6.1-sol",
        "input": "hi",
        "tools": [{"type": "function", "name": "look", "parameters": {}, "strict": False}],
        "extra_headers": named,
    }
    whole = gpt.responses.create(**ask)
    events = list(gpt.responses.create(**ask, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert events[-1].response == whole
    assert [item.type for item in whole.output] == ["reasoning", "message", "function_call"]
    assert whole.usage is not None
    assert whole.usage.input_tokens_details.cached_tokens == 40
    assert whole.usage.output_tokens_details.reasoning_tokens == 7
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == whole.output_text == BLOCKS[1]["text"]


def test_models_and_token_counts(claude: anthropic.Anthropic, gpt: openai.OpenAI) -> None:
    assert "claude-opus-5-5" in [model.id for model in claude.models.list()]
    assert "gpt-5.5" in [model.id for model in gpt.models.list()]
    little = claude.messages.count_tokens(model="claude-opus-5-5", messages=HELLO["messages"]).input_tokens
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" * 9}}
    seen: list[Any] = [{"role": "user", "content": [image, {"type": "text", "text": "hi"}]}]
    assert claude.messages.count_tokens(model="claude-opus-5-5", messages=seen).input_tokens > little + 1_000


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.OverloadedError),
    ],
)
def test_errors_have_the_provider_s_shape(
    fake: FakeProvider, claude: anthropic.Anthropic, status: int, kind: type[anthropic.APIStatusError]
) -> None:
    named = fake.script("bad", {"status": status, "message": "No.", "headers": [["retry-after", "7"]]})
    with pytest.raises(kind) as caught:
        claude.messages.create(**HELLO, extra_headers=named)
    assert caught.value.api_message == "No."
    assert caught.value.request_id == f"req_fake{fake.requests()[0].number:08d}"
    assert caught.value.response.headers["retry-after"] == "7"


def test_scripts_go_on_and_stay_at_the_last_answer(fake: FakeProvider, claude: anthropic.Anthropic) -> None:
    named = fake.script("steps", {"status": 529}, {"text": "second"}, {"text": "last"})
    with pytest.raises(anthropic.OverloadedError):
        claude.messages.create(**HELLO, extra_headers=named)
    said = [claude.messages.create(**HELLO, extra_headers=named).content[0].text for _ in range(3)]
    assert said == ["second", "last", "last"]


def test_scripts_by_turn_and_by_marker(fake: FakeProvider, claude: anthropic.Anthropic) -> None:
    fake.script("turns", {"text": "first"}, {"text": "after one answer"}, select="turn")
    user: Any = {"role": "user", "content": "[[script:turns]] hello"}
    first = claude.messages.create(**{**HELLO, "messages": [user]})
    again = claude.messages.create(**{**HELLO, "messages": [user]})
    later = claude.messages.create(**{**HELLO, "messages": [user, first.to_param(), user]})
    assert [m.content[0].text for m in (first, again, later)] == ["first", "first", "after one answer"]
    assert first.id == again.id != later.id


def test_unknown_scripts_and_keys_are_refused(fake: FakeProvider, claude: anthropic.Anthropic) -> None:
    with pytest.raises(ValueError, match="ttfb"):
        fake.script("typo", {"ttfb": 1})
    with pytest.raises(anthropic.BadRequestError, match="no script 'absent'"):
        claude.messages.create(**HELLO, extra_headers={"x-fake-script": "absent"})


def test_requests_are_recorded_byte_for_byte(fake: FakeProvider) -> None:
    body = b'{"model": "m",  "messages": [], "n": 1e2}'
    with socket.create_connection(("127.0.0.1", fake.port), timeout=40) as connection:
        head = b"POST /v1/messages?beta=true HTTP/1.1\r\nhOsT: fake\r\nX-Twice: 1\r\nx-twice: \xff2\r\n"
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.sendall(
            b"5;x=y\r\n" + body[:5] + b"\r\n%x\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\nt: 1\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    (request,) = fake.requests()
    assert request.head == head + b"Transfer-Encoding: chunked\r\n\r\n"
    assert request.headers[:3] == [("hOsT", "fake"), ("X-Twice", "1"), ("x-twice", "ÿ2")]
    assert request.body == body
    assert request.body_sha256 == hashlib.sha256(body).hexdigest()
    assert request.received_at <= request.body_at <= request.first_byte_at <= request.finished_at <= time.monotonic()


@pytest.mark.parametrize("segments", ["byte", 7, {"random": 1}, {"random": 2}])
@pytest.mark.parametrize("chunks", ["byte", "whole", {"random": 3}])
def test_torn_streams_are_the_same_stream(fake: FakeProvider, segments: Any, chunks: Any) -> None:
    fake.script("torn", {"segments": segments, "chunks": chunks, "close": True})
    fake.script("plain", {"close": True})
    body = {**HELLO, "stream": True}
    torn, plain = exchange(fake, body, "torn"), exchange(fake, body, "plain")
    assert unchunk(torn) == unchunk(plain)
    assert fake.requests("torn")[0].answer_sha256 == hashlib.sha256(unchunk(plain)).hexdigest()


def test_bent_event_streams(fake: FakeProvider) -> None:
    body = {**HELLO, "stream": True}

    def bent(**script: Any) -> bytes:
        fake.script("bent", {"close": True, **script})
        return unchunk(exchange(fake, body, "bent"))

    plain = bent()
    assert bent(crlf=True) == plain.replace(b"\n", b"\r\n")
    assert bent(cr=True) == plain.replace(b"\n", b"\r")
    assert bent(bom=True) == b"\xef\xbb\xbf" + plain
    assert b"event:" not in bent(event_lines=False)
    assert bent(comments=True).startswith(b": keep-alive\n\nevent: message_start")
    assert b"event: from_the_future" in bent(unknown_events=True)
    assert b'data: {"type":"broken"\n\n' in bent(bad_json=2)
    assert b"<html>" in bent(html=2)
    assert b"message_stop" not in bent(drop_last=1)
    assert bent(error_event={"after": 3}).endswith(
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    )
    assert b"usage" not in bent(usage="missing")
    assert bent(cumulative=3).count(b"event: message_delta") == 4
    assert b'"usage":{"output_tokens":-5}' in bent(
        usage_native={"message_start": {}, "message_delta": {"output_tokens": -5}}
    )


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_cuts_come_after_exactly_so_many_bytes(fake: FakeProvider, how: str) -> None:
    for unit, amount in (("wire", 100), ("body", 100), ("pieces", 3)):
        fake.script("cut", {"cut": {unit: amount, "how": how}})
        received, reset = b"", False
        with contextlib.closing(send(fake, {**HELLO, "stream": True}, "cut")) as connection:
            try:
                while data := connection.recv(65536):
                    received += data
            except ConnectionResetError:
                reset = True
        assert reset == (how == "rst")
        (request,) = fake.wait_for(lambda found: found and found[-1].outcome == "cut", script="cut")[-1:]
        assert request.wire_bytes == len(received)
        if unit == "wire":
            assert len(received) == 100
        else:
            assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(("encoding", "decode"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_content_codings(fake: FakeProvider, encoding: str, decode: Any) -> None:
    fake.script("packed", {"encoding": encoding, "close": True})
    fake.script("plain", {"close": True})
    body = {**HELLO, "stream": True}
    assert decode(unchunk(exchange(fake, body, "packed"))) == unchunk(exchange(fake, body, "plain"))


def test_close_delimited_and_informational_answers(fake: FakeProvider) -> None:
    fake.script("old", {"framing": "close", "informational": [[103, [["link", "</x>"]]], [102, []]]})
    early, processing, head, body = exchange(fake, HELLO, "old").split(b"\r\n\r\n", 3)
    assert early == b"HTTP/1.1 103 Early Hints\r\nlink: </x>"
    assert processing == b"HTTP/1.1 102 Processing"
    assert b"content-length" not in head
    assert b"transfer-encoding" not in head
    assert json.loads(body)["role"] == "assistant"


def test_early_answers_and_hanging_ones(fake: FakeProvider) -> None:
    fake.script("early", {"early": True, "status": 413})
    with socket.create_connection(("127.0.0.1", fake.port), timeout=40) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nx-fake-script: early\r\ncontent-length: 4\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
        connection.sendall(b"body")
        fake.wait_for(lambda found: found[0].outcome == "answered" and found[0].body == b"body", script="early")
    fake.script("hang", {"hang": "before"})
    with contextlib.closing(send(fake, HELLO, "hang")):
        fake.wait_for(lambda found: found and found[0].body_at, script="hang")
        assert fake.state()["active"] == 1
        before = time.monotonic()
    (request,) = fake.wait_for(lambda found: found[0].outcome == "client-left", script="hang")
    assert before <= request.client_left_at <= request.finished_at
    assert request.wire_bytes == 0


def test_clients_that_leave_in_the_middle_are_noticed(fake: FakeProvider) -> None:
    fake.script("slow", {"words": 1_000, "gap": 0.01})
    with contextlib.closing(send(fake, {**HELLO, "stream": True}, "slow")) as connection:
        assert connection.recv(100)
    (request,) = fake.wait_for(lambda found: found[0].outcome == "client-left", script="slow")
    assert request.answer_bytes > 0
    assert fake.state()["active"] == 0


def test_stream_options_can_be_refused(fake: FakeProvider, gpt: openai.OpenAI) -> None:
    named = fake.script("old", {"refuse_stream_options": True})
    ask: dict[str, Any] = {"model": "m", "messages": HELLO["messages"], "stream": True, "extra_headers": named}
    with pytest.raises(openai.BadRequestError) as caught:
        gpt.chat.completions.create(**ask, stream_options={"include_usage": True})
    assert caught.value.param == "stream_options"
    assert len(list(gpt.chat.completions.create(**ask))) > 2


def test_a_compressed_bomb_is_small_on_the_wire(fake: FakeProvider) -> None:
    fake.script("bomb", {"bomb": 64 << 20, "close": True})
    wire = exchange(fake, HELLO, "bomb")
    assert len(wire) < 1 << 20
    assert zlib.decompressobj(wbits=31).decompress(wire.partition(b"\r\n\r\n")[2], 1 << 16) == b" " * (1 << 16)
