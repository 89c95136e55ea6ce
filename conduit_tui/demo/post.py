"""A small HTTP client for the sample traffic: one request, one connection."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from conduit_tui.demo.clients import Ask
from conduit_tui.demo.dialects import compact

_LONGEST_SECONDS = 120.0


class Outcome(NamedTuple):
    """How an answer ended: its status (0 if there was none) and the seconds it asked to wait before a retry."""

    status: int
    retry_after: float = 0.0


async def post(url: str, ask: Ask, *, leave: Callable[[int], bool] = lambda _received: False) -> Outcome:
    """Send a request and read its answer to the end, or until `leave` says so of the bytes received.

    An answer that does not come, or not to its end, is the outcome 0.
    """
    where = urlsplit(url)
    body = compact(ask.body).encode()
    lines = {
        "Host": where.netloc,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **ask.headers,
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            try:
                writer.write(f"POST {ask.path} HTTP/1.1\r\n{head}\r\n".encode() + body)
                status, headers = _parse_head(await reader.readuntil(b"\r\n\r\n"))
                received, last = 0, b""
                while data := await reader.read(65536):
                    received, last = received + len(data), (last + data)[-5:]
                    if leave(received):
                        break
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, EOFError, TimeoutError):
        return Outcome(0)
    if headers.get("transfer-encoding") == "chunked" and not last.endswith(b"0\r\n\r\n"):
        return Outcome(0)
    return Outcome(status, float(headers.get("retry-after", 0)))


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    status_line, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status_line.split(" ")[1]), headers
