"""Token counts and model lists: they follow the route, and leave no row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conduit_tui.domain.providers import KeyKind, KeySource
from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, message
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider

COUNT = "/v1/messages/count_tokens"


def test_a_count_is_the_providers(gateway: Gateway) -> None:
    rows = gateway.new_rows()
    through = ask(gateway.port, "POST", COUNT + "?beta=true", message("count me"), ANTHROPIC_HEADERS)
    direct = ask(gateway.fake.port, "POST", COUNT + "?beta=true", message("count me"), ANTHROPIC_HEADERS)
    assert through.status == 200
    assert through.json == direct.json
    assert gateway.fake.requests()[-1].target == COUNT + "?beta=true"
    assert gateway.new_rows() == rows


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_provider_that_cannot_count_is_helped_out(gateway: Gateway, status: int) -> None:
    named = gateway.fake.script("uncounting", {"status": status, "message": "no such endpoint"})
    text = "The quick brown fox jumps over the lazy dog. " * 40
    answer = ask(gateway.port, "POST", COUNT, message(text), ANTHROPIC_HEADERS | named)
    assert answer.status == 200
    assert answer.header("x-conduit-estimated") == "true"
    assert 400 < answer.json["input_tokens"] < 900


def test_other_errors_of_a_count_come_back_as_they_are(gateway: Gateway) -> None:
    named = gateway.fake.script("refusing", {"status": 429, "message": "slow down", "headers": [["retry-after", "3"]]})
    answer = ask(gateway.port, "POST", COUNT, message(), ANTHROPIC_HEADERS | named)
    assert (answer.status, answer.header("retry-after")) == (429, "3")
    assert answer.json["error"]["message"] == "slow down"


def test_models_are_the_providers_in_each_shape(gateway: Gateway) -> None:
    for headers in (ANTHROPIC_HEADERS, OPENAI_HEADERS):
        through = ask(gateway.port, "GET", "/v1/models?limit=1000", headers=headers)
        direct = ask(gateway.fake.port, "GET", "/v1/models?limit=1000", headers=headers)
        assert through.status == 200
        assert through.body == direct.body
    assert ask(gateway.port, "GET", "/v1/models/claude-opus-5-5", headers=ANTHROPIC_HEADERS).status == 200
    assert ask(gateway.port, "GET", "/v1/models/no-such-model", headers=ANTHROPIC_HEADERS).status == 404


@pytest.fixture(scope="module")
def naming(fake: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway whose local provider claims models by name, beside the fake default one."""
    local = fake_provider(
        "http://127.0.0.1:1",
        name="local",
        dialects=("anthropic", "openai-chat"),
        models=("smollm2-135m", "qwen*", "claude-opus-5-5"),
        default=False,
        key=KeySource(kind=KeyKind.NONE),
    )
    running = RunningGateway(tmp_path_factory.mktemp("naming"), [local, fake_provider(fake.url)])
    yield running
    running.close()


def test_models_claimed_by_name_come_first_and_once(naming: RunningGateway, fake: FakeProvider) -> None:
    anthropic = ask(naming.port, "GET", "/v1/models", headers=ANTHROPIC_HEADERS).json
    names = [entry["id"] for entry in anthropic["data"]]
    assert names[:2] == ["smollm2-135m", "claude-opus-5-5"]
    assert len(names) == len(set(names)) > 2
    assert {"has_more", "first_id", "last_id"} <= set(anthropic)
    assert all(entry["type"] == "model" and entry["display_name"] for entry in anthropic["data"])
    openai = ask(naming.port, "GET", "/v1/models", headers=OPENAI_HEADERS).json
    assert openai["object"] == "list"
    assert openai["data"][0]["id"] == "smollm2-135m"
    assert all(entry["object"] == "model" for entry in openai["data"])


def test_a_list_survives_a_provider_that_is_down(tmp_path: Path) -> None:
    down = fake_provider("http://127.0.0.1:1", models=("here-1", "here-2"))
    gateway = RunningGateway(tmp_path / "state", [down])
    try:
        answer = ask(gateway.port, "GET", "/v1/models", headers=ANTHROPIC_HEADERS)
        assert [entry["id"] for entry in answer.json["data"]] == ["here-1", "here-2"]
    finally:
        gateway.close()
