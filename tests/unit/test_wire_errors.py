"""Error bodies and model lists, read by the real SDKs over a real socket."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai
import pytest

from conduit_tui.domain.dialects import Dialect
from conduit_tui.wire.errors import error_body
from conduit_tui.wire.models import models_body


@contextmanager
def serving(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


ANTHROPIC_ERRORS = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (402, anthropic.APIStatusError, "billing_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (405, anthropic.APIStatusError, "invalid_request_error"),
    (408, anthropic.APIStatusError, "timeout_error"),
    (413, anthropic.APIStatusError, "request_too_large"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (502, anthropic.InternalServerError, "api_error"),
    (503, anthropic.InternalServerError, "overloaded_error"),
    (504, anthropic.InternalServerError, "timeout_error"),
    (529, anthropic.InternalServerError, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "expected", "kind"), ANTHROPIC_ERRORS)
def test_the_anthropic_sdk_reads_its_error(status: int, expected: type[anthropic.APIStatusError], kind: str) -> None:
    body = error_body(Dialect.ANTHROPIC, status, 'Budget "day" is spent', request_id="req_1")
    with (
        serving(status, body) as url,
        anthropic.Anthropic(base_url=url, api_key="sk-fake", max_retries=0) as client,
        pytest.raises(expected) as raised,
    ):
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}])
    assert raised.value.status_code == status
    assert raised.value.body == {
        "type": "error",
        "error": {"type": kind, "message": 'Budget "day" is spent'},
        "request_id": "req_1",
    }


OPENAI_ERRORS = [
    (400, openai.BadRequestError, "invalid_request_error", None),
    (401, openai.AuthenticationError, "invalid_request_error", "invalid_api_key"),
    (402, openai.APIStatusError, "insufficient_quota", "insufficient_quota"),
    (403, openai.PermissionDeniedError, "permission_error", None),
    (404, openai.NotFoundError, "invalid_request_error", None),
    (429, openai.RateLimitError, "rate_limit_error", "rate_limit_exceeded"),
    (500, openai.InternalServerError, "server_error", None),
    (503, openai.InternalServerError, "server_error", None),
]


def ask(client: openai.OpenAI, dialect: Dialect) -> None:
    if dialect is Dialect.OPENAI_CHAT:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    else:
        client.responses.create(model="m", input="hi")


@pytest.mark.parametrize("dialect", [Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES])
@pytest.mark.parametrize(("status", "expected", "kind", "code"), OPENAI_ERRORS)
def test_the_openai_sdk_reads_its_error(
    dialect: Dialect, status: int, expected: type[openai.APIStatusError], kind: str, code: str | None
) -> None:
    with (
        serving(status, error_body(dialect, status, "no")) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="sk-fake", max_retries=0) as client,
        pytest.raises(expected) as raised,
    ):
        ask(client, dialect)
    assert (raised.value.type, raised.value.code, raised.value.param) == (kind, code, None)
    assert "no" in raised.value.message


def test_without_a_dialect() -> None:
    assert json.loads(error_body(None, 404, "nothing here")) == {
        "error": {"type": "not_found_error", "message": "nothing here"}
    }


@pytest.mark.parametrize("models", [[], ["claude-opus-5-5", "claude-haiku-5-5"]])
def test_the_anthropic_sdk_lists_models(models: list[str]) -> None:
    with (
        serving(200, models_body(models, anthropic=True)) as url,
        anthropic.Anthropic(base_url=url, api_key="sk-fake", max_retries=0) as client,
    ):
        listed = [(model.id, model.display_name, model.created_at.year) for model in client.models.list(limit=1000)]
    assert listed == [(model, model, 1970) for model in models]


@pytest.mark.parametrize("models", [[], ["gpt-5.5", "gpt-5.5-codex"]])
def test_the_openai_sdk_lists_models(models: list[str]) -> None:
    with (
        serving(200, models_body(models, anthropic=False)) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="sk-fake", max_retries=0) as client,
    ):
        assert [model.id for model in client.models.list()] == models
