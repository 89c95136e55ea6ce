"""Yesterday: usage rows as a gateway would have written them, so that lists and charts have something to show."""

import asyncio
import json
import random
from collections.abc import Iterator
from typing import NamedTuple

from conduit_tui.demo import scenery
from conduit_tui.demo.clients import uuid_of
from conduit_tui.demo.policy import reason, routed
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.usage import Usage, UsageFlag, UsageRow
from conduit_tui.pricing.catalog import NO_PRICE, Catalog, Price
from conduit_tui.store.interface import Store

HOUR_MS = 3_600_000
ANTHROPIC_PROVIDER, OPENAI_PROVIDER = "sim-anthropic", "sim-openai"
_HOURS = 24
_SESSIONS_AN_HOUR = (
    1,
    1,
    0,
    0,
    1,
    1,
    3,
    6,
    8,
    9,
    9,
    7,
    8,
    9,
    9,
    8,
    7,
    5,
    4,
    3,
    3,
    2,
    2,
    1,
)  # by the hour of the day, UTC
_CACHE_LIFE_MS = 300_000
_AT_ONCE = 500
_ERRORS = ((0.012, 429, "rate_limit_error"), (0.004, 529, "overloaded_error"), (0.003, 500, "api_error"))


class _Speaker(NamedTuple):
    """What stays the same from request to request."""

    project: str
    session: str
    client: str
    dialect: Dialect
    model: scenery.Model  # that it asks for
    agent: str = ""
    agent_type: str = ""
    request_class: str = ""


async def write_history(store: Store, now_ms: int, seed: int) -> int:
    """Record a day of usage that ends at `now_ms`; returns the number of rows."""
    rows = sorted(_rows(now_ms, seed, Catalog()), key=lambda row: row.created_at)
    for start in range(0, len(rows), _AT_ONCE):
        await asyncio.gather(*(store.record(row) for row in rows[start : start + _AT_ONCE]))
    return len(rows)


def _rows(now_ms: int, seed: int, catalog: Catalog) -> Iterator[UsageRow]:
    for ago in range(_HOURS):
        begins = now_ms - (ago + 1) * HOUR_MS
        dice = scenery.dice_of(seed, "history", ago)
        # the last hours are always busy, whenever the demo is shown
        sessions = max(_SESSIONS_AN_HOUR[begins // HOUR_MS % 24], 5 if ago < 3 else 0)
        for _ in range(sessions):
            for row in _session(dice, begins + dice.randrange(HOUR_MS), catalog):
                if row.created_at + row.latency_ms < now_ms:
                    yield row


def _session(dice: random.Random, at: int, catalog: Catalog) -> Iterator[UsageRow]:
    project = dice.choice(scenery.SCENES).project
    kind = dice.random()
    if kind < 0.15:
        yield from _talk(dice, _Speaker(project, "", "llm", Dialect.OPENAI_CHAT, scenery.MINI), at, 1, catalog)
    elif kind < 0.3:
        codex = _Speaker(project, uuid_of(dice), "codex_exec", Dialect.OPENAI_RESPONSES, scenery.SOL)
        yield from _talk(dice, codex, at, dice.randint(3, 12), catalog)
    else:
        main = dice.choice((scenery.OPUS, scenery.OPUS, scenery.SONNET))
        claude = _Speaker(project, uuid_of(dice), "claude-cli", Dialect.ANTHROPIC, main, "", "main", "main")
        title = claude._replace(agent_type="", request_class="auxiliary")
        yield from _talk(dice, title, at, 1, catalog)
        for number in range(dice.randint(1, 4)):
            yield from _talk(dice, claude, at, dice.randint(4, 14), catalog, earlier=9_000 * number)
            for _ in range(dice.choice((0, 0, 1, 2))):
                explores = dice.random() < 0.7
                subagent = claude._replace(
                    agent=f"{dice.getrandbits(68):017x}",
                    agent_type="Explore" if explores else "general-purpose",
                    request_class="subagent",
                )
                yield from _talk(dice, subagent, at + dice.randrange(20_000), dice.randint(3, 8), catalog)
            at += dice.randrange(120_000, 900_000)


def _talk(
    dice: random.Random, who: _Speaker, at: int, turns: int, catalog: Catalog, *, earlier: int = 0
) -> Iterator[UsageRow]:
    """The requests of one agent, each with a longer prompt than the one before; `earlier` tokens were said already."""
    small = who.request_class == "auxiliary" or who.dialect is Dialect.OPENAI_CHAT
    prompt = dice.randint(200, 3_000) if small else earlier + dice.randint(11_000, 18_000)
    known = 0
    for turn in range(turns):
        output = dice.randint(8, 30) if small else int(min(4_000, 60 + dice.expovariate(1 / 350)))
        read = known // 128 * 128 if who.dialect is not Dialect.ANTHROPIC else known
        written = prompt - 4 - read if who.dialect is Dialect.ANTHROPIC and not small else 0
        usage = Usage(prompt, output, read, written, 0, 0 if small else output // 3)
        row = _row(dice, who, at, usage, catalog, stop="tool_use" if turn < turns - 1 else "end_turn")
        yield row
        pause = row.latency_ms + dice.randrange(300, 12_000)
        at += pause
        known = prompt if pause < _CACHE_LIFE_MS and row.status == 200 and not small else 0
        prompt += output + int(min(9_000, 150 + dice.expovariate(1 / 1_200)))


def _row(dice: random.Random, who: _Speaker, at: int, usage: Usage, catalog: Catalog, *, stop: str) -> UsageRow:
    status, error_type, flags = 200, "", ""
    model, rule = routed(who.project, who.agent_type, who.request_class, who.model)
    source, why = reason(rule)
    first_byte_ms = int(model.first_byte_seconds * 1_000 * dice.lognormvariate(0.0, 0.4))
    latency_ms = first_byte_ms + int(usage.output_tokens / model.tokens_per_second * 1_000)
    luck = dice.random()
    for share, error_status, name in _ERRORS:
        luck -= share
        if luck < 0:
            status, error_type, usage, latency_ms = error_status, name, Usage(), first_byte_ms
            break
    else:
        if luck > 0.975:
            error_type, flags = "client_gone", UsageFlag.ABORTED
            usage, latency_ms = (
                usage._replace(output_tokens=usage.output_tokens // 2),
                (first_byte_ms + latency_ms) // 2,
            )
    provider = ANTHROPIC_PROVIDER if who.dialect is Dialect.ANTHROPIC else OPENAI_PROVIDER
    price = catalog.price(model.name, usage, provider, at) if usage.input_tokens else Price(0, NO_PRICE)
    timings = {"body_ms": 0, "sent_us": dice.randint(120, 600), "first_byte_ms": first_byte_ms, "done_ms": latency_ms}
    told = {"stream": True, "timings": timings, "trace": [], **({"stop": stop} if status == 200 else {})}
    return UsageRow(
        exchange_id=f"{at:012x}{dice.getrandbits(48):012x}",
        attempt=1,
        project=who.project,
        agent=who.agent,
        agent_type=who.agent_type,
        session=who.session,
        request_class=who.request_class,
        client=who.client,
        dialect=who.dialect,
        requested_model=who.model.name,
        routed_model=model.name,
        provider=provider,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_5m_tokens=usage.cache_write_5m_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_nanodollars=price.nanodollars,
        cost_currency="USD",
        price_source=price.source,
        routing_source=source,
        routing_reason=why,
        rule_id=rule,
        status=status,
        error_type=error_type,
        latency_ms=latency_ms,
        first_byte_ms=first_byte_ms,
        overhead_us=timings["sent_us"],
        flags=flags,
        metadata=json.dumps(told),
        created_at=at,
    )
