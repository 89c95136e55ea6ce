"""Prices of the user's own."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conduit_tui.domain.money import NANO_PER_DOLLAR

UNKNOWN = "unknown"  # stands in a model's place for the rate of models whose price nobody knows
HIGHEST_RATE = 10_000 * NANO_PER_DOLLAR

Rate = Annotated[int, Field(ge=0, le=HIGHEST_RATE)]  # nano-dollars per million tokens


class PriceOverride(BaseModel):
    """What a model costs, in nano-dollars per million tokens; it comes before the price list.

    `model` is a name or a pattern with `*` and `?`, `provider` empty for all of them. Rates of the cache that are not
    given are those of the input. Nothing is free but what says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[str, Field(min_length=1, max_length=200)]
    provider: str = ""
    free: bool = False
    input: Rate = 0
    output: Rate = 0
    cache_read: Rate | None = None
    cache_write_5m: Rate | None = None
    cache_write_1h: Rate | None = None
    updated_at: int = 0  # milliseconds since the epoch

    @model_validator(mode="after")
    def _free_or_priced(self) -> "PriceOverride":
        rates = (self.input, self.output, self.cache_read, self.cache_write_5m, self.cache_write_1h)
        if self.free and any(rates):
            raise ValueError("a free model has no rates")
        if not self.free and not (self.input and self.output):
            raise ValueError("a model has a rate for input and one for output, or says that it is free")
        if self.free and self.model == UNKNOWN:
            raise ValueError("models without a known price are not free; name those that are")
        return self


UNKNOWN_RATE = PriceOverride(
    model=UNKNOWN,
    input=15 * NANO_PER_DOLLAR,
    output=75 * NANO_PER_DOLLAR,
    cache_write_5m=75 * NANO_PER_DOLLAR // 4,
    cache_write_1h=30 * NANO_PER_DOLLAR,
)
