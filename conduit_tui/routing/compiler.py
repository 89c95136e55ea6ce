"""Condition trees as functions of the facts, and what they looked at in words.

The answers follow Kleene's logic: an AND with a False is False, an OR with a True is True, whatever else is unknown.
Members are looked at in the order in which they are written, and no further than needed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from conduit_tui.domain.decisions import ConditionTrace
from conduit_tui.domain.rules import Condition, Group
from conduit_tui.routing.comparisons import Answer, Check, check_for, fact_name
from conduit_tui.routing.facts import UNKNOWN, Cut, Facts, Value
from conduit_tui.routing.printer import condition_text

SHOWN_CHARACTERS = 200
PRIVATE = frozenset({"message", "system"})  # text of the conversation
_SECRET = ("auth", "key", "token", "secret", "cookie", "password", "credential")


class _Leaf(NamedTuple):
    check: Check
    fact: str
    text: str


class _Inner(NamedTuple):
    check: Check
    members: tuple["_Leaf | _Inner", ...]
    stops_at: bool | None  # the member's answer that decides the group


class Compiled:
    """A condition tree, ready to be asked. `needs` are the facts that it may look at."""

    __slots__ = ("_root", "evaluate", "has_patterns", "needs")

    def __init__(self, root: _Leaf | _Inner, conditions: Sequence[Condition]) -> None:
        self._root = root
        self.evaluate: Check = root.check
        self.needs = frozenset(fact_name(condition.field) for condition in conditions)
        self.has_patterns = any(condition.operator == "matches" for condition in conditions)

    def explain(self, facts: Facts, *, show_text: bool = False) -> list[ConditionTrace]:
        """Every condition in the order of the text, with the value it met and its answer.

        After `evaluate` with the same facts nothing new is found out. What the user and the system prompt say is shown
        only with `show_text`, a header that may hold a credential never.
        """
        traces: list[ConditionTrace] = []
        _explain(self._root, facts, True, show_text, traces)
        return traces


def compile_group(group: Group) -> Compiled:
    """The tree as a function. A group without members never matches. Raises PatternError for a refused pattern."""
    conditions: list[Condition] = []
    return Compiled(_compile(group, conditions), conditions)


def _compile(node: Condition | Group, conditions: list[Condition]) -> _Leaf | _Inner:
    if isinstance(node, Condition):
        conditions.append(node)
        return _Leaf(check_for(node), fact_name(node.field), condition_text(node))
    members = tuple(_compile(member, conditions) for member in node.rules)
    if not members:
        return _Inner(lambda _facts: False, (), None)
    checks = tuple(member.check for member in members)
    if node.type == "NOT":
        return _Inner(_none_of(checks), members, True)
    if len(members) == 1:
        return members[0]
    return _Inner(_all_of(checks), members, False) if node.type == "AND" else _Inner(_any_of(checks), members, True)


def _all_of(checks: tuple[Check, ...]) -> Check:
    first, *rest = checks

    def check(facts: Facts) -> Answer:
        answer = first(facts)
        if answer is False:
            return False
        for member in rest:
            found = member(facts)
            if found is False:
                return False
            if found is UNKNOWN:
                answer = UNKNOWN
        return answer

    return check


def _any_of(checks: tuple[Check, ...]) -> Check:
    first, *rest = checks

    def check(facts: Facts) -> Answer:
        answer = first(facts)
        if answer is True:
            return True
        for member in rest:
            found = member(facts)
            if found is True:
                return True
            if found is UNKNOWN:
                answer = UNKNOWN
        return answer

    return check


def _none_of(checks: tuple[Check, ...]) -> Check:
    any_of = checks[0] if len(checks) == 1 else _any_of(checks)

    def check(facts: Facts) -> Answer:
        found = any_of(facts)
        return UNKNOWN if found is UNKNOWN else not found

    return check


def _explain(
    node: _Leaf | _Inner, facts: Facts, looked_at: bool, show_text: bool, traces: list[ConditionTrace]
) -> Answer:
    if isinstance(node, _Leaf):
        if not looked_at:
            traces.append(ConditionTrace(node.text, "", "", looked_at=False))
            return UNKNOWN
        answer = node.check(facts)
        shown = _shown(node.fact, facts, show_text)
        traces.append(ConditionTrace(node.text, shown, _word(answer), looked_at=True))
        return answer
    going_on = looked_at
    for member in node.members:
        answer = _explain(member, facts, going_on, show_text, traces)
        going_on = going_on and answer is not node.stops_at
    return node.check(facts) if looked_at else UNKNOWN


def _word(answer: Answer) -> str:
    return "unknown" if answer is UNKNOWN else "yes" if answer else "no"


def _shown(name: str, facts: Facts, show_text: bool) -> str:
    """A fact for the trace."""
    if name not in facts:
        bounds = facts.bounds(name)
        if bounds is None:
            return ""
        low, high = f"{bounds.low:,.0f}", f"{bounds.high:,.0f}"
        return low if low == high else f"{low} to {high}"
    value = facts[name]
    if isinstance(value, str) and name in PRIVATE and not show_text:
        return f"{len(value):,} characters"
    if name.startswith("header.") and any(word in name for word in _SECRET):
        return "missing" if value is None else "hidden"
    return _clipped(value)


def _clipped(value: Value) -> str:
    if value is None:
        return "missing"
    if value is UNKNOWN:
        return "not captured"
    if isinstance(value, Cut):
        return f"{value.start[: SHOWN_CHARACTERS - 1]}…"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    text = value if isinstance(value, str) else ", ".join(sorted(value))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
