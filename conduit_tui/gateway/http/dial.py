"""A connection to an origin: name, address rule, TCP with a head start for each address, proxy, TLS."""

import asyncio
import os
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.addresses import literal, refusal, refusal_unresolved
from conduit_tui.gateway.http.call import UpstreamError
from conduit_tui.gateway.http.client import UpstreamConnection
from conduit_tui.gateway.http.proxies import Proxy

_HEAD_START_SECONDS = 0.25  # RFC 8305: the next address is tried when the one before has not answered by then
_PROXY_HEAD_BYTES = 16_384
_TLS_SHUTDOWN_SECONDS = 2.0
_PROXY_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})([^\r\n]*)\r\n").match

Endpoint = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


async def dial(
    origin: Origin, proxy: Proxy | None, tls: ssl.SSLContext | None, factory: Callable[[], UpstreamConnection]
) -> UpstreamConnection:
    """Connect. `tls` is needed for https origins. Raises UpstreamError of stage "connect"."""
    if proxy is None:
        sock = await _connect(origin.host, origin.port, proxy=False)
    else:
        reason = refusal_unresolved(origin.host)
        if reason is not None:
            raise _failed(reason)
        sock = await _connect(proxy.host, proxy.port, proxy=True)
    try:
        if proxy is not None and origin.scheme == "https":
            await _tunnel(sock, origin, proxy)
        loop = asyncio.get_running_loop()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if origin.scheme != "https":
            _, connection = await loop.create_connection(factory, sock=sock)
        else:
            _, connection = await loop.create_connection(
                factory,
                sock=sock,
                ssl=tls,
                server_hostname=origin.host,
                ssl_shutdown_timeout=_TLS_SHUTDOWN_SECONDS,
            )
    except ssl.SSLCertVerificationError as error:
        sock.close()
        raise _failed(f"the certificate of {origin.host} was refused: {error.verify_message}") from error
    except ssl.SSLError as error:
        sock.close()
        raise _failed(f"TLS with {origin.host} failed: {error.reason or error}") from error
    except OSError as error:
        sock.close()
        raise _failed(f"connection to {origin} was lost: {_plain(error)}") from error
    except BaseException:
        sock.close()
        raise
    return connection


async def _connect(host: str, port: int, *, proxy: bool) -> socket.socket:
    what = f"proxy {host}:{port}" if proxy else f"{host}:{port}"
    endpoints = []
    reason: str | None = None
    for family, address in await _resolve(host, port):
        ip = str(address[0])
        # A proxy is the operator's own and mostly in the private network.
        refused = refusal(ip if proxy else host, ip)
        if refused is None:
            endpoints.append((family, address))
        else:
            reason = refused
    if not endpoints:
        raise _failed(reason or f"{host} has no address")
    try:
        return await _race(endpoints)
    except OSError as error:
        raise _failed(f"cannot connect to {what}: {_plain(error)}") from error


async def _resolve(host: str, port: int) -> list[Endpoint]:
    flags = socket.AI_NUMERICHOST if literal(host) is not None else 0
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except OSError as error:
        raise _failed(f"cannot resolve {host}: {_plain(error)}") from error
    except UnicodeError as error:
        raise _failed(f"cannot resolve {host}: not a host name") from error
    return [(family, address) for family, _, _, _, address in found]


async def _race(endpoints: list[Endpoint]) -> socket.socket:
    """The first address that answers wins. Raises OSError, the first one's."""
    if len(endpoints) == 1:
        return await _connect_one(endpoints[0])
    waiting = deque(endpoints)
    running: set[asyncio.Task[socket.socket]] = set()
    started: list[asyncio.Task[socket.socket]] = []
    try:
        while waiting or running:
            if waiting:
                task = asyncio.ensure_future(_connect_one(waiting.popleft()))
                running.add(task)
                started.append(task)
            done, running = await asyncio.wait(
                running, timeout=_HEAD_START_SECONDS if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                if task.exception() is None:
                    started.remove(task)
                    return task.result()
        raise next(error for task in started if (error := task.exception()) is not None)
    finally:
        for task in started:
            task.cancel()
        for result in await asyncio.gather(*started, return_exceptions=True):
            if isinstance(result, socket.socket):
                result.close()


async def _connect_one(endpoint: Endpoint) -> socket.socket:
    family, address = endpoint
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel to the origin."""
    loop = asyncio.get_running_loop()
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    target = f"{host}:{origin.port}".encode("ascii")
    lines = [b"CONNECT %b HTTP/1.1" % target, b"Host: %b" % target]
    if proxy.authorization:
        lines.append(b"Proxy-Authorization: " + proxy.authorization)
    await loop.sock_sendall(sock, b"\r\n".join(lines) + b"\r\n\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        piece = await loop.sock_recv(sock, _PROXY_HEAD_BYTES)
        head += piece
        if not piece or len(head) > _PROXY_HEAD_BYTES:
            raise _failed(f"proxy {proxy.host}:{proxy.port} gave no answer to CONNECT")
    status = _PROXY_STATUS(head)
    if status is None or not head.endswith(b"\r\n\r\n"):
        raise _failed(f"proxy {proxy.host}:{proxy.port} does not speak HTTP")
    if not status[1].startswith(b"2"):
        answer = (status[1] + status[2]).decode("latin-1")
        raise _failed(f"proxy {proxy.host}:{proxy.port} refused the tunnel: {answer}")


def _failed(detail: str) -> UpstreamError:
    return UpstreamError("connect", detail, sent=False)


def _plain(error: OSError) -> str:
    if error.errno is not None and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error) or type(error).__name__).lower()
