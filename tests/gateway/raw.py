"""Requests over plain sockets and `http.client`, for tests that care about bytes."""

import http.client
import json
import socket
from contextlib import closing
from typing import Any, NamedTuple

from tests.waiting import PATIENCE_SECONDS

ANTHROPIC_HEADERS = {"x-api-key": "sk-ant-fake", "anthropic-version": "2023-06-01", "content-type": "application/json"}
OPENAI_HEADERS = {"authorization": "Bearer sk-fake", "content-type": "application/json"}


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int, method: str, target: str, body: bytes | dict[str, Any] = b"", headers: dict[str, str] | None = None
) -> Answer:
    """One request on a connection of its own."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request(method, target, content or None, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())


def message(text: str = "hi", model: str = "claude-opus-5-5", **fields: Any) -> dict[str, Any]:
    """An Anthropic Messages request."""
    return {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": text}], **fields}


def chat(text: str = "hi", model: str = "gpt-5.5", **fields: Any) -> dict[str, Any]:
    """An OpenAI chat completions request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def response(text: str = "hi", model: str = "gpt-5.5", **fields: Any) -> dict[str, Any]:
    """An OpenAI responses request."""
    return {"model": model, "input": text, **fields}


def send(port: int, data: bytes, *, timeout: float = 5.0) -> bytes:
    """Write bytes, read until the other side closes or says nothing for a while."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(data)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def head(port: int, data: bytes) -> bytes:
    """Write bytes, read until the first answer's head and body are there (by its content-length)."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(data)
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                break
            received += piece
        return received
