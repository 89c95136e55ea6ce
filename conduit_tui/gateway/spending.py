"""What stands between an attempt and its provider, the hold in the ledger; and what follows it, the settlement."""

import asyncio
from email.utils import parsedate_to_datetime

from conduit_tui.domain.facts import Identity
from conduit_tui.domain.limits import Refusal
from conduit_tui.domain.usage import Usage
from conduit_tui.gateway.exchange import Attempt, Exchange
from conduit_tui.gateway.house import House
from conduit_tui.gateway.record import captured, usage_row
from conduit_tui.ledger.estimate import Demand
from conduit_tui.ledger.ledger import HoldRequest
from conduit_tui.pricing.prices import FREE, Prices
from conduit_tui.store.interface import StoreError
from conduit_tui.wire.server_tools import NOTHING_ASKED, Asked, asked

CODEX_SEARCH = 'web_search = "disabled" in the config.toml of codex'  # it sets no limit, and offers a search each time
LONG_CONTEXT = b"context-1m"  # the beta that makes some models' windows larger than they are listed with
LONG_CONTEXT_TOKENS = 1_000_000


async def hold(exchange: Exchange, attempt: Attempt, house: House) -> Refusal | None:
    """Hold what an attempt may cost, where a budget limits it. When this returns None, the attempt may be sent."""
    identity, model, provider = exchange.identity, attempt.decision.model, attempt.upstream.name
    project = house.projects.get(identity.project)
    config = project.config if project is not None else None
    in_force = config is not None and config.enabled and config.features.cost_tracking and not house.bypass
    if not house.ledger.limits(identity.project, model, identity.agent_type, project_limits=in_force):
        return None
    await house.prices_loaded
    prices, at = house.prices, exchange.created_at
    wanted = asked(exchange.request.body, exchange.dialect)

    def price(usage: Usage) -> int:
        return prices.price(model, usage, provider, at, wanted.expected).nanodollars

    async def count_tokens() -> int:
        return await asyncio.to_thread(house.counter.count, exchange.request.body, exchange.dialect, model)

    held = await house.ledger.hold(
        HoldRequest(
            row=usage_row(exchange, attempt, house),  # what remains of it if this gateway dies
            demand=demand(exchange, wanted, prices, model, provider),
            price=price,
            count_tokens=count_tokens,
            priced=prices.knows(model, provider, at),
            project_limits=in_force,
        )
    )
    if isinstance(held, Refusal):
        return held
    attempt.held = held
    return None


def demand(exchange: Exchange, wanted: Asked, prices: Prices, model: str, provider: str) -> Demand:
    """What is known of a request's size, with the most that the provider's tools add to it."""
    body, dialect, at = exchange.request.body, exchange.dialect, exchange.created_at
    sized = Demand(body, dialect, exchange.peek.max_tokens)
    if wanted == NOTHING_ASKED or prices.price(model, Usage(1, 1), provider, at).source == FREE:
        return sized
    window = prices.context_window(model, provider, at) if wanted.turns else 0
    if LONG_CONTEXT in (exchange.request.header(b"anthropic-beta") or b""):
        window = max(window, LONG_CONTEXT_TOKENS)
    return sized._replace(
        further_fees=prices.fees(model, provider, at, wanted.most) - prices.fees(model, provider, at, wanted.expected),
        further_input=wanted.turns * window,
        missing=CODEX_SEARCH if wanted.missing and exchange.identity.client.startswith("codex") else wanted.missing,
    )


async def used_percent(identity: Identity, model: str, house: House) -> float | None:
    """The fact `budgetUsed`; unknown, and so no reason to act, while the ledger cannot be read."""
    try:
        return await house.ledger.used_percent(identity.project, model, identity.agent_type)
    except StoreError:
        return None


async def settle(exchange: Exchange, attempt: Attempt, house: House) -> None:
    """Write down what an attempt used and cost, and give back what was held for it. Raises StoreError."""
    await house.prices_loaded
    if house.ledger.clock.jumped_ms and (witness := provider_time(attempt)) is not None:
        house.ledger.clock.confirm(witness)
    row, texts = usage_row(exchange, attempt, house), captured(exchange, attempt, house)
    house.tally.attempt(row)
    house.provider_health.attempt(row)
    await house.ledger.settle(attempt.held, row, texts)


def provider_time(attempt: Attempt) -> int | None:
    """The provider's clock by its answer's Date, in milliseconds since the epoch."""
    for name, value in attempt.response_headers:
        if name.lower() == b"date":
            try:
                return int(parsedate_to_datetime(value.decode("latin-1")).timestamp() * 1000)
            except (ValueError, OverflowError):
                return None
    return None
