"""Which of many rules are worth asking: the others begin with a condition that the request does not meet.

Only what a rule looks at first is used, so that a rule that is left out would have stopped at just that condition.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from conduit_tui.domain.rules import Condition, Group
from conduit_tui.routing import fields
from conduit_tui.routing.comparisons import fact_name
from conduit_tui.routing.facts import Facts
from conduit_tui.routing.fields import Kind
from conduit_tui.routing.numbers import read_number

_RISING, _FALLING = frozenset({">", ">="}), frozenset({"<", "<="})


class _Guard(NamedTuple):
    name: str
    operator: str
    value: str | float


class Index:
    """Positions of condition trees by the conditions that they begin with."""

    def __init__(self, trees: Sequence[Group | None]) -> None:
        """A tree that is None is always worth asking."""
        self._always: list[int] = []
        texts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        numbers: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
        for position, tree in enumerate(trees):
            guards = _guards(tree) if tree else None
            if guards is None:
                self._always.append(position)
                continue
            for name, operator, value in guards:
                if isinstance(value, str):
                    texts[name][value].append(position)
                else:
                    numbers[name, operator].append((value, position))
        self._texts = {name: dict(table) for name, table in texts.items()}
        self._numbers = [
            (name, operator, [limit for limit, _ in sorted(pairs)], [position for _, position in sorted(pairs)])
            for (name, operator), pairs in numbers.items()
        ]

    def candidates(self, facts: Facts) -> Iterable[int]:
        """The positions of the trees that may not be False, in order."""
        found = set(self._always)
        for name, table in self._texts.items():
            value = None if name in facts.slow else facts[name]
            if value.__class__ is str:
                found.update(table.get(value, ()))
            elif isinstance(value, frozenset):
                for member in value:
                    found.update(table.get(member, ()))
            elif value is not None or name in facts.slow:
                found.update(*table.values())
        for name, operator, limits, positions in self._numbers:
            found.update(_within(facts, name, operator, limits, positions))
        return sorted(found)


def _within(facts: Facts, name: str, operator: str, limits: list[float], positions: list[int]) -> list[int]:
    """The positions whose limit a number may meet; all of them where nothing is known of it."""
    value = facts.get(name) if name in facts.slow else facts[name]
    if isinstance(value, int | float):
        low = high = value
    elif value is None and (bounds := facts.bounds(name)) is not None:
        low, high = bounds
    else:
        return positions if value is not None or name in facts.slow else []
    if operator in _RISING:
        return positions[: (bisect_left if operator == ">" else bisect_right)(limits, high)]
    return positions[(bisect_right if operator == "<" else bisect_left)(limits, low) :]


def _guards(node: Condition | Group) -> tuple[_Guard, ...] | None:
    """Conditions of which one must hold, else the tree is False; None if there are no such."""
    if isinstance(node, Condition):
        return _guard(node)
    if node.type == "NOT" or not node.rules:
        return None
    if node.type == "AND":
        return _guards(node.rules[0])
    alternatives = [_guards(member) for member in node.rules]
    if None in alternatives:
        return None
    return tuple(guard for guards in alternatives if guards for guard in guards)


def _guard(condition: Condition) -> tuple[_Guard, ...] | None:
    name, operator, value = fact_name(condition.field), condition.operator, condition.value
    field = fields.find(name)
    number = read_number(value)
    if field is None or field.kind is Kind.OPEN:
        return None
    if (field.kind is Kind.TEXT and operator == "=") or (field.kind is Kind.LIST and operator == "contains"):
        return (_Guard(name, operator, str(value)),)
    if field.kind is Kind.NUMBER and number is not None and operator in _RISING | _FALLING:
        return (_Guard(name, operator, number),)
    return None
