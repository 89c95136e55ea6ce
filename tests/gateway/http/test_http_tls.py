"""TLS to upstreams with a certificate authority made for the test: trusted is trusted, everything else is refused."""

import datetime
import ssl
from collections.abc import Callable

import pytest
import trustme

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.http.server import Server
from tests.gateway.http.http_peers import (
    Collector,
    Recorder,
    UpstreamWire,
    answering,
    connected,
    serving,
    until,
    upstream,
)

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
AUTHORITY = trustme.CA()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def showing(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def ask(client: Upstreams, origin: Origin, body: bytes = b"") -> Collector:
    sink = Collector()
    client.send(origin, b"POST", b"/", [], body, sink)
    return await sink.done()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_trusted_upstream_over_one_connection(host: str) -> None:
    certificate = showing(AUTHORITY.issue_cert(host))
    client = Upstreams(ssl_context=trusting())
    async with upstream(answering(OK), ssl=certificate) as peer:
        origin = Origin("https", host, peer.origin.port)
        for size in (0, 10, 400_000):
            sink = await ask(client, origin, b"x" * size)
            assert sink.failure is None
            assert sink.body == b"ok"
        assert peer.connections == 1
        assert b"\r\nhost: %b:%d\r\n" % (host.encode(), origin.port) in peer.requests[0][0]
        assert [len(body) for _, body in peer.requests] == [0, 10, 400_000]
        await client.close()


def expired() -> ssl.SSLContext:
    then = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    return showing(AUTHORITY.issue_cert("127.0.0.1", not_after=then))


def of_another_host() -> ssl.SSLContext:
    return showing(AUTHORITY.issue_cert("api.example.com"))


def of_another_authority() -> ssl.SSLContext:
    return showing(trustme.CA().issue_cert("127.0.0.1"))


@pytest.mark.parametrize(
    ("context", "told"),
    [
        (expired, "expired"),
        (of_another_host, "IP address mismatch"),
        (of_another_authority, "unable to get local issuer certificate"),
    ],
)
async def test_an_untrusted_upstream_is_refused_and_gets_no_byte(
    context: Callable[[], ssl.SSLContext], told: str
) -> None:
    client = Upstreams(ssl_context=trusting())
    async with upstream(answering(OK), ssl=context()) as peer:
        sink = await ask(client, peer.origin)
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.sent) == ("connect", False)
        assert sink.failure.detail.startswith("the certificate of 127.0.0.1 was refused: ")
        assert told in sink.failure.detail
        assert peer.requests == []
        await client.close()


async def test_the_systems_trust_store_is_the_default() -> None:
    client = Upstreams()
    async with upstream(answering(OK), ssl=showing(AUTHORITY.issue_cert("127.0.0.1"))) as peer:
        sink = await ask(client, peer.origin)
        assert sink.failure is not None
        assert "certificate" in sink.failure.detail
        assert peer.requests == []
        await client.close()


async def test_plain_http_on_the_other_side() -> None:
    async def plain(wire: UpstreamWire) -> None:
        await wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    client = Upstreams(ssl_context=trusting())
    async with upstream(plain) as peer:
        sink = await ask(client, Origin("https", "127.0.0.1", peer.origin.port))
        assert sink.failure is not None
        assert (sink.failure.stage, sink.failure.sent) == ("connect", False)
        await client.close()


async def test_an_end_without_goodbye_does_not_delimit_an_answer() -> None:
    certificate = showing(AUTHORITY.issue_cert("127.0.0.1"))

    async def cut(wire: UpstreamWire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\nnot all")
        wire.writer.transport.abort()

    client = Upstreams(ssl_context=trusting())
    async with upstream(cut, ssl=certificate) as peer:
        sink = await ask(client, peer.origin)
        assert sink.failure is not None
        assert sink.failure.stage == "body"
        await client.close()
    client = Upstreams(ssl_context=trusting())
    async with upstream(answering(b"HTTP/1.1 200 OK\r\n\r\nall", close=True), ssl=certificate) as peer:
        sink = await ask(client, peer.origin)
        assert (sink.failure, sink.body) == (None, b"all")
        await client.close()


async def test_our_own_server_speaks_tls_too() -> None:
    certificate = showing(AUTHORITY.issue_cert("localhost"))
    client = Upstreams(ssl_context=trusting())
    async with serving(Recorder(), tls=certificate) as (server, port):
        for _ in range(2):
            sink = await ask(client, Origin("https", "localhost", port), b"body" * 100_000)
            assert sink.body == b"/|" + b"body" * 100_000
        assert isinstance(server, Server)
        assert server.connections == 1
        async with connected(port) as wire:  # plain HTTP on the TLS port
            await wire.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert not (await wire.rest()).startswith(b"HTTP")
        await client.close()
        await until(lambda: server.connections == 0)
