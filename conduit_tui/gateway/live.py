"""What is under way, for those who watch."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from itertools import islice
from typing import TYPE_CHECKING

from conduit_tui.domain.live import InFlight, LiveView

if TYPE_CHECKING:
    from conduit_tui.gateway.exchange import Exchange

SHOWN = 100  # exchanges in one view; the rest is a number
PAUSE_SECONDS = 0.2  # between two views to one watcher
PROGRESS_SECONDS = 1.0  # between two views when only token counts moved
OLDER_SECONDS = 10.0  # after which an older gateway of which nothing is heard is shown no more


class LiveBoard:
    """The exchanges in flight and the counters, and a stream of views for each watcher."""

    def __init__(self, last_usage_id: Callable[[], int]) -> None:
        self._last_usage_id = last_usage_id
        self._in_flight: dict[str, Exchange] = {}
        self._older: dict[int, tuple[float, LiveView]] = {}  # by generation: until when, and what it has under way
        self._changed: set[asyncio.Event] = set()
        self.served = 0
        self.refused = 0
        self.draining = False
        self.bypass = False
        self.bypass_forced = os.environ.get("CONDUIT_BYPASS") == "1"
        self.price_list_problem = ""
        self.price_list_days = 0

    def began(self, exchange: "Exchange") -> None:
        self._in_flight[exchange.id] = exchange
        self.touch()

    def ended(self, exchange: "Exchange") -> None:
        self._in_flight.pop(exchange.id, None)
        self.served += 1
        self.touch()

    def touch(self) -> None:
        """Something changed that a watcher would want to see."""
        for event in self._changed:
            event.set()

    def show_older(self, generation: int, view: LiveView) -> None:
        """Show too what an older gateway has under way."""
        self._older[generation] = time.monotonic() + OLDER_SECONDS, view
        self.touch()

    def forget_older(self, generation: int) -> None:
        """An older gateway has ended."""
        if self._older.pop(generation, None) is not None:
            self.touch()

    @property
    def in_flight(self) -> int:
        """How many exchanges this gateway itself has under way."""
        return len(self._in_flight)

    def view(self) -> LiveView:
        now = time.monotonic()
        older = [view for until, view in self._older.values() if until > now]
        newest = islice(reversed(self._in_flight.values()), SHOWN)
        own = tuple(_shown(exchange) for exchange in newest)[::-1]
        return LiveView(
            at=int(time.time() * 1000),
            in_flight=(*(one for view in older for one in view.in_flight), *own)[-SHOWN:],
            in_flight_count=len(self._in_flight) + sum(view.in_flight_count for view in older),
            last_usage_id=self._last_usage_id(),
            served=self.served,
            refused=self.refused,
            draining=self.draining,
            bypass=self.bypass,
            bypass_forced=self.bypass_forced,
            price_list_problem=self.price_list_problem,
            price_list_days=self.price_list_days,
        )

    async def watch(self) -> AsyncIterator[LiveView]:
        """A view now, and again whenever something changed; at most five a second."""
        changed = asyncio.Event()
        self._changed.add(changed)
        try:
            while True:
                changed.clear()
                yield self.view()
                await asyncio.sleep(PAUSE_SECONDS)
                timeout = PROGRESS_SECONDS if self._in_flight else None
                try:
                    await asyncio.wait_for(changed.wait(), timeout)
                except TimeoutError:
                    continue
        finally:
            self._changed.discard(changed)


def _shown(exchange: "Exchange") -> InFlight:
    identity = exchange.identity
    return InFlight(
        exchange_id=exchange.id,
        project=identity.project,
        agent_type=identity.agent_type,
        session=identity.session,
        agent=identity.agent,
        request_class=identity.request_class,
        requested_model=exchange.peek.model,
        routed_model=exchange.decision.model,
        provider=exchange.upstream.name,
        dialect=identity.dialect,
        stream=exchange.peek.stream,
        started_at=exchange.created_at,
        first_byte_at=exchange.first_byte_at,
        output_tokens=exchange.output_tokens_so_far(),
        activity=exchange.activity or "",
        activity_since=exchange.activity_since,
    )
