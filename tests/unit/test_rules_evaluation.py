"""Conditions against facts: the compiled tree, a naive evaluator beside it, laziness, bounds, what is not known."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit_tui.domain.rules import Condition, Group
from conduit_tui.routing.compiler import compile_group
from conduit_tui.routing.expression import parse
from conduit_tui.routing.facts import UNKNOWN, Bounds, Cut, Facts, Source, TooSlow

Given = dict[str, Any]

WORDS = ("main", "Explore", "", "10", "a.b")
NUMBERS = (-1, 0, 5, 5.0, 10, 50_000, 0.5)
CONDITIONS = st.one_of(
    st.builds(
        lambda field, operator, value: Condition(field=field, operator=operator, value=value),
        st.sampled_from(["tokenCount", "hour", "maxTokens"]),
        st.sampled_from([">", "<", ">=", "<=", "=", "!="]),
        st.sampled_from([*NUMBERS, "5", "10"]),
    ),
    st.builds(
        lambda field, operator, value: Condition(field=field, operator=operator, value=value),
        st.sampled_from(["agentType", "model", "message"]),
        st.sampled_from(["=", "!=", "contains", "matches"]),
        st.sampled_from(WORDS),
    ),
    st.builds(
        lambda operator, value: Condition(field="flags", operator=operator, value=value),
        st.sampled_from(["contains", "matches"]),
        st.sampled_from(WORDS),
    ),
    st.builds(
        lambda operator, value: Condition(field="metadata.x", operator=operator, value=value),
        st.sampled_from(["=", "!=", ">", "<="]),
        st.sampled_from(["10", 10, 5, 0.5]),
    ),
)
TREES = st.recursive(
    CONDITIONS,
    lambda inner: st.builds(
        lambda kind, members: Group(type=kind, rules=tuple(members)),
        st.sampled_from(["AND", "OR", "NOT"]),
        st.lists(inner, min_size=1, max_size=4),
    ),
    max_leaves=10,
)
ODD = [None, UNKNOWN]
FACTS = st.fixed_dictionaries(
    {
        **{name: st.sampled_from([*ODD, *NUMBERS]) for name in ("tokenCount", "hour", "maxTokens")},
        **{name: st.sampled_from([*ODD, *WORDS]) for name in ("agentType", "model", "message")},
        "flags": st.sampled_from(ODD) | st.lists(st.sampled_from(WORDS)),
        "metadata.x": st.sampled_from([*ODD, "10", 10, 5, 0.5, "gold"]),
    }
)


def naive(node: Condition | Group, facts: Given) -> bool | None:
    """Kleene's three values, written down as plainly as can be; None is what is not known."""
    if isinstance(node, Condition):
        return naive_condition(node, facts[node.field])
    answers = [naive(member, facts) for member in node.rules]
    if node.type == "AND":
        return False if False in answers else None if None in answers else True
    any_of = True if True in answers else None if None in answers else False
    if node.type == "OR":
        return any_of
    return None if any_of is None else not any_of


def naive_condition(condition: Condition, fact: Any) -> bool | None:
    operator, value = condition.operator, condition.value
    if fact is None:
        return False
    if fact is UNKNOWN:
        return None
    if operator == "contains":
        return value in fact
    if operator == "matches":  # all patterns here are plain words, but for one dot
        found = [part for part in ([fact] if isinstance(fact, str) else fact) if plain_match(str(value), part)]
        return bool(found)
    if condition.field in ("agentType", "model", "message"):
        return (fact == value) == (operator == "=")
    if condition.field == "metadata.x" and isinstance(value, str) and operator in ("=", "!="):
        return (str(fact) == value) == (operator == "=")
    if fact == "gold":
        return operator == "!="
    left, right = float(fact), float(value)
    return {
        ">": left > right,
        "<": left < right,
        ">=": left >= right,
        "<=": left <= right,
        "=": left == right,
        "!=": left != right,
    }[operator]


def plain_match(pattern: str, text: str) -> bool:
    if pattern != "a.b":
        return pattern in text
    return any(text[n] == "a" and text[n + 2] == "b" for n in range(len(text) - 2))


def answer(tree: Condition | Group | str, facts: Facts) -> bool | None:
    if isinstance(tree, str):
        tree = parse(tree)
    group = tree if isinstance(tree, Group) else Group(rules=(tree,))
    found = compile_group(group).evaluate(facts)
    return None if found is UNKNOWN else bool(found)


@given(TREES, FACTS)
def test_the_compiled_tree_answers_like_a_naive_evaluator(tree: Condition | Group, given_facts: Given) -> None:
    assert answer(tree, Facts(given_facts)) == naive(tree, given_facts)


@given(TREES, FACTS)
def test_the_explanation_agrees_and_finds_out_nothing_new(tree: Condition | Group, given_facts: Given) -> None:
    compiled = compile_group(tree if isinstance(tree, Group) else Group(rules=(tree,)))
    facts = Facts(given_facts)
    compiled.evaluate(facts)
    known = dict(facts)
    traces = compiled.explain(facts)
    assert dict(facts) == known
    assert len(traces) == len(leaves(tree))
    for trace, condition in zip(traces, leaves(tree), strict=True):
        expected = {True: "yes", False: "no", None: "unknown"}[naive(condition, given_facts)]
        assert trace.answer == (expected if trace.looked_at else "")
        assert condition.field not in known or trace.looked_at or condition.field in looked_at(traces, tree)


def leaves(node: Condition | Group) -> list[Condition]:
    if isinstance(node, Condition):
        return [node]
    return [leaf for member in node.rules for leaf in leaves(member)]


def looked_at(traces: list[Any], tree: Condition | Group) -> set[str]:
    return {leaf.field for trace, leaf in zip(traces, leaves(tree), strict=True) if trace.looked_at}


@given(TREES, FACTS, st.integers(0, 60_000), st.integers(0, 60_000))
def test_bounds_never_change_an_answer(tree: Condition | Group, given_facts: Given, below: int, above: int) -> None:
    count = given_facts["tokenCount"]
    if count is None or count is UNKNOWN:
        return
    bounds: dict[str, Callable[[], Bounds | None]] = {"tokenCount": lambda: Bounds(count - below, count + above)}
    assert answer(tree, Facts(given_facts, bounds=bounds)) == naive(tree, given_facts)


@pytest.mark.parametrize(
    ("expression", "decided"),
    [
        ("tokenCount > 9", True),
        ("tokenCount > 10", None),
        ("tokenCount > 20", False),
        ("tokenCount >= 10", True),
        ("tokenCount >= 11", None),
        ("tokenCount < 10", False),
        ("tokenCount < 21", True),
        ("tokenCount <= 20", True),
        ("tokenCount = 21", False),
        ("tokenCount = 15", None),
        ("tokenCount != 9", True),
        ("tokenCount != 10", None),
    ],
)
def test_what_bounds_decide_is_not_counted(expression: str, decided: bool | None) -> None:
    counted = []
    sources: dict[str, Source] = {"tokenCount": lambda: counted.append(1) or 15}
    facts = Facts(sources, bounds={"tokenCount": lambda: Bounds(10, 20)})
    found = answer(expression, facts)
    assert bool(counted) == (decided is None)
    assert found is decided or decided is None


def test_a_fact_is_found_out_once_and_only_when_it_is_asked_for() -> None:
    asked = []

    def source(name: str, value: Any) -> Callable[[], Any]:
        return lambda: asked.append(name) or value

    facts = Facts({name: source(name, value) for name, value in (("model", "m"), ("agent", "a"), ("session", "s"))})
    assert answer('model = "x" and agent = "a"', facts) is False
    assert asked == ["model"]
    assert answer('model = "m" and (agent = "a" or session = "s")', facts) is True
    assert asked == ["model", "agent"]


def test_the_order_of_the_text_is_the_order_of_looking() -> None:
    facts = Facts({"message": "please analyze", "agentType": "research", "tokenCount": 5})
    compiled = compile_group(parse('agentType = "x" and message contains "a" or tokenCount > 2 or agentType = "y"'))
    assert compiled.evaluate(facts) is True
    assert compiled.needs == {"agentType", "message", "tokenCount"}
    assert not compiled.has_patterns
    assert [tuple(trace) for trace in compiled.explain(facts)] == [
        ('agentType = "x"', "research", "no", True),
        ('message contains "a"', "", "", False),
        ("tokenCount > 2", "5", "yes", True),
        ('agentType = "y"', "", "", False),
    ]


def test_a_trace_shows_no_conversation_and_no_credential() -> None:
    facts = Facts({"message": "secret plan", "system": None}, families={"header": {"authorization": "Bearer k"}.get})
    tree = parse('message contains "zzz" or header.Authorization contains "zzz" or system contains "zzz"')
    compiled = compile_group(tree)
    compiled.evaluate(facts)
    assert [trace.value for trace in compiled.explain(facts)] == ["11 characters", "hidden", "missing"]
    assert compiled.explain(facts, show_text=True)[0].value == "secret plan"
    long = Facts({"message": "x" * 5000})
    assert len(compile_group(parse("message contains z")).explain(long, show_text=True)[0].value) == 200


def test_header_names_have_no_case_and_metadata_may_be_anything() -> None:
    facts = Facts(
        {},
        families={
            "header": {"x-tier": "3"}.get,
            "metadata": {"beta": True, "tags": ["a", "b"], "level": 2.5, "user": "u1"}.get,
        },
    )
    assert answer("header.X-Tier = 3", facts) is True
    assert answer('header.X-Tier = "3"', facts) is True
    assert answer("header.x-tier > 2", facts) is True
    assert answer("metadata.beta = true", facts) is True
    assert answer("metadata.tags contains b", facts) is True
    assert answer("metadata.tags contains ab", facts) is False
    assert answer("metadata.level >= 2.5", facts) is True
    assert answer('metadata.user matches "^u"', facts) is True
    assert answer("metadata.user > 2", facts) is False
    assert answer("metadata.none != x", facts) is False


@pytest.mark.parametrize("odd", [float("nan"), "text", ["a"], True, object()])
def test_a_value_of_the_wrong_kind_is_missing_not_an_error(odd: Any) -> None:
    assert answer("tokenCount > 0 or tokenCount <= 0", Facts({"tokenCount": odd})) is False


def test_a_text_that_was_cut_answers_only_what_its_beginning_shows() -> None:
    facts = Facts({"message": Cut("please analyze this")})
    assert answer("message contains analyze", facts) is True
    assert answer("message contains other", facts) is None
    assert answer('message matches "analy[sz]e"', facts) is True
    assert answer('message matches "this$"', facts) is None
    assert answer('message = "x"', facts) is False
    assert answer('message != "x"', facts) is True
    assert answer('message = "please analyze this now"', facts) is None
    assert answer("not message contains other", facts) is None
    assert answer("message contains other and message contains please", facts) is None
    assert answer("message contains other or message contains please", facts) is True


def test_what_is_slow_waits_for_a_thread() -> None:
    facts = Facts({"tokenCount": lambda: 7, "message": "word " * 100_000}, slow=("tokenCount",))
    compiled = compile_group(parse('message matches "(?i)no(thing|body) like this" or tokenCount > 5'))
    with pytest.raises(TooSlow):
        compiled.evaluate(facts)
    facts.patient = True
    assert compiled.evaluate(facts) is True
    facts.patient = False
    assert compiled.evaluate(facts) is True, "what was found out is kept"
    with pytest.raises(TooSlow, match="tokenCount"):
        compile_group(parse("tokenCount > 5")).evaluate(Facts({"tokenCount": lambda: 7}, slow=("tokenCount",)))


@pytest.mark.parametrize("kind", ["AND", "OR", "NOT"])
def test_a_group_without_members_never_matches(kind: Any) -> None:
    assert answer(Group(type=kind), Facts({})) is False


def test_these_hold() -> None:
    both = "tokenCount > 1000 and agentType = research and message contains analyze"
    facts: Given = {"tokenCount": 1001, "agentType": "research", "message": "please analyze", "flags": []}
    assert answer(both, Facts(facts)) is True
    for change in ({"tokenCount": 1000}, {"agentType": "Research"}, {"message": "Analyze"}, {"agentType": None}):
        assert answer(both, Facts(facts | change)) is False
    either = "tokenCount > 100000 or flags contains --thinking"
    assert answer(either, Facts(facts)) is False
    assert answer(either, Facts(facts | {"tokenCount": 100_001})) is True
    assert answer(either, Facts(facts | {"flags": ["-p", "--thinking"]})) is True
    assert answer(either, Facts(facts | {"flags": ["--thinking-hard"]})) is False
