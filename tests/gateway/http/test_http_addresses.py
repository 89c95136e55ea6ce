"""Where a provider's host may lead, judged on the address that is connected to."""

import socket
from typing import Any

import pytest

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.addresses import refusal, refusal_unresolved
from conduit_tui.gateway.http.pool import Upstreams
from tests.gateway.http.http_peers import Collector, answering, upstream

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("host", "address", "allowed"),
    [
        ("api.example.com", "93.184.215.14", True),
        ("api.example.com", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("api.example.com", "127.0.0.1", False),
        ("api.example.com", "::1", False),
        ("api.example.com", "10.0.0.1", False),
        ("api.example.com", "172.16.5.5", False),
        ("api.example.com", "192.168.1.1", False),
        ("api.example.com", "100.64.0.1", False),
        ("api.example.com", "0.0.0.0", False),
        ("api.example.com", "::", False),
        ("api.example.com", "fd00::1", False),
        ("api.example.com", "224.0.0.1", False),
        ("api.example.com", "255.255.255.255", False),
        ("api.example.com", "169.254.169.254", False),
        ("api.example.com", "fe80::1%eth0", False),
        ("api.example.com", "::ffff:127.0.0.1", False),
        ("api.example.com", "::ffff:169.254.169.254", False),
        ("api.example.com", "64:ff9b::a9fe:a9fe", False),
        ("api.example.com", "64:ff9b::7f00:1", False),
        ("api.example.com", "2002:7f00:1::", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("192.168.1.20", "192.168.1.20", True),
        ("fd00::1", "fd00::1", True),
        ("169.254.169.254", "169.254.169.254", False),
        ("::ffff:169.254.169.254", "::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe", False),
        ("fe80::1%eth0", "fe80::1%eth0", False),
        ("localhost", "127.0.0.1", True),
        ("LocalHost.", "::1", True),
        ("localhost", "10.0.0.1", False),
        ("localhost.evil.com", "127.0.0.1", False),
        ("0x7f.1", "127.0.0.1", False),
        ("2130706433", "127.0.0.1", False),
        ("127.1", "127.0.0.1", False),
        ("0177.0.0.1", "127.0.0.1", False),
    ],
)
async def test_the_rule(host: str, address: str, allowed: bool) -> None:
    assert (refusal(host, address) is None) == allowed


async def test_through_a_proxy_only_literals_can_be_judged() -> None:
    assert refusal_unresolved("api.example.com") is None
    assert refusal_unresolved("10.0.0.1") is None
    assert refusal_unresolved("169.254.169.254") is not None


async def ask(origin: Origin) -> Collector:
    client = Upstreams()
    sink = Collector()
    client.send(origin, b"GET", b"/", [], b"", sink)
    await sink.done()
    await client.close()
    return sink


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433"])
async def test_spellings_of_loopback_are_names_and_refused(host: str) -> None:
    async with upstream(answering(OK)) as peer:
        sink = await ask(Origin("http", host, peer.origin.port))
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.sent) == ("connect", False)
        assert "private address 127.0.0.1" in sink.failure.detail
        assert peer.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_what_was_configured_to_be_local_is_reached(host: str) -> None:
    async with upstream(answering(OK)) as peer:
        sink = await ask(Origin("http", host, peer.origin.port))
        assert sink.body == b"ok"


async def test_the_metadata_service_is_refused_at_once() -> None:
    sink = await ask(Origin("http", "169.254.169.254", 80))
    assert sink.failure is not None
    assert "link-local" in sink.failure.detail


async def test_a_name_is_resolved_once_and_the_judged_address_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch, anyio_backend: tuple[str, dict[str, bool]]
) -> None:
    """A name server that changes its mind between two questions (rebinding) gets only one question."""
    if anyio_backend[1]["use_uvloop"]:
        pytest.skip("uvloop asks the system itself; there is no place to put another name server")
    questions = []
    ask_system = socket.getaddrinfo

    def rebinding(host: str, *args: Any, **options: Any) -> Any:
        questions.append(host)
        return ask_system("127.0.0.1" if len(questions) == 1 else "127.0.0.9", *args, **options)

    async with upstream(answering(OK)) as peer:
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        sink = await ask(Origin("http", "localhost", peer.origin.port))
        assert sink.body == b"ok"
        assert questions == ["localhost"]
