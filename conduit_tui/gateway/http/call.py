"""A call to an upstream: the request, where its answer goes, and what can go wrong."""

import asyncio
from typing import Literal, NamedTuple, Protocol

from conduit_tui.gateway.http.messages import Headers

Stage = Literal["connect", "send", "head", "body"]


class ResponseHead(NamedTuple):
    """The head of the final answer. `headers` keep order and case; the hop-by-hop ones are still there."""

    status: int
    reason: bytes
    headers: Headers


class UpstreamError(Exception):
    """A call that failed. `detail` is for people; `sent` says whether a byte of the request left this machine,
    `timed_out` whether we gave up on a silent upstream."""

    def __init__(self, stage: Stage, detail: str, sent: bool, timed_out: bool = False) -> None:
        super().__init__(f"{stage}: {detail}")
        self.stage = stage
        self.detail = detail
        self.sent = sent
        self.timed_out = timed_out


class Sink(Protocol):
    """Where an answer goes. Called on the event loop, never before `send` has returned; `on_end` or `on_failure`
    comes last, and nothing comes after `Call.abort`."""

    def on_head(self, head: ResponseHead) -> None:
        """The head of the final answer."""

    def on_data(self, data: bytes) -> None:
        """A piece of the body, the transfer coding removed, the content coding not."""

    def on_end(self, trailers: Headers) -> None:
        """The answer is whole."""

    def on_failure(self, error: UpstreamError) -> None:
        """There is no more; the answer is not whole."""


class _Nobody:
    """Stands in for the sink of a call that is over, so that call and sink do not hold each other."""

    def on_head(self, head: ResponseHead) -> None:
        pass

    def on_data(self, data: bytes) -> None:
        pass

    def on_end(self, trailers: Headers) -> None:
        pass

    def on_failure(self, error: UpstreamError) -> None:
        pass


NOBODY: Sink = _Nobody()


class Carrier(Protocol):
    """The connection that a call is on."""

    def abort(self) -> None:
        """Cut it; the call hears nothing more."""

    def pause(self) -> None:
        """Take no more of the answer until `resume`."""

    def resume(self) -> None:
        """Take the answer again."""


class Call:
    """One request to an upstream and the way back of its answer."""

    __slots__ = ("aborted", "bodiless", "body", "connection", "head", "may_retry", "sink", "task")

    def __init__(self, head: bytes, body: bytes, sink: Sink, bodiless: bool) -> None:
        self.task: asyncio.Task[None] | None = None
        self.head = head
        self.body = body
        self.sink = sink
        self.bodiless = bodiless
        self.may_retry = False  # it went out on a connection that had lain in the pool
        self.connection: Carrier | None = None
        self.aborted = False

    def fail(self, error: UpstreamError) -> None:
        """Tell the sink, once."""
        sink, self.sink = self.sink, NOBODY
        sink.on_failure(error)

    def abort(self) -> None:
        """Close the connection at once; the sink hears nothing more."""
        self.aborted = True
        self.sink = NOBODY
        if self.connection is not None:
            self.connection.abort()
            self.connection = None
        if self.task is not None:
            self.task.cancel()

    def pause(self) -> None:
        """Take no more of the answer until `resume`; what was already read may still come."""
        if self.connection is not None:
            self.connection.pause()

    def resume(self) -> None:
        """Take the answer again."""
        if self.connection is not None:
            self.connection.resume()
