"""A world whose project has rules, and requests that they decided."""

import asyncio
from collections.abc import Sequence

from scenes import MINUTE, NOW, World, live, metadata, row, status

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.decisions import RuleOutcome
from conduit_tui.domain.rules import Rule
from conduit_tui.domain.usage import UsageRow
from conduit_tui.routing.expression import parse

PROJECT = "default"


def rule(name: str, when: str, use: str, priority: int, **more: object) -> Rule:
    return Rule(id=f"r-{name}", name=name, priority=priority, conditions=parse(when), target_model=use, **more)


RULES = (
    rule(
        "explore", 'agentType = "Explore"', "claude-haiku-5-5", 10,
        description="Subagents that only look around do well with a small model.",
    ),
    rule(
        "big context", 'tokenCount > 50000 and not flags contains "thinking"', "claude-sonnet-5-5", 5,
        sticky="session", rollout=50.0, fallback=("claude-opus-5-5",),
    ),
    rule("night batch", "hour >= 22 or hour < 6", "claude-haiku-5-5", 3, enabled=False),
    rule("analysis", 'message matches "(?i)analy[sz]e" and (model contains "opus" or toolCount > 20)',
         "gpt-6.1-sol", 2),
)  # fmt: skip


def decision(matched: str, value: str, **more: object) -> dict[str, object]:
    """What the gateway writes down of a decision by the first or the second rule."""
    steps = []
    decided = False
    for each in RULES:
        if not each.enabled:
            continue
        outcome = RuleOutcome.NOT_LOOKED_AT if decided else RuleOutcome.NO_MATCH
        conditions = []
        if not decided:
            here = each.name == matched
            outcome = RuleOutcome.MATCHED if here else outcome
            decided = here
            conditions = [
                {
                    "text": 'agentType = "Explore"' if each.name == "explore" else "tokenCount > 50000",
                    "value": value if here else "missing",
                    "answer": "yes" if here else "no",
                    "looked_at": True,
                }
            ]
        steps.append(
            {
                "rule_id": each.id, "name": each.name, "priority": each.priority, "model": each.target_model,
                "outcome": outcome, "note": "", "conditions": conditions,
            }
        )  # fmt: skip
    return {"source": "rule", "model": "claude-haiku-5-5", "reason": f'rule "{matched}"', "steps": steps, **more}


def facts(**more: object) -> dict[str, object]:
    known = {
        "bytes": 214_311, "maxTokens": 32_000, "toolCount": 12, "messageCount": 9, "flags": ["stream", "tools"],
        "messageHash": "00",
    }  # fmt: skip
    return known | more


def routed_rows(count: int = 40) -> list[UsageRow]:
    """Requests of which some were decided by rules, oldest first; one of them broke a cache."""
    rows = []
    for number in range(count):
        kind = number % 4
        ago = (count - number) * 7 * MINUTE
        base = row(
            number, ago=ago, project=PROJECT, session=f"s-{number % 3}", agent_type="Explore" if kind == 1 else "",
            metadata=metadata(facts=facts(tokenCount=8_000 + number * 2_000)),
        )  # fmt: skip
        if kind == 1:
            broken = {"broken_cache": {"before": "claude-opus-5-5", "tokens": 84_000, "nanodollars": 480_000_000}}
            told = decision("explore", "Explore", **(broken if number == count - 3 else {}))
            base = base._replace(
                requested_model="claude-sonnet-5-5", routed_model="claude-haiku-5-5", routing_source="rule",
                routing_reason='rule "explore": agentType = "Explore"', rule_id="r-explore",
                cost_nanodollars=1_300_000, metadata=metadata(facts=facts(), decision=told),
            )  # fmt: skip
        elif kind == 3:
            told = decision("big context", "61,204")
            base = base._replace(
                routed_model="claude-sonnet-5-5", routing_source="rule", rule_id="r-big context",
                routing_reason='rule "big context": tokenCount > 50000', cost_nanodollars=9_300_000,
                metadata=metadata(facts=facts(tokenCount=61_204), decision=told),
            )  # fmt: skip
        rows.append(base)
    return rows


async def furnish(world: World, rules: Sequence[Rule] = RULES, rows: Sequence[UsageRow] | None = None) -> int:
    """Write rules and requests down; the id of the last one."""
    rows = routed_rows() if rows is None else rows
    await world.fill([])
    assert world.store is not None
    async with world.open_control() as control:
        project = await control.project(PROJECT)
        await control.save_rules(PROJECT, list(rules), project.revision)
    records = []
    for number, each in enumerate(rows):
        text = "Analyse the slow query, please." if number % 5 == 0 else "Fix the failing test."
        kept = Capture(each.exchange_id, each.project, CaptureKind.MESSAGE, False, each.created_at, text)
        records.append(world.store.record(each, (kept,)))
    last = max(await asyncio.gather(*records), default=0)
    world.say(told=status(), seen=live(last))
    return last


def furnished(world: World, rules: Sequence[Rule] = RULES) -> World:
    """The same for tests that run the app themselves; the database is closed again."""

    async def write() -> None:
        await furnish(world, rules)
        await world.close()
        world.store = None

    asyncio.run(write())
    return world


__all__ = ["NOW", "PROJECT", "RULES", "furnish", "furnished", "routed_rows", "rule"]
