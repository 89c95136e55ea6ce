"""The relay of one attempt: bytes go from the provider to the client as they come, the meter reads a copy."""

import asyncio
import time
from collections.abc import Coroutine
from enum import Enum, auto
from typing import Any

from conduit_tui.domain.limits import Refusal
from conduit_tui.gateway.answers import DECISION_HEADER, EXCHANGE_HEADER, decision_header
from conduit_tui.gateway.exchange import COST_LIMIT, Attempt, Exchange
from conduit_tui.gateway.forward import Headers, response_headers
from conduit_tui.gateway.http.call import Call, ResponseHead, UpstreamError
from conduit_tui.ledger.held import Held
from conduit_tui.wire.errors import error_event
from conduit_tui.wire.meter import Meter, meter_for
from conduit_tui.wire.pings import LONGEST_END, is_between_events, ping
from conduit_tui.wire.usage_filter import UsageChunkFilter

_LONGEST_REFUSAL = 65_536  # bytes of an error that is kept back to see whether the attempt is made again


class Again(Enum):
    """How an attempt is to be made again; the client has seen nothing of it."""

    WITHOUT_USAGE = auto()
    NEXT_MODEL = auto()


class Relay:
    """A sink for the provider's answer. `done` is resolved when the attempt is over, however it ended.

    With `asked_usage` the client did not ask for a usage chunk and we did: the chunk is taken out again, and a 400 that
    names `stream_options` is kept from the client, so that the road can ask without it. With `may_fall_back` a failure
    before the first byte is kept from the client too. `again` tells the road.
    """

    def __init__(self, exchange: Exchange, attempt: Attempt, *, asked_usage: bool, may_fall_back: bool) -> None:
        self.exchange = exchange
        self.attempt = attempt
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.again: Again | None = None
        self._responder = exchange.responder
        self._asked_usage = asked_usage
        self._may_fall_back = may_fall_back
        self._corrected = False  # whether the hold is for the prompt as the provider counted it
        self._asking: set[asyncio.Task[None]] = set()
        self._filter: UsageChunkFilter | None = None
        self._kept: list[bytes] | None = None
        self._head: ResponseHead | None = None
        self._call: Call | None = None
        self._tail = b""  # the last bytes that the client was sent
        self._spoke_at = 0.0  # `perf_counter` seconds; 0 while there is no stream that could be given a sign of life

    def attach(self, call: Call) -> None:
        """Tie the two connections together: who leaves or pauses is felt on the other side."""
        self._call = call
        responder = self._responder
        responder.on_gone = self._client_gone
        responder.on_pause = call.pause
        responder.on_resume = call.resume
        if responder.gone:
            self._client_gone()

    def cut(self, message: str, *, status: int = 503, why: str = "drain") -> None:
        """End the attempt now: the client is told in its dialect, the provider's connection is closed."""
        if self.done.done():
            return
        self.attempt.aborted = why
        if self._call is not None:
            self._call.abort()
        if self._responder.started:
            self._end_with_error(status, message)
        self._over()

    def say_alive(self, now: float, silent_seconds: float) -> None:
        """Send a ping where the provider has been silent for so long between two events of its stream."""
        if self._spoke_at and now - self._spoke_at >= silent_seconds and is_between_events(self._tail):
            if not self._responder.gone and not self._responder.finished:
                self._responder.write(ping(self.exchange.dialect))
            self._spoke_at = now

    # the provider's side

    def on_head(self, head: ResponseHead) -> None:
        attempt = self.attempt
        attempt.status = head.status
        attempt.first_byte = time.perf_counter()
        attempt.response_headers = head.headers
        self.exchange.first_byte_at = int(time.time() * 1000)
        headers = response_headers(head.headers)
        length = headers.length
        attempt.meter = meter_for(self.exchange.dialect, headers.content_type, headers.content_encoding)
        if (self._may_fall_back and is_failure(head.status)) or (self._asked_usage and head.status == 400):
            self._kept = []
            self._head = head
            return
        if self._asked_usage and "event-stream" in headers.content_type:
            self._filter = UsageChunkFilter()
            length = None
        self._start(head, headers.passed, length)

    def on_data(self, data: bytes) -> None:
        attempt = self.attempt
        attempt.response_bytes += len(data)
        if attempt.meter is not None:
            attempt.meter.feed(data)
            if attempt.meter.activity is not self.exchange.activity:
                self.exchange.activity = attempt.meter.activity
                self.exchange.activity_since = int(time.time() * 1000)
            if attempt.held is not None and attempt.meter.is_stream:
                self._mind_budget(attempt.held, attempt.meter)
        if self._kept is not None:
            self._keep(data)
        elif self._filter is None:
            self._pass(data)
        else:
            passed = self._filter.feed(data)
            if passed:
                self._pass(passed)

    def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
        del trailers  # a trailer is hop-by-hop unless both sides agreed on it
        attempt = self.attempt
        if attempt.meter is not None:
            attempt.meter.finish()
        if self._kept is not None:
            if is_failure(attempt.status):
                self.again = Again.NEXT_MODEL
            elif b"stream_options" in b"".join(self._kept):
                self.again = Again.WITHOUT_USAGE
            if self.again is not None:
                self._over()
                return
            self._release()
        elif self._filter is not None:
            rest = self._filter.finish()
            if rest:
                self._responder.write(rest)
        self._responder.finish()
        self._over()

    def on_failure(self, error: UpstreamError) -> None:
        attempt = self.attempt
        attempt.error = error
        if attempt.meter is not None:
            attempt.meter.finish()
        if self._may_fall_back and not self._responder.started:
            self.again = Again.NEXT_MODEL
        elif self._kept is not None:
            self._release()
        if self._responder.started and not self._responder.gone:
            if error.timed_out:
                self._end_with_error(504, f"provider {attempt.upstream.name}: {error.detail}")
            else:
                self._responder.abort()  # as the client would have seen it without us
        self._over()

    # the client's side

    def _client_gone(self) -> None:
        if self.done.done():
            return
        self.attempt.client_gone = True
        if self._call is not None:
            self._call.abort()
        if self.attempt.meter is not None:
            self.attempt.meter.finish()
        self._over()

    def _pass(self, data: bytes) -> None:
        self._responder.write(data)
        if self._spoke_at:
            self._tail = data[-LONGEST_END:] if len(data) >= LONGEST_END else (self._tail + data)[-LONGEST_END:]
            self._spoke_at = time.perf_counter()

    def _start(self, head: ResponseHead, headers: Headers, length: int | None) -> None:
        headers.append((EXCHANGE_HEADER, self.exchange.id.encode()))
        headers.append((DECISION_HEADER, decision_header(self.attempt.decision)))
        self._responder.start(head.status, head.reason, headers, length)
        meter = self.attempt.meter
        if length is None and meter is not None and meter.is_stream and not _encoded(head):
            self._spoke_at = time.perf_counter()

    def _mind_budget(self, held: Held, meter: Meter) -> None:
        """Correct the hold when the prompt's true size is known, and hold more as the answer grows."""
        if meter.usage is not None and not self._corrected:
            self._corrected = True
            self._ask(held.correct(meter.usage))
        output = self.exchange.output_tokens_so_far()
        if held.needs_top_up(output):
            self._ask(held.top_up(output))

    def _ask(self, wish: Coroutine[Any, Any, Refusal | None]) -> None:
        task = asyncio.get_running_loop().create_task(self._cut_if_refused(wish))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _cut_if_refused(self, wish: Coroutine[Any, Any, Refusal | None]) -> None:
        refusal = await wish
        if refusal is not None:
            self.cut(refusal.message, status=402, why=COST_LIMIT)

    def _keep(self, data: bytes) -> None:
        assert self._kept is not None
        if self.attempt.response_bytes <= _LONGEST_REFUSAL:
            self._kept.append(data)
        elif not is_failure(self.attempt.status):
            self._release()
            self._responder.write(data)

    def _release(self) -> None:
        """Pass on what was kept back: it was not about `stream_options` after all."""
        assert self._head is not None
        kept, self._kept = self._kept or [], None
        self._start(self._head, response_headers(self._head.headers).passed, None)
        for data in kept:
            self._pass(data)

    def _end_with_error(self, status: int, message: str) -> None:
        meter = self.attempt.meter
        if meter is not None and meter.is_stream:
            self._responder.write(error_event(self.exchange.dialect, status, message))
            self._responder.finish()
        else:
            self._responder.abort()

    def _over(self) -> None:
        responder = self._responder
        responder.on_gone = responder.on_pause = responder.on_resume = None
        if not self.done.done():
            self.done.set_result(None)


def _encoded(head: ResponseHead) -> bool:
    return any(name.lower() == b"content-encoding" and value != b"identity" for name, value in head.headers)


def is_failure(status: int) -> bool:
    """Whether an answer is a failure of the provider's, which another model may not have: 429, 529 and 5xx."""
    return status == 429 or status >= 500
