"""A provider that falls silent in mid-stream: its client gets signs of life, and nothing else is changed. Fault G4."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import anthropic
import pytest

from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message, response
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.fault

SILENT = 0.6  # seconds
PING = 0.1
ROUTES = [
    pytest.param(
        "/v1/messages", message, ANTHROPIC_HEADERS, b'event: ping\ndata: {"type": "ping"}\n\n', id="anthropic"
    ),
    pytest.param("/v1/chat/completions", chat, OPENAI_HEADERS, b": keep-alive\n\n", id="openai-chat"),
    pytest.param("/v1/responses", response, OPENAI_HEADERS, b": keep-alive\n\n", id="openai-responses"),
]


@pytest.fixture(scope="module")
def pinging(fake: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    running = RunningGateway(
        tmp_path_factory.mktemp("pings"), [fake_provider(fake.url)], environment={"CONDUIT_PING_SECONDS": str(PING)}
    )
    yield running
    running.close()


@pytest.mark.parametrize(("target", "make", "headers", "ping"), ROUTES)
@pytest.mark.parametrize("bent", [{}, {"crlf": True}, {"cr": True}], ids=["lf", "crlf", "cr"])
def test_a_silent_stream_is_pinged_between_its_events(  # type: ignore[no-untyped-def]
    pinging: RunningGateway, fake: FakeProvider, target, make, headers, ping: bytes, bent: dict[str, bool]
) -> None:
    script = fake.script("falls-silent", {"words": 12, "stall": {"after": 3, "seconds": PATIENCE_SECONDS}, **bent})
    body = make("ping", stream=True)
    received, began = b"", time.monotonic()
    with closing(HTTPConnection("127.0.0.1", pinging.port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("POST", target, json.dumps(body), headers | script)
        answer = connection.getresponse()
        while received.count(ping) < 3:
            piece = answer.read1()
            assert piece
            received += piece
        fake.hurry("falls-silent")
        received += answer.read()
    took = time.monotonic() - began
    quick = ask(pinging.port, "POST", target, body, headers | fake.script("quick", {"words": 12, **bent}))
    assert 3 <= received.count(ping) <= took / PING
    assert len(received.replace(ping, b"")) == len(quick.body)
    before, _, after = received.partition(ping)
    assert before.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    assert after.replace(ping, b"")


@pytest.mark.parametrize(
    "bent",
    [
        pytest.param({"chunks": 40, "stall": {"after": 1, "seconds": SILENT}}, id="in the middle of an event"),
        pytest.param({"encoding": "gzip", "stall": {"after": 3, "seconds": SILENT}}, id="compressed"),
        pytest.param({"ttft": SILENT}, id="before the head"),
    ],
)
def test_no_ping_where_it_would_break_something(
    pinging: RunningGateway, fake: FakeProvider, bent: dict[str, object]
) -> None:
    script = fake.script("not-pinged", {"words": 12, **bent})
    through = ask(pinging.port, "POST", "/v1/messages", message("x", stream=True), ANTHROPIC_HEADERS | script)
    assert through.status == 200
    assert b'{"type": "ping"}' not in through.body


def test_an_answer_that_is_no_stream_is_left_alone(pinging: RunningGateway, fake: FakeProvider) -> None:
    script = fake.script("whole", {"chunks": 10, "stall": {"after": 1, "seconds": SILENT}})
    through = ask(pinging.port, "POST", "/v1/messages", message("x"), ANTHROPIC_HEADERS | script)
    assert through.json["type"] == "message"


def test_the_sdk_passes_over_them(pinging: RunningGateway, fake: FakeProvider) -> None:
    script = fake.script("sdk", {"text": "all of it", "stall": {"after": 3, "seconds": SILENT}})
    client = anthropic.Anthropic(base_url=pinging.url, api_key="sk-ant-fake", max_retries=0, default_headers=script)
    with (
        client,
        client.messages.stream(
            model="claude-opus-5-5", max_tokens=64, messages=[{"role": "user", "content": "hi"}]
        ) as stream,
    ):
        assert stream.get_final_text() == "all of it"
