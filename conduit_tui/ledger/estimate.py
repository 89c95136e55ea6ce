"""What a request may cost before it is sent, and what it will cost as far as can be told; pure."""

import re
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import Mode
from conduit_tui.domain.usage import Usage

BYTES_PER_TOKEN = 2.4  # on the low side of what bodies of JSON with code and English have
COUNTED_MARGIN = 1.1
STRICT_MARGIN = 1.3  # a count is made with another tokenizer than the provider's
IMAGE_TOKENS = 4_800  # the largest that any family charges for one image
DOCUMENT_TOKENS = 460_000  # a hundred pages of a PDF, as text and as images
STORED_TOKENS = 400_000  # what the provider keeps of a conversation comes on top of the body
UNSTATED_OUTPUT = 128_000  # a request that sets no limit to its answer

FIRST_OUTPUT = 4_096  # tokens held at first, and in each step after it
TIGHT_OUTPUT = 1_000  # the same above `TIGHT_PERCENT` of a cap
TIGHT_PERCENT = 80
TOP_UP_MARGIN = 100  # tokens before the end of what is held at which more is asked for

PriceOf = Callable[[Usage], int]  # nano-dollars

_CHOICES = re.compile(rb'"n"\s*:\s*(\d{1,4})')


class Demand(NamedTuple):
    """What is known of a request's size. `max_tokens` 0: the request sets no limit.

    `further_fees`: what the provider's tools may cost by the use at the most, in nano-dollars, above what a price says
    already. `further_input`: the most tokens that the model reads in the turns after their results. `missing`: the
    limit that the request would have to set for these to be known.
    """

    body: bytes
    dialect: Dialect
    max_tokens: int = 0
    further_fees: int = 0
    further_input: int = 0
    missing: str = ""

    @property
    def output_limit(self) -> int:
        """The most tokens that the answer can have."""
        choices = 1
        if self.dialect is Dialect.OPENAI_CHAT:
            choices = max([1, *map(int, _CHOICES.findall(self.body))])
        return (self.max_tokens or UNSTATED_OUTPUT) * choices

    @property
    def media_tokens(self) -> int:
        """The most that images, documents and what the provider has stored can add to the text."""
        # In the text of a body quotes are escaped, so these words stand for members and types.
        images = sum(map(self.body.count, (b'"image"', b'"image_url"', b'"input_image"')))
        documents = sum(map(self.body.count, (b'"document"', b'"file"', b'"input_file"')))
        stored = any(name in self.body for name in (b'"previous_response_id"', b'"conversation"', b'"prompt"'))
        return (
            images * IMAGE_TOKENS
            + documents * DOCUMENT_TOKENS
            + (STORED_TOKENS if stored and self.dialect is Dialect.OPENAI_RESPONSES else 0)
        )

    @property
    def long_cache(self) -> bool:
        """Whether it may write to the cache that lives for an hour."""
        return b'"1h"' in self.body


class Estimate(NamedTuple):
    """What is held for a request: for so many tokens, and `further` for the provider's tools, all in nano-dollars."""

    input_tokens: int
    output_tokens: int
    nanodollars: int
    further: int = 0


def estimate(
    mode: Mode,
    demand: Demand,
    price: PriceOf,
    *,
    usual_output: int = 0,
    counted: int | None = None,
    tight: bool = False,
) -> Estimate:
    """The amount to hold.

    Strict: all that the request can cost. Balanced: what it is expected to cost; `usual_output` is the 99th percentile
    of the answers seen. `counted` are its input tokens where they have been counted, `tight` says that the budget
    nears its cap and output is held in small steps.
    """
    if mode is Mode.STRICT:
        by_length = len(demand.body)
        by_count = by_length if counted is None else ceil(counted * STRICT_MARGIN)
        input_tokens = min(by_length, by_count) + demand.media_tokens
        output_tokens = demand.output_limit
    else:
        input_tokens = ceil(len(demand.body) / BYTES_PER_TOKEN if counted is None else counted * COUNTED_MARGIN)
        step = TIGHT_OUTPUT if tight else max(FIRST_OUTPUT, 2 * usual_output)
        output_tokens = min(demand.max_tokens or UNSTATED_OUTPUT, step)
    if mode is Mode.BALANCED:
        cost = dearest(price, input_tokens, output_tokens, long_cache=demand.long_cache)
        return Estimate(input_tokens, output_tokens, cost)
    cost = dearest(price, input_tokens, output_tokens, long_cache=True)
    further = demand.further_fees
    if demand.further_input:  # priced with the prompt, whose size decides the rates
        read_in_all = input_tokens + demand.further_input
        further += dearest(price, read_in_all, output_tokens, long_cache=True) - cost
    return Estimate(input_tokens, output_tokens, cost + further, further)


def dearest(price: PriceOf, input_tokens: int, output_tokens: int, *, long_cache: bool) -> int:
    """The price of so many tokens, wherever they fall: all written to a cache, or all reasoning."""
    plain = Usage(input_tokens, output_tokens)
    kinds = [plain, plain._replace(cache_write_5m_tokens=input_tokens)]
    if long_cache:
        kinds.append(plain._replace(cache_write_1h_tokens=input_tokens))
    return max(price(usage._replace(reasoning_tokens=part)) for usage in kinds for part in (0, output_tokens))


def with_output(price: PriceOf, known: Usage, output_tokens: int) -> int:
    """The price of a prompt that the provider has counted and an answer of so many tokens."""
    return max(price(known._replace(output_tokens=output_tokens, reasoning_tokens=part)) for part in (0, output_tokens))
