"""What a gateway has been told: by signals, by the daemon's orders, and by the daemon's death."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from conduit_tui.control.orders import Order, OrderType


class Orders:
    """The wishes of the daemon.

    `drain` is set when the gateway is to end its streams, `cut` when it is told so twice. A daemon that dies says it
    twice, through the life pipe and by the signal at its death, and means it once. `hand_over` is set when the next
    gateway waits for listener and database. `take_over` has the generations that still drain, once this gateway, if it
    was started to wait, may begin.
    """

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.cut = asyncio.Event()
        self.hand_over = asyncio.Event()
        self.take_over: asyncio.Future[tuple[int, ...]] = asyncio.get_running_loop().create_future()
        self.on_ended: Callable[[int], None] | None = None  # an older generation has ended
        self._early: list[int] = []
        self._daemon = os.getppid()

    def terminate(self) -> None:
        """SIGTERM came."""
        again = self.drain.is_set() and os.getppid() == self._daemon
        (self.cut if again else self.drain).set()

    def take(self, order: Order) -> None:
        """An order of the daemon's came."""
        match order.type:
            case OrderType.HAND_OVER:
                self.hand_over.set()
                self.drain.set()
            case OrderType.TAKE_OVER if not self.take_over.done():
                self.take_over.set_result(order.living)
            case OrderType.ENDED if self.on_ended is not None:
                self.on_ended(order.generation)
            case OrderType.ENDED:
                self._early.append(order.generation)

    def tell_ended(self, take: Callable[[int], None]) -> None:
        """Have `take` called with each older generation that ends, also with those that have ended already."""
        self.on_ended = take
        for generation in self._early:
            take(generation)
        self._early.clear()

    async def turn(self) -> tuple[int, ...] | None:
        """Wait for the turn of a gateway that was started to wait: the generations that still drain.

        None if it is told to end instead.
        """
        ending = asyncio.ensure_future(self.drain.wait())
        told: set[asyncio.Future[Any]] = {ending, self.take_over}
        await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        return self.take_over.result() if self.take_over.done() and not self.drain.is_set() else None
