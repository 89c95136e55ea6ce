"""Which rule decides: order, rollout, stickiness, what no provider serves, and what is told about it."""

import random
from typing import Any

import pytest

from conduit_tui.domain.decisions import DecisionSource, RuleOutcome
from conduit_tui.domain.projects import Features, ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.expression import parse
from conduit_tui.routing.facts import UNKNOWN, Bounds, Facts, TooSlow
from conduit_tui.routing.router import Asker, Routing, RuleSet, share
from conduit_tui.routing.sticky import StickyMemory

REQUESTED = "claude-opus-5-5"
WITH_DEFAULT = ProjectConfig(default_model="claude-sonnet-5-5")


def rule(name: str, when: str, use: str = "haiku", **more: Any) -> Rule:
    return Rule(id=f"id-{name}", name=name, conditions=parse(when), target_model=use, **more)


def route(
    rules: RuleSet | list[Rule],
    facts: dict[str, Any] | Facts,
    config: ProjectConfig = WITH_DEFAULT,
    *,
    exchange: str = "x1",
    session: str = "",
    request_class: str = "",
    sticky: StickyMemory | None = None,
    served: Any = None,
    bypass: bool = False,
) -> Routing:
    return (rules if isinstance(rules, RuleSet) else RuleSet(rules)).route(
        facts if isinstance(facts, Facts) else Facts(facts),
        REQUESTED,
        config,
        Asker(exchange, session, request_class),
        sticky=sticky if sticky is not None else StickyMemory(),
        fits=lambda model: served is None or model in served,
        bypass=bypass,
    )


def test_the_highest_priority_that_matches_decides_and_ties_go_by_name() -> None:
    rules = [
        rule("b", "model = m", "two", priority=5),
        rule("low", "model = m", "one", priority=-1),
        rule("a", "model = m", "three", priority=5),
        rule("top", "model = other", "four", priority=10),
    ]
    random.Random(3).shuffle(rules)
    routing = route(rules, {"model": "m"})
    assert routing.decision[:4] == ("three", DecisionSource.RULE, 'rule "a": model = "m"', "id-a")
    assert [(trace.name, trace.outcome) for trace in routing.trace()] == [
        ("top", RuleOutcome.NO_MATCH),
        ("a", RuleOutcome.MATCHED),
        ("b", RuleOutcome.NOT_LOOKED_AT),
        ("low", RuleOutcome.NOT_LOOKED_AT),
    ]
    assert routing.looked_at == 2
    assert not routing.unknown


def test_no_match_falls_to_the_default_model() -> None:
    rules = [rule("a", "model = m")]
    assert route(rules, {}).decision[:3] == (
        "claude-sonnet-5-5",
        DecisionSource.DEFAULT,
        "no rule matched: default model",
    )
    as_requested = route(rules, {}, ProjectConfig()).decision
    assert as_requested[:3] == (REQUESTED, DecisionSource.CLIENT, "no rule matched: as requested")
    assert route([], {}, ProjectConfig()).decision[:3] == (REQUESTED, DecisionSource.CLIENT, "as requested")


def test_disabled_rules_never_fire() -> None:
    rules = RuleSet([rule("a", "model = m", enabled=False)])
    assert len(rules) == 0
    assert route(rules, {"model": "m"}).decision.source is DecisionSource.DEFAULT


def test_what_switches_rules_off() -> None:
    rules = [rule("a", "model = m")]
    off = ProjectConfig(default_model="d", features=Features(auto_routing=False))
    assert route(rules, {"model": "m"}, off).decision[:3] == (
        "d",
        DecisionSource.DEFAULT,
        "automatic routing is off: default model",
    )
    disabled = ProjectConfig(enabled=False, default_model="d")
    assert route(rules, {"model": "m"}, disabled).decision[:3] == (
        REQUESTED,
        DecisionSource.BYPASS,
        "the project is disabled: as requested",
    )
    bypassed = route(rules, {"model": "m"}, bypass=True)
    assert bypassed.decision[:3] == (REQUESTED, DecisionSource.BYPASS, "bypass is on: as requested")
    assert bypassed.trace() == []


def test_a_target_that_the_dialect_cannot_reach_is_passed_over_and_traced() -> None:
    rules = [rule("a", "model = m", "gpt-6", priority=2), rule("b", "model = m", "haiku", priority=1)]
    routing = route(rules, {"model": "m"}, served={"haiku"})
    assert routing.decision.model == "haiku"
    first = routing.trace()[0]
    assert (first.outcome, first.note) == (RuleOutcome.NOT_SERVED, "no provider serves gpt-6 in this dialect")
    assert first.conditions[0].answer == "yes"


def test_a_default_that_the_dialect_cannot_reach_leaves_the_model_as_requested() -> None:
    decision = route([], {}, served=()).decision
    assert decision[:2] == (REQUESTED, DecisionSource.CLIENT)
    assert decision.reason == "no provider serves the default model claude-sonnet-5-5 in this dialect, so as requested"


def test_a_rule_may_leave_the_model_as_requested() -> None:
    decision = route([rule("keep", "model = m", "as-requested")], {"model": "m"}, served=()).decision
    assert (decision.model, decision.source, decision.rule_id) == (REQUESTED, DecisionSource.RULE, "id-keep")


def test_fallback_is_what_the_dialect_can_reach_the_rules_own_first() -> None:
    config = ProjectConfig(fallback=("p1", "p2", "haiku"))
    served = {"haiku", "f1", "p1", "p2"}
    own = rule("a", "model = m", "haiku", fallback=("f1", "gone", "haiku", "f1"))
    assert route([own], {"model": "m"}, config, served=served).decision.fallback == ("f1",)
    without = rule("a", "model = m", "haiku")
    assert route([without], {"model": "m"}, config, served=served).decision.fallback == ("p1", "p2")
    assert route([], {}, config, served=served).decision.fallback == ("p1", "p2", "haiku")


def test_a_rollout_of_ten_percent_takes_ten_percent_of_the_sessions_and_the_same_ones_each_time() -> None:
    rules = RuleSet([rule("a", "model = m", rollout=10)])
    sessions = [f"session-{n}" for n in range(10_000)]

    def taken(rules: RuleSet) -> set[str]:
        return {
            session
            for session in sessions
            if route(rules, {"model": "m"}, session=session).decision.source is DecisionSource.RULE
        }

    first = taken(rules)
    assert 900 <= len(first) <= 1100
    assert taken(rules) == first
    assert first < taken(RuleSet([rule("a", "model = m", rollout=20)])), "who was in stays in"
    other = taken(RuleSet([rule("b", "model = m", rollout=10)]))
    assert len(first & other) < 200, "another rule deals anew"
    outside = route(rules, {"model": "m"}, session=(set(sessions) - first).pop()).trace()[0]
    assert (outside.outcome, outside.note) == (RuleOutcome.OUTSIDE_ROLLOUT, "outside of its rollout of 10 %")


def test_a_rollout_without_a_session_hangs_on_the_exchange() -> None:
    rules = RuleSet([rule("a", "model = m", rollout=50)])
    sources = {route(rules, {"model": "m"}, exchange=f"x{n}").decision.source for n in range(50)}
    assert sources == {DecisionSource.RULE, DecisionSource.DEFAULT}
    assert route([rule("a", "model = m", rollout=0)], {"model": "m"}).decision.source is DecisionSource.DEFAULT
    assert 0 <= share("a", "b") < 100


def test_a_sticky_rule_keeps_its_answer_and_a_plain_rule_does_not() -> None:
    memory = StickyMemory()
    sticky = RuleSet([rule("big", "tokenCount > 100", sticky="session")])
    plain = RuleSet([rule("big", "tokenCount > 100")])

    def model(rules: RuleSet, tokens: int, session: str = "s", request_class: str = "main") -> str:
        routing = route(rules, {"tokenCount": tokens}, session=session, request_class=request_class, sticky=memory)
        return routing.decision.model

    assert [model(plain, tokens) for tokens in (200, 50)] == ["haiku", "claude-sonnet-5-5"]
    assert [model(sticky, tokens) for tokens in (200, 50)] == ["haiku", "haiku"]
    assert model(sticky, 50, request_class="subagent") == "claude-sonnet-5-5"
    assert model(sticky, 200, request_class="subagent") == "claude-sonnet-5-5", "a no is kept, too"
    assert model(sticky, 50, session="t") == "claude-sonnet-5-5"
    assert [model(sticky, tokens, session="") for tokens in (200, 50)] == ["haiku", "claude-sonnet-5-5"]


def test_a_kept_answer_says_so_and_looks_at_nothing() -> None:
    memory = StickyMemory()
    rules = RuleSet([rule("big", "tokenCount > 100", sticky="session")])
    route(rules, {"tokenCount": 200}, session="s", sticky=memory)
    facts = Facts({"tokenCount": lambda: pytest.fail("counted")})
    routing = route(rules, facts, session="s", sticky=memory)
    assert routing.decision.reason == 'rule "big", kept from the first request of the session'
    assert routing.trace()[0][4:] == (RuleOutcome.MATCHED, "kept from the first request of the session", ())


def test_an_edited_sticky_rule_is_asked_anew_and_a_higher_rule_still_comes_first() -> None:
    memory = StickyMemory()
    sticky = rule("big", "tokenCount > 100", sticky="session")
    route([sticky], {"tokenCount": 50}, session="s", sticky=memory)
    assert route([sticky], {"tokenCount": 200}, session="s", sticky=memory).decision.source is DecisionSource.DEFAULT
    edited = rule("big", "tokenCount > 150", sticky="session")
    assert route([edited], {"tokenCount": 200}, session="s", sticky=memory).decision.source is DecisionSource.RULE
    higher = rule("first", "budgetUsed > 90", "cheap", priority=9)
    facts = {"tokenCount": 200, "budgetUsed": 95}
    assert route([edited, higher], facts, session="s", sticky=memory).decision.model == "cheap"


def test_sticky_memory_is_bounded_and_forgets_the_longest_unused() -> None:
    memory = StickyMemory(sessions=3)
    rules = RuleSet([rule("big", "tokenCount > 100", sticky="session")])
    for session in ("a", "b", "c", "a", "d"):
        route(rules, {"tokenCount": 200}, session=session, sticky=memory)
    assert len(memory) == 3
    kept = {
        session: route(rules, {"tokenCount": 1}, session=session, sticky=memory).decision.source
        for session in ("a", "c", "d", "b")
    }
    assert kept == dict.fromkeys("acd", DecisionSource.RULE) | {"b": DecisionSource.DEFAULT}


def test_what_is_not_known_is_not_taken_for_no() -> None:
    rules = [rule("a", "message contains x", "one", priority=2), rule("b", "model = m", "two", priority=1)]
    routing = route(rules, {"message": UNKNOWN, "model": "m"})
    assert routing.decision.model == "two"
    assert routing.unknown
    assert routing.trace()[0].outcome is RuleOutcome.UNKNOWN
    assert not route(rules[:1], {"message": "y"}).unknown
    assert not route(list(reversed(rules)), {"message": "has x", "model": "m"}).unknown
    out = [rules[0].model_copy(update={"target_model": "gone"}), rules[1]]
    assert not route(out, {"message": UNKNOWN, "model": "m"}, served={"two"}).unknown, "it could not have acted"


def test_a_rule_that_cannot_act_is_set_aside_with_its_reason() -> None:
    broken = Rule.model_validate(
        {"name": "old", "targetModel": "m", "conditions": {"rules": [{"field": "gone", "operator": "=", "value": "x"}]}}
    )
    empty = Rule(name="empty", target_model="m")
    rules = RuleSet([broken, empty, rule("a", "model = m")])
    assert len(rules) == 1
    assert {broken.name: reason for broken, reason in rules.broken} == {
        "old": "unknown field `gone`",
        "empty": 'Routing rule "empty" must have at least one condition',
    }


def test_slow_facts_are_asked_for_again_in_a_thread() -> None:
    rules = RuleSet([rule("a", "tokenCount > 5"), rule("b", 'message matches "x"')])
    assert rules.needs == {"tokenCount", "message"}
    assert rules.has_patterns
    facts = Facts({"tokenCount": lambda: 7}, slow=("tokenCount",), bounds={"tokenCount": lambda: Bounds(1, 9)})
    with pytest.raises(TooSlow):
        route(rules, facts)
    facts.patient = True
    assert route(rules, facts).decision.rule_id == "id-a"


@pytest.mark.parametrize("seed", range(20))
def test_rules_that_are_left_out_would_not_have_matched(seed: int) -> None:
    """The index against asking every rule in turn."""
    draw = random.Random(seed)
    agents, flags = ["main", "Explore", "x"], ["thinking", "tools"]

    def condition() -> str:
        return draw.choice(
            [
                f"agentType = {draw.choice(agents)}",
                f"agentType != {draw.choice(agents)}",
                f"flags contains {draw.choice(flags)}",
                f"{draw.choice(['tokenCount', 'hour'])} {draw.choice(['>', '<', '>=', '<=', '='])} {draw.randrange(9)}",
                f"message contains {draw.choice('ab')}",
                f"header.x = {draw.choice('ab')}",
            ]
        )

    def tree(depth: int) -> str:
        if depth == 0 or draw.random() < 0.3:
            return condition()
        joined = draw.choice([" and ", " or "]).join(tree(depth - 1) for _ in range(draw.randint(1, 3)))
        return draw.choice(["", "", "not "]) + f"({joined})"

    given = [rule(f"r{n}", tree(2), f"m{n}", priority=n) for n in range(40)]
    rules = RuleSet(given)
    odd: list[Any] = [None, UNKNOWN]
    for _ in range(40):
        sources = {
            "agentType": draw.choice([*agents, *odd]),
            "flags": draw.choice([[], ["thinking"], flags, *odd]),
            "tokenCount": draw.choice([*range(9), *odd]),
            "hour": draw.choice([*range(9), None]),
            "message": draw.choice(["a", "b", *odd]),
            "header.x": draw.choice(["a", "b", None]),
        }
        counted = isinstance(sources["tokenCount"], int)
        bounds = {"tokenCount": lambda at=sources["tokenCount"]: Bounds(at - draw.randrange(3), at + 2)}
        routing = route(rules, Facts(sources, bounds=bounds if counted else {}))
        alone = [route([one], Facts(sources)) for one in given]
        matching = [
            one for one, found in zip(given, alone, strict=True) if found.decision.source is DecisionSource.RULE
        ]
        best = max(matching, key=lambda one: one.priority, default=None)
        assert routing.decision.rule_id == (best.id if best else "")
        unknown_above = [
            one.name
            for one, found in zip(given, alone, strict=True)
            if found.unknown and (best is None or one.priority > best.priority)
        ]
        traced = [trace.name for trace in routing.trace() if trace.outcome is RuleOutcome.UNKNOWN]
        assert sorted(traced) == sorted(unknown_above)


def test_the_projects_rollout_takes_its_share_of_sessions_and_leaves_the_others_as_requested() -> None:
    rules = RuleSet([rule("a", "model = m", rollout=50)])
    config = ProjectConfig(default_model="d", fallback=("other",), rollout=30)

    def decided(percent: int) -> dict[str, str]:
        mine = config.model_copy(update={"rollout": percent})
        decisions = {f"s{n}": route(rules, {"model": "m"}, mine, session=f"s{n}").decision for n in range(2_000)}
        for decision in decisions.values():
            if "rollout" in decision.reason:
                outside = f"outside of the project's rollout of {percent} %: as requested"
                assert decision == (REQUESTED, DecisionSource.CLIENT, outside, "", ())
        return {session: decision.model for session, decision in decisions.items()}

    at_30 = decided(30)
    inside = {session for session, model in at_30.items() if model != REQUESTED}
    assert 0.26 < len(inside) / 2_000 < 0.34
    by_rule = sum(at_30[session] == "haiku" for session in inside)
    assert 0.4 < by_rule / len(inside) < 0.6, "a rule's own rollout deals anew among those that are in"
    assert inside < {session for session, model in decided(60).items() if model != REQUESTED}, "who was in stays in"
    assert set(decided(0).values()) == {REQUESTED}
    assert REQUESTED not in decided(100).values()


def test_outside_of_the_projects_rollout_no_rule_is_asked() -> None:
    routing = route([rule("a", "model = m")], {"model": "m"}, ProjectConfig(rollout=0))
    assert (routing.trace(), routing.unknown, routing.looked_at) == ([], False, 0)
