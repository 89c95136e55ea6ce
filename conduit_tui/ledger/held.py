"""Money held for one attempt, from before it is sent until it is settled."""

import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable

from conduit_tui.domain.limits import Refusal
from conduit_tui.domain.usage import Usage, UsageRow
from conduit_tui.ledger.estimate import (
    FIRST_OUTPUT,
    TIGHT_OUTPUT,
    TIGHT_PERCENT,
    TOP_UP_MARGIN,
    Demand,
    Estimate,
    PriceOf,
    dearest,
    with_output,
)
from conduit_tui.store.ledger_entries import Key

Resize = Callable[["Held", Estimate, int], Awaitable[Refusal | None]]
"""Changes what is held for an attempt, up to a share of each cap in percent."""


class Held:
    """A hold. `limited` is False where no budget limits the request: then nothing is written until it is settled."""

    __slots__ = ("_change", "_changing", "_known", "_size", "deadline", "demand", "limited", "price", "row", "seconds")

    def __init__(
        self,
        resize: Resize,
        row: UsageRow,
        demand: Demand,
        price: PriceOf,
        size: Estimate,
        seconds: float,
        *,
        limited: bool,
    ) -> None:
        self.row = row  # as it was known when the hold was made
        self.demand = demand
        self.price = price
        self.limited = limited
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds  # when it is given up, unless something is heard of it
        self._change = resize
        self._size = size
        self._known: Usage | None = None  # the prompt as the provider has counted it
        self._changing = False

    @property
    def key(self) -> Key:
        return self.row.exchange_id, self.row.attempt

    @property
    def nanodollars(self) -> int:
        """What is held."""
        return self._size.nanodollars

    def needs_top_up(self, output_tokens: int) -> bool:
        """Whether an answer of so many tokens so far comes near the end of what is held. Cheap: ask at each event.

        Also says that the attempt is alive, so that its hold does not expire.
        """
        if not self.limited:
            return False
        self.deadline = time.monotonic() + self.seconds
        held = self._size.output_tokens
        return (
            not self._changing
            and output_tokens > held - TOP_UP_MARGIN
            and (not self.demand.max_tokens or held < self.demand.max_tokens)
        )

    async def top_up(self, output_tokens: int) -> Refusal | None:
        """Hold more, for an answer that has so many tokens so far. A Refusal says that the stream must end now."""
        if not self.limited or self._changing:
            return None
        self._changing = True
        try:
            refusal = None
            for step, percent in ((FIRST_OUTPUT, TIGHT_PERCENT), (TIGHT_OUTPUT, 100)):
                wanted = output_tokens + step
                if self.demand.max_tokens:
                    wanted = min(wanted, max(output_tokens, self.demand.max_tokens))
                refusal = await self._resize(max(wanted, self._size.output_tokens), percent)
                if refusal is None:
                    break
            return refusal
        finally:
            self._changing = False

    async def correct(self, usage: Usage) -> Refusal | None:
        """Hold what the prompt costs as the provider has counted it, as streams say at their beginning.

        Where the budget has not so much, what is held already must do for the answer as far as it goes. A Refusal says
        that it does not even do for the prompt: the stream must end now.
        """
        if not self.limited:
            return None
        self._known = usage
        refusal = await self._resize(max(self._size.output_tokens, usage.output_tokens), 100)
        if refusal is None or (covered := self._covered(usage)) < usage.output_tokens:
            return refusal
        self._size = self._size._replace(output_tokens=covered)
        return None

    def _covered(self, known: Usage) -> int:
        """The longest answer, in tokens, that is paid with what is held; -1 if not even the prompt is."""
        money = self._size.nanodollars - self._size.further
        lengths = range(self._size.output_tokens + 1)
        return bisect_right(lengths, money, key=lambda tokens: with_output(self.price, known, tokens)) - 1

    async def _resize(self, output_tokens: int, percent: int) -> Refusal | None:
        if self._known is not None:
            cost = with_output(self.price, self._known, output_tokens)
        else:
            cost = dearest(self.price, self._size.input_tokens, output_tokens, long_cache=self.demand.long_cache)
        size = self._size._replace(output_tokens=output_tokens, nanodollars=cost + self._size.further)
        refusal = await self._change(self, size, percent)
        if refusal is None:
            self._size = size
        return refusal
