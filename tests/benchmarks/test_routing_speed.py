"""How long a decision takes: `pytest -m benchmark tests/benchmarks/test_routing_speed.py -s`.

No rule matches, so none ends the search. Token counts are decided by bounds. `mixed` has rules of all shapes,
`searches` only those that cannot be left out by what they begin with.
"""

import statistics
import time

import pytest

from conduit_tui.domain.decisions import DecisionSource
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import parse
from conduit_tui.routing.facts import Bounds, Facts, Source
from conduit_tui.routing.router import Asker, RuleSet
from conduit_tui.routing.sticky import StickyMemory

pytestmark = pytest.mark.benchmark

SHAPES = (
    'tokenCount > {large} and agentType = "type-{n}"',
    'agentType = "Explore-{n}" or (requestClass = "auxiliary" and not flags contains "--keep-{n}")',
    'flags contains "--route-{n}"',
    'not (hour >= 6 and hour < 24) and project = "project-{n}"',
    'agentType = "main" and message contains "keyword-{n}"',
)
SEARCHES = ('message contains "keyword-{n}"', 'not flags contains "tools" and model = "model-{n}"')
SOURCES: dict[str, Source] = {
    "agentType": "main",
    "requestClass": "main",
    "flags": ("thinking", "stream", "tools", "--verbose"),
    "hour": 14,
    "project": "default",
    "message": "Please have a look at the failing test in the parser and mend it. " * 3,
}


def rules(count: int, shapes: tuple[str, ...]) -> list[Rule]:
    trees = [parse(shapes[n % len(shapes)].format(n=n, large=200_000 + n)) for n in range(count)]
    return [
        Rule(id=str(n), name=f"rule {n}", priority=n % 100, conditions=tree, target_model="claude-haiku-5-5")
        for n, tree in enumerate(trees)
    ]


def not_to_be_counted() -> int:
    raise AssertionError("the bounds decide")


@pytest.mark.parametrize("kind", ["mixed", "searches"])
@pytest.mark.parametrize("count", [50, 1_000, 10_000])
def test_decision(count: int, kind: str) -> None:
    given = rules(count, SHAPES if kind == "mixed" else SEARCHES)
    began = time.perf_counter()
    rule_set = RuleSet(given)
    compiled_in = time.perf_counter() - began
    config, memory = ProjectConfig(), StickyMemory()
    times = []
    for n in range(max(300, 300_000 // count)):
        sources = {**SOURCES, "tokenCount": not_to_be_counted}
        facts = Facts(sources, bounds={"tokenCount": lambda: Bounds(1, 49_000)}, slow=("tokenCount",))
        began = time.perf_counter()
        asker = Asker(str(n), f"session {n % 7}", "main")
        routing = rule_set.route(facts, "claude-opus-5-5", config, asker, sticky=memory, fits=lambda _model: True)
        times.append((time.perf_counter() - began) * 1_000_000)
        assert routing.decision.source is DecisionSource.CLIENT
    began = time.perf_counter()
    assert len(routing.trace()) == 50
    traced = (time.perf_counter() - began) * 1_000_000
    quantiles = statistics.quantiles(times, n=100)
    print(f"\n{count:>6} rules, {kind}: p50 {quantiles[49]:,.0f} us, p99 {quantiles[98]:,.0f} us", end="; ")
    print(f"compiled in {compiled_in * 1000:,.0f} ms; trace of 50 rules {traced:,.0f} us")
