"""Bad requests get a clear error in their dialect's shape, and nothing reaches a provider."""

import json
from pathlib import Path

import pytest

from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message, response
from tests.gateway.running import RunningGateway, fake_provider
from tests.ports import free_port

ROUTES = [
    ("/v1/messages", message, ANTHROPIC_HEADERS),
    ("/v1/chat/completions", chat, OPENAI_HEADERS),
    ("/v1/responses", response, OPENAI_HEADERS),
]


def message_of(target: str, error: dict[str, object]) -> str:
    """The words of an error, whose shape is the dialect's."""
    if target.startswith(("/v1/messages", "/p/")):
        assert error["type"] == "error"
        inner = error["error"]
        assert isinstance(inner, dict)
        assert set(inner) >= {"type", "message"}
    else:
        inner = error["error"]
        assert isinstance(inner, dict)
        assert set(inner) == {"message", "type", "param", "code"}
    return str(inner["message"])


@pytest.mark.parametrize(("target", "make", "headers"), ROUTES)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "", id="nothing"),
        (b"{", ""),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"{}", "model"),
        (b'{"model": 7}', "model"),
        (b'{"model": ""}', "model"),
        (b'{"model": "a", "x": 1, "model": "b"}', "model"),
        (b'{"model": "a", "max_tokens": NaN}', ""),
        pytest.param(b'{"model": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "", id="deep"),
        (b'{"model": "a"} trailing', ""),
        (b"\xff\xfe{}", ""),
    ],
)
def test_an_unusable_body_is_a_400(gateway: Gateway, target, make, headers, body: bytes, says: str) -> None:  # type: ignore[no-untyped-def]
    gateway.fake.reset()
    answer = ask(gateway.port, "POST", target, body, headers)
    assert answer.status == 400, answer
    assert says in message_of(target, answer.json)
    assert gateway.fake.requests() == []


@pytest.mark.parametrize("path", ["/v1/nothing", "/v2/messages", "/v1/messages/", "/admin", "/p/docs/v1/nothing"])
def test_an_unknown_path_is_a_404_that_names_it(gateway: Gateway, path: str) -> None:
    answer = ask(gateway.port, "POST", path, b"{}")
    assert answer.status == 404
    assert path.removeprefix("/p/docs") in answer.json["error"]["message"]


def test_a_wrong_method_is_a_405_that_names_the_right_one(gateway: Gateway) -> None:
    answer = ask(gateway.port, "GET", "/v1/messages")
    assert (answer.status, answer.header("allow")) == (405, "POST")
    assert "POST" in message_of("/v1/messages", answer.json)
    assert ask(gateway.port, "POST", "/v1/models").status == 405


@pytest.mark.parametrize(
    ("target", "extra"), [("/p/nowhere/v1/messages", {}), ("/v1/messages", {"x-conduit-project": "nowhere"})]
)
def test_an_unknown_project_is_a_404_that_names_it(gateway: Gateway, target: str, extra: dict[str, str]) -> None:
    gateway.fake.reset()
    answer = ask(gateway.port, "POST", target, message(), ANTHROPIC_HEADERS | extra)
    assert answer.status == 404
    assert "nowhere" in message_of("/v1/messages", answer.json)
    assert gateway.fake.requests() == []


def test_an_unreachable_provider_is_a_502_that_names_it(tmp_path: Path) -> None:
    port = free_port()
    gateway = RunningGateway(tmp_path / "state", [fake_provider(f"http://127.0.0.1:{port}", name="local-llm")])
    try:
        for target, make, headers in ROUTES:
            answer = ask(gateway.port, "POST", target, make(), headers)
            assert answer.status == 502
            words = message_of(target, answer.json)
            assert "local-llm" in words
            assert "Traceback" not in words
        rows = [stored.row for stored in gateway.wait_rows(3)]
        assert [(row.status, row.error_type, row.provider) for row in rows] == [
            (502, "upstream_connect", "local-llm")
        ] * 3
        assert all(row.cost_nanodollars == row.input_tokens == 0 for row in rows)
    finally:
        gateway.close()


def test_a_body_over_the_limit_is_a_413(tmp_path: Path, gateway: Gateway) -> None:
    small = RunningGateway(
        tmp_path / "state", [fake_provider(gateway.fake.url)], environment={"CONDUIT_MAX_BODY_BYTES": "4096"}
    )
    try:
        assert ask(small.port, "POST", "/v1/messages", message("x" * 2000), ANTHROPIC_HEADERS).status == 200
        gateway.fake.reset()
        answer = ask(small.port, "POST", "/v1/messages", message("x" * 5000), ANTHROPIC_HEADERS)
        assert answer.status == 413
        message_of("/v1/messages", answer.json)
        assert gateway.fake.requests() == []
    finally:
        small.close()


def test_reachability_checks_are_answered_here(gateway: Gateway) -> None:
    gateway.fake.reset()
    for method in ("HEAD", "GET"):
        for path in ("/", "/api/hello", "/p/docs/", "/health"):
            assert ask(gateway.port, method, path).status == 200
    assert json.loads(ask(gateway.port, "GET", "/health").body) == {"status": "ok"}
    assert gateway.fake.requests() == []
