"""Changes of an ordered set of rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit_tui.domain.rules import Rule
from conduit_tui.routing import rule_set


def rules(*named: tuple[str, int]) -> list[Rule]:
    return [Rule(id=f"id-{name}", name=name, priority=priority) for name, priority in named]


def names(found: list[Rule]) -> list[str]:
    return [rule.name for rule in found]


def test_the_firing_order_is_by_priority_then_name() -> None:
    assert names(rule_set.firing_order(rules(("b", 1), ("a", 1), ("z", 9), ("low", -1)))) == ["z", "a", "b", "low"]


def test_rules_are_added_replaced_removed_and_toggled_in_a_new_list() -> None:
    old = rules(("a", 2), ("b", 1))
    (more,) = rules(("c", 3))
    assert names(rule_set.added(old, more)) == ["c", "a", "b"]
    assert names(rule_set.replaced(old, old[1].model_copy(update={"name": "x", "priority": 5}))) == ["x", "a"]
    assert names(rule_set.removed(old, "id-a")) == ["b"]
    assert [rule.enabled for rule in rule_set.toggled(old, "id-a")] == [False, True]
    assert old == rules(("a", 2), ("b", 1))
    for change in (rule_set.removed, rule_set.toggled):
        with pytest.raises(KeyError):
            change(old, "nobody")


def test_a_rule_is_found_by_name_before_id() -> None:
    found = [Rule(id="x", name="y"), Rule(id="y", name="z")]
    assert rule_set.find(found, "y").id == "x"
    assert rule_set.find(found, "x").id == "x"
    with pytest.raises(KeyError):
        rule_set.find(found, "nobody")


def test_neighbours_swap_their_priorities() -> None:
    moved = rule_set.moved(rules(("a", 30), ("b", 20), ("c", 10)), "id-c", -1)
    assert [(rule.name, rule.priority) for rule in moved] == [("a", 30), ("c", 20), ("b", 10)]


@given(
    st.lists(
        st.tuples(st.text("abc", min_size=1, max_size=4), st.integers(-3, 3)), min_size=1, unique_by=lambda n: n[0]
    ),
    st.data(),
)
def test_a_rule_goes_where_it_was_moved_and_the_others_keep_their_order(
    named: list[tuple[str, int]], data: st.DataObject
) -> None:
    before = rule_set.firing_order(rules(*named))
    start = data.draw(st.integers(0, len(before) - 1))
    by = data.draw(st.integers(-len(before), len(before)))
    after = rule_set.moved(before, before[start].id, by)
    assert after == rule_set.firing_order(after)
    expected = names(before)
    expected.insert(min(max(start + by, 0), len(before) - 1), expected.pop(start))
    assert names(after) == expected
