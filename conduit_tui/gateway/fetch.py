"""A provider's small answer, fetched whole: for models, token counts and probes, which are not relayed as they come."""

import asyncio
from typing import NamedTuple

from conduit_tui.gateway.forward import Headers
from conduit_tui.gateway.http.call import Call, ResponseHead, UpstreamError
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.registry import Upstream

LARGEST = 4_000_000  # bytes


class Fetched(NamedTuple):
    """A whole answer; `body` as it came, content coding included."""

    head: ResponseHead
    body: bytes


class _Collector:
    """A sink that keeps the body."""

    def __init__(self) -> None:
        self.done: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()
        self.call: Call | None = None
        self._head: ResponseHead | None = None
        self._body = bytearray()

    def on_head(self, head: ResponseHead) -> None:
        self._head = head

    def on_data(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > LARGEST and self.call is not None and not self.done.done():
            self.call.abort()
            self.done.set_exception(UpstreamError("body", "the answer is larger than 4 MB", sent=True))

    def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        del trailers
        assert self._head is not None
        if not self.done.done():
            self.done.set_result(Fetched(self._head, bytes(self._body)))

    def on_failure(self, error: UpstreamError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


async def fetch(
    upstreams: Upstreams, upstream: Upstream, method: bytes, target: bytes, headers: Headers, body: bytes = b""
) -> Fetched:
    """Send a request and wait for its whole answer. Raises UpstreamError; closes the connection if cancelled."""
    collector = _Collector()
    collector.call = upstreams.send(upstream.origin, method, target, headers, body, collector)
    try:
        return await collector.done
    finally:
        if not collector.done.done() or collector.done.cancelled():
            collector.call.abort()
