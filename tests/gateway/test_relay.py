"""What comes back through the gateway is what the provider sent, and what reaches the provider is what was sent."""

import json
import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, Answer, ask, chat, message, response
from tests.providers import FakeProvider

ROUTES = [
    ("/v1/messages", message, ANTHROPIC_HEADERS),
    ("/v1/chat/completions", chat, OPENAI_HEADERS),
    ("/v1/responses", response, OPENAI_HEADERS),
]
VOLATILE = {
    "date",
    "x-conduit-exchange",
    "x-conduit-decision",
    "connection",
    "transfer-encoding",
    "content-length",
    "keep-alive",
}


def through_and_direct(
    gateway: Gateway, target: str, body: bytes | dict[str, object], headers: dict[str, str]
) -> tuple[Answer, Answer]:
    return alike(ask(gateway.port, "POST", target, body, headers)), alike(
        ask(gateway.fake.port, "POST", target, body, headers)
    )


def alike(answer: Answer) -> Answer:
    """An answer without the number that the fake provider gives each request."""
    headers = [(name, re.sub(r"req_fake\d+", "req_fake", value)) for name, value in answer.headers]
    return Answer(answer.status, headers, re.sub(rb"req_fake\d+", b"req_fake", answer.body))


def lasting(answer: Answer) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers if name.lower() not in VOLATILE]


@pytest.mark.parametrize(("target", "make", "headers"), ROUTES)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_comes_back_untouched(gateway: Gateway, target, make, headers, stream: bool) -> None:  # type: ignore[no-untyped-def]
    body = make("an answer untouched", stream=stream)
    if stream and make is chat:
        body["stream_options"] = {"include_usage": True}
    through, direct = through_and_direct(gateway, target, body, headers)
    assert through.status == direct.status == 200
    assert through.body == direct.body
    assert lasting(through) == lasting(direct)
    assert through.header("x-conduit-exchange")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429, 500, 503, 529])
@pytest.mark.parametrize(("target", "make", "headers"), ROUTES)
def test_errors_come_back_untouched(gateway: Gateway, target, make, headers, status: int) -> None:  # type: ignore[no-untyped-def]
    named = gateway.fake.script(
        "error", {"status": status, "message": "said by the provider", "headers": [["retry-after", "7"]]}
    )
    through, direct = through_and_direct(gateway, target, make(), headers | named)
    assert through.status == direct.status == status
    assert through.body == direct.body
    assert lasting(through) == lasting(direct)
    assert through.header("retry-after") == "7"


def test_a_request_reaches_the_provider_byte_for_byte(gateway: Gateway) -> None:
    body = (
        b'{ "max_tokens": 64,\t"unknown_field": [1, 1.50, -0.0, "\\u00e9\\/"], "model" : "claude-opus-5-5",\n'
        b'"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]},'
        b'{"role":"system","content":"entries of this role are sent by Claude Code"}] }'
    )
    headers = ANTHROPIC_HEADERS | {
        "Anthropic-Beta": "claude-code-20250219,never-heard-of-2027-01-01",
        "X-Stainless-Retry-Count": "0",
        "x-unknown-header": "kept",
        "User-Agent": "claude-cli/2.1.330 (external, sdk-cli)",
    }
    gateway.fake.reset()
    assert ask(gateway.port, "POST", "/p/docs/v1/messages?beta=true", body, headers).status == 200
    (seen,) = gateway.fake.requests()
    assert seen.body == body
    assert seen.target == "/v1/messages?beta=true"
    sent = [(name, value) for name, value in headers.items() if name.lower() != "accept-encoding"]
    assert [pair for pair in seen.headers if pair in sent] == sent
    assert seen.header("host") == f"127.0.0.1:{gateway.fake.port}"


def test_what_must_not_travel_does_not(gateway: Gateway) -> None:
    headers = ANTHROPIC_HEADERS | {
        "Cookie": "a=b",
        "Proxy-Authorization": "Basic eDp5",
        "X-Conduit-Project": "docs",
        "X-Conduit-Anything": "1",
        "Connection": "keep-alive, X-Named",
        "X-Named": "hop",
        "TE": "trailers",
        "Accept-Encoding": "gzip;q=1.0, br, zstd, deflate",
    }
    gateway.fake.reset()
    assert ask(gateway.port, "POST", "/v1/messages", message(), headers).status == 200
    (seen,) = gateway.fake.requests()
    names = {name.lower() for name, _ in seen.headers}
    assert not names & {"cookie", "proxy-authorization", "te", "x-named", "connection"}
    assert not [name for name in names if name.startswith("x-conduit") and name != "x-conduit-via"]
    assert seen.header("accept-encoding") == "gzip;q=1.0, deflate"
    assert seen.header("x-api-key") == "sk-ant-fake"


def test_streams_ask_for_identity(gateway: Gateway) -> None:
    gateway.fake.reset()
    headers = ANTHROPIC_HEADERS | {"Accept-Encoding": "gzip, br"}
    assert ask(gateway.port, "POST", "/v1/messages", message(stream=True), headers).status == 200
    assert gateway.fake.requests()[0].header("accept-encoding") == "identity"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_passes_as_it_is_and_is_metered(gateway: Gateway, encoding: str) -> None:
    before = gateway.new_rows()
    named = gateway.fake.script("compressed", {"encoding": encoding, "usage": {"input": 321, "output": 45}})
    headers = ANTHROPIC_HEADERS | named | {"accept-encoding": "gzip, deflate"}
    through, direct = through_and_direct(gateway, "/v1/messages", message(), headers)
    assert through.body == direct.body
    assert through.header("content-encoding") == encoding
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.input_tokens, row.output_tokens, row.flags) == (321, 45, "")


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("chunks", ["byte", "whole", "event"])
def test_however_the_answer_is_framed(gateway: Gateway, framing: str, chunks: str) -> None:
    named = gateway.fake.script("framed", {"framing": framing, "chunks": chunks, "text": "naïve 漢字 🙂"})
    for stream in (False, True):
        body = message(stream=stream)
        through, direct = through_and_direct(gateway, "/v1/messages", body, ANTHROPIC_HEADERS | named)
        assert through.body == direct.body


@pytest.mark.parametrize(
    "bent",
    [
        {"crlf": True},
        {"cr": True},
        {"bom": True},
        {"comments": True},
        {"split_data": True},
        {"unknown_events": True},
        {"event_lines": False},
        {"bad_json": 3},
        {"html": 2},
        {"error_event": {"after": 4, "status": 529, "message": "overloaded"}},
        {"drop_last": 2},
        {"early": True},
    ],
    ids=lambda bent: next(iter(bent)),
)
def test_however_the_stream_is_bent(gateway: Gateway, bent: dict[str, object]) -> None:
    named = gateway.fake.script("bent", bent)
    through, direct = through_and_direct(gateway, "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | named)
    assert through.body == direct.body
    assert through.status == direct.status


def test_interim_answers_are_not_taken_for_the_answer(gateway: Gateway) -> None:
    """Twice, so that a connection pooled too early would show."""
    named = gateway.fake.script("interim", {"informational": [[103, [["link", "</x>"]]], [100, []]]})
    for _ in range(2):
        answer = ask(gateway.port, "POST", "/v1/messages", message(stream=True), ANTHROPIC_HEADERS | named)
        assert (answer.status, answer.body.count(b"message_stop")) == (200, 2)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), dialect=st.integers(0, 2), text=st.text(max_size=60), crlf=st.booleans())
def test_a_stream_cut_anywhere_arrives_whole_and_is_metered_equal(
    gateway: Gateway, seed: int, dialect: int, text: str, crlf: bool
) -> None:
    """Random pieces on the wire, single bytes among them, inside characters, line ends and chunk heads."""
    target, make, headers = ROUTES[dialect]
    output = random.Random(seed).randrange(1, 5000)
    usage = {"input": 1234, "output": output, "cache_read": 1000}
    script = {"text": text, "usage": usage, "crlf": crlf, "chunks": {"random": seed}, "segments": {"random": seed + 1}}
    named = gateway.fake.script("cut", script)
    body = make(stream=True)
    if make is chat:
        body["stream_options"] = {"include_usage": True}
    before = gateway.new_rows()
    through, direct = through_and_direct(gateway, target, body, headers | named)
    assert through.body == direct.body
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens, row.flags) == (1234, output, 1000, "")


@pytest.mark.parametrize(("target", "make", "headers"), ROUTES)
def test_a_stream_in_single_bytes(gateway: Gateway, target, make, headers) -> None:  # type: ignore[no-untyped-def]
    named = gateway.fake.script("bytes", {"segments": "byte", "text": "é🙂", "usage": {"input": 9, "output": 3}})
    body = make(stream=True)
    if make is chat:
        body["stream_options"] = {"include_usage": True}
    before = gateway.new_rows()
    through, direct = through_and_direct(gateway, target, body, headers | named)
    assert through.body == direct.body
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.input_tokens, row.output_tokens) == (9, 3)


def test_usage_that_was_not_asked_for_is_asked_for_and_taken_out(gateway: Gateway) -> None:
    gateway.fake.reset()
    before = gateway.new_rows()
    named = gateway.fake.script("quiet", {"usage": {"input": 77, "output": 8}})
    body = chat("quietly", stream=True)
    through, direct = through_and_direct(gateway, "/v1/chat/completions", body, OPENAI_HEADERS | named)
    events = [json.loads(line[6:]) for line in through.body.decode().splitlines() if line.startswith("data: {")]
    plain = [json.loads(line[6:]) for line in direct.body.decode().splitlines() if line.startswith("data: {")]
    assert all(event["choices"] for event in events)
    assert [event["choices"] for event in events] == [event["choices"] for event in plain]
    assert through.body.endswith(b"data: [DONE]\n\n")
    assert gateway.fake.requests()[0].json["stream_options"] == {"include_usage": True}
    row = gateway.wait_rows(before + 1)[-1].row
    assert (row.input_tokens, row.output_tokens, row.flags) == (77, 8, "")


def test_a_provider_that_refuses_stream_options_is_asked_without(gateway: Gateway, fake: FakeProvider) -> None:
    named = fake.script("refuses", {"refuse_stream_options": True})
    before = gateway.new_rows()
    body = chat("no options", stream=True)
    through, direct = through_and_direct(gateway, "/v1/chat/completions", body, OPENAI_HEADERS | named)
    assert through.status == 200
    assert through.body == direct.body
    first, second = (stored.row for stored in gateway.wait_rows(before + 2)[-2:])
    assert (first.attempt, first.status, first.exchange_id) == (1, 400, second.exchange_id)
    assert (second.attempt, second.status, second.flags) == (2, 200, "estimated")
    fake.reset()
    assert ask(gateway.port, "POST", "/v1/chat/completions", body, OPENAI_HEADERS).status == 200
    assert "stream_options" not in fake.requests()[0].json, "the provider's refusal is remembered"
