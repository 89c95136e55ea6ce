"""Who may not come in: other hosts, web pages, odd targets, unknown tokens. Faults X1 and X15."""

import pytest

from conduit_tui.gateway.routes import ROUTES, Kind
from tests.gateway.conftest import Gateway
from tests.gateway.raw import ANTHROPIC_HEADERS, ask, message, send

EVERY_ROUTE = [(method.decode(), path) for path, route in ROUTES.items() for method in route.methods]


def request(method: str, path: str, headers: str, body: bytes = b"{}") -> bytes:
    length = f"content-length: {len(body)}\r\n" if method == "POST" else ""
    head = f"{method} {path} HTTP/1.1\r\n{headers}{length}connection: close\r\n\r\n"
    return head.encode("latin-1") + (body if method == "POST" else b"")


REFUSED = {
    "another host": ("host: evil.com\r\n", {403}),
    "a host that only looks local": ("host: localhost.evil.com\r\n", {403}),
    "a host with a query": ("host: x/?\r\n", {400, 403}),
    "a host with a user": ("host: a@127.0.0.1\r\n", {400, 403}),
    "a host with a bad port": ("host: 127.0.0.1:99999999\r\n", {400, 403}),
    "no host": ("", {400, 403}),
    "two hosts": ("host: 127.0.0.1\r\nhost: 127.0.0.1\r\n", {400, 403}),
    "a web page": ("host: 127.0.0.1\r\norigin: https://evil.example\r\n", {403}),
    "a page without origin": ("host: 127.0.0.1\r\norigin: null\r\n", {403}),
    "our own origin": ("host: 127.0.0.1\r\norigin: http://127.0.0.1:4141\r\n", {403}),
    "a cross-site fetch": ("host: 127.0.0.1\r\nsec-fetch-site: cross-site\r\n", {403}),
    "a wrong token": ("host: 127.0.0.1\r\nx-conduit-token: conduit-guess\r\n", {401}),
    "another host with a forwarded address": ("host: evil.com\r\nx-forwarded-for: 127.0.0.1\r\n", {403}),
}


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
@pytest.mark.parametrize("case", REFUSED)
def test_every_route_is_behind_the_door(gateway: Gateway, method: str, path: str, case: str) -> None:
    headers, statuses = REFUSED[case]
    gateway.fake.reset()
    answer = send(gateway.port, request(method, path, headers + "content-type: text/plain\r\n"))
    assert int(answer[9:12]) in statuses, answer[:200]
    assert b"access-control" not in answer.lower()
    assert gateway.fake.requests() == []


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1/v1/messages",
        "//v1/messages",
        "/v1//messages",
        "/%2e%2e/v1/messages",
        "/v1/../v1/messages",
        "/v1/messages#x",
        "/v1\\messages",
        "*",
        "127.0.0.1:80",
    ],
)
def test_odd_targets_are_refused(gateway: Gateway, target: str) -> None:
    gateway.fake.reset()
    answer = send(gateway.port, request("POST", target, "host: 127.0.0.1\r\n"))
    assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
    assert gateway.fake.requests() == []


@pytest.mark.parametrize("path", ROUTES)
def test_no_preflight_is_ever_granted(gateway: Gateway, path: str) -> None:
    headers = "host: 127.0.0.1\r\naccess-control-request-method: POST\r\n"
    for extra in ("", "origin: https://evil.example\r\n"):
        answer = send(gateway.port, request("OPTIONS", path, headers + extra))
        assert int(answer[9:12]) in {403, 405}
        assert b"access-control" not in answer.lower()


def test_a_simple_post_from_a_page_spends_nothing(gateway: Gateway) -> None:
    """X15: what a browser sends without a preflight: text/plain with an Origin header."""
    gateway.fake.reset()
    rows = gateway.new_rows()
    headers = ANTHROPIC_HEADERS | {"origin": "https://evil.example", "content-type": "text/plain"}
    answer = ask(gateway.port, "POST", "/v1/messages", message(), headers)
    assert answer.status == 403
    assert answer.json["type"] == "error"
    assert gateway.fake.requests() == []
    assert gateway.new_rows() == rows


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:4141", "localhost:5000", "LOCALHOST", "[::1]:4141"])
def test_loopback_names_are_served(gateway: Gateway, host: str) -> None:
    answer = send(gateway.port, request("GET", "/health", f"host: {host}\r\n"))
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]


def test_the_control_plane_is_not_on_the_port() -> None:
    """X2: the port serves the API, reachability checks and health, and nothing else."""
    assert {route.kind for route in ROUTES.values()} == set(Kind)
    assert set(ROUTES) == {
        "/",
        "/api/hello",
        "/health",
        "/v1/models",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/chat/completions",
        "/v1/responses",
    }
