"""Proxies from the environment, and real ones on the way."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.http.proxies import Proxies, Proxy
from tests.gateway.http.http_peers import HOST, Collector, UpstreamWire, answering, upstream

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
API = Origin("https", "api.example.com", 443)
PLAIN = Origin("http", "api.example.com", 8080)


@pytest.mark.parametrize(
    ("environment", "origin", "host"),
    [
        ({}, API, None),
        ({"HTTPS_PROXY": "http://p:1"}, API, "p"),
        ({"https_proxy": "http://p:1"}, API, "p"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, API, "low"),
        ({"HTTPS_PROXY": "http://p:1"}, PLAIN, None),
        ({"HTTP_PROXY": "http://p:1"}, PLAIN, "p"),
        ({"HTTP_PROXY": "http://p:1"}, API, None),
        ({"ALL_PROXY": "http://p:1"}, API, "p"),
        ({"all_proxy": "http://p:1"}, PLAIN, "p"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://p:1"}, API, "p"),
        ({"HTTPS_PROXY": "p:3128"}, API, "p"),
        ({"HTTPS_PROXY": ""}, API, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, API, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.example.com"}, API, None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "other, EXAMPLE.com"}, API, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example.com"}, API, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.example.com"}, API, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample.com"}, API, "p"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com:443"}, API, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com:8443"}, API, "p"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com."}, API, "p"),
        ({"HTTPS_PROXY": "http://p:1"}, Origin("https", "localhost", 443), None),
        ({"HTTPS_PROXY": "http://p:1"}, Origin("https", "127.0.0.9", 443), None),
        ({"HTTPS_PROXY": "http://p:1"}, Origin("https", "::1", 443), None),
        ({"HTTPS_PROXY": "http://p:1"}, Origin("https", "10.1.2.3", 443), "p"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, Origin("https", "10.1.2.3", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.1.2.3"}, Origin("https", "10.1.2.3", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}, Origin("https", "fd00::1", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "[fd00::1]:443"}, Origin("https", "fd00::1", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::2"}, Origin("https", "fd00::1", 443), "p"),
    ],
)
async def test_the_choice(environment: dict[str, str], origin: Origin, host: str | None) -> None:
    proxy = Proxies.from_environment(environment).for_origin(origin)
    assert (proxy.host if proxy else None) == host


async def test_proxy_urls() -> None:
    assert Proxy.parse("http://p") == Proxy("p", 80, b"")
    assert Proxy.parse("http://[::1]:3128/") == Proxy("::1", 3128, b"")
    assert Proxy.parse("http://us%40er:p%3Aw@p:1") == Proxy("p", 1, b"Basic " + b64encode(b"us@er:p:w"))
    for bad in (
        "socks5://secret:word@p:1",
        "https://p",
        "http://",
        "http://p:x",
        "http://p:99999",
        "http://p q",
        "http://\xe9",
    ):
        with pytest.raises(ValueError, match="proxy") as caught:
            Proxy.parse(bad)
        assert "secret" not in str(caught.value)


@asynccontextmanager
async def tunnelling(
    *, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n", to: int = 0
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A CONNECT proxy that reaches every host at a port of this machine."""
    heads: list[bytes] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def script(wire: UpstreamWire) -> None:
        heads.append(await wire.reader.readuntil(b"\r\n\r\n"))
        await wire.send(answer)
        if answer.startswith(b"HTTP/1.1 2") and answer.endswith(b"\r\n\r\n"):
            reader, writer = await asyncio.open_connection(HOST, to)
            try:
                await asyncio.gather(pump(wire.reader, writer), pump(reader, wire.writer))
            finally:
                writer.transport.abort()

    async with upstream(script) as proxy:
        yield proxy.origin.port, heads


async def ask(client: Upstreams, origin: Origin) -> Collector:
    sink = Collector()
    client.send(origin, b"POST", b"/v1", [], b"body", sink)
    return await sink.done()


async def test_https_goes_through_a_tunnel_and_is_verified_end_to_end() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.example.com").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with (
        upstream(answering(OK), ssl=context) as peer,
        tunnelling(to=peer.origin.port) as (port, heads),
    ):
        client = Upstreams(proxies=Proxies(https=f"http://user:pw@127.0.0.1:{port}"), ssl_context=trust)
        for _ in range(2):
            assert (await ask(client, API)).body == b"ok"
        assert heads == [
            b"CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n"
            b"Proxy-Authorization: Basic " + b64encode(b"user:pw") + b"\r\n\r\n"
        ]
        head = peer.requests[0][0]
        assert head.startswith(b"POST /v1 HTTP/1.1\r\nhost: api.example.com\r\n")
        assert b"roxy" not in head
        sink = await ask(client, Origin("https", "other.example.com", 443))
        assert sink.failure is not None
        assert "certificate" in sink.failure.detail
        await client.close()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "407 Proxy Authentication Required",
        ),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "502 Bad Gateway"),
        (b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nbytes out of turn", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\n", "no answer"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, "no answer"),
    ],
)
async def test_a_tunnel_that_is_refused(answer: bytes, told: str) -> None:
    async with upstream(answering(OK)) as nobody, tunnelling(answer=answer, to=nobody.origin.port) as (port, _):
        client = Upstreams(proxies=Proxies(https=f"http://user:secret@127.0.0.1:{port}"))
        sink = await ask(client, API)
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.sent) == ("connect", False)
        assert told in sink.failure.detail
        assert "secret" not in sink.failure.detail
        await client.close()


async def test_plain_http_goes_in_absolute_form() -> None:
    async with upstream(answering(OK)) as proxy:
        client = Upstreams(proxies=Proxies(http=f"http://user:pw@127.0.0.1:{proxy.origin.port}"))
        for _ in range(2):
            assert (await ask(client, PLAIN)).body == b"ok"
        assert proxy.connections == 1
        assert proxy.requests[0][0] == (
            b"POST http://api.example.com:8080/v1 HTTP/1.1\r\nhost: api.example.com:8080\r\n"
            b"proxy-authorization: Basic " + b64encode(b"user:pw") + b"\r\ncontent-length: 4\r\n\r\n"
        )
        await client.close()


async def test_a_proxy_that_cannot_be_used_is_told_and_not_passed_by() -> None:
    client = Upstreams(proxies=Proxies(https="socks5://127.0.0.1:1"))
    sink = await ask(client, API)
    assert sink.failure is not None
    assert "socks5" in sink.failure.detail
    await client.close()


async def test_link_local_literals_are_refused_through_a_proxy_too() -> None:
    async with upstream(answering(OK)) as proxy:
        client = Upstreams(proxies=Proxies(http=f"http://127.0.0.1:{proxy.origin.port}"))
        sink = await ask(client, Origin("http", "169.254.169.254", 80))
        assert sink.failure is not None
        assert "link-local" in sink.failure.detail
        assert proxy.requests == []
        await client.close()
