"""One condition as a function of the facts. A missing fact answers False, a fact that is not known UNKNOWN."""

import operator
from collections.abc import Callable

from conduit_tui.domain.rules import Condition
from conduit_tui.routing import fields
from conduit_tui.routing.facts import UNKNOWN, Bounds, Cut, Facts, Unknown, Value
from conduit_tui.routing.fields import Kind
from conduit_tui.routing.numbers import read_number
from conduit_tui.routing.patterns import Pattern, compiled

Answer = bool | Unknown
Check = Callable[[Facts], Answer]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
_SHORT_TEXT = 256  # characters that are searched without further thought
_CHARACTERS_PER_STEP = 16  # plain search is that much quicker than one instruction of a pattern


def fact_name(field: str) -> str:
    """The name under which facts know a field: header names in small letters."""
    return field.lower() if field.startswith("header.") else field


def check_for(condition: Condition) -> Check:
    """The function that answers a condition without faults."""
    name, word, value = fact_name(condition.field), condition.operator, condition.value
    field = fields.find(name)
    kind = field.kind if field else Kind.TEXT
    if word == "contains":
        return _searched(name, condition, _contains(str(value)))
    if word == "matches":
        return _searched(name, condition, _matches(compiled(str(value))))
    number = read_number(value)
    if kind is Kind.NUMBER and number is not None:
        return _number(name, word, number)
    if kind is Kind.OPEN and number is not None and (word in fields.NUMBERS_ONLY or not isinstance(value, str)):
        return _open_number(name, word, number)
    return _text(name, str(value), equal=word == "=")


def _number(name: str, word: str, limit: float) -> Check:
    compare = _COMPARE[word]

    def check(facts: Facts) -> Answer:
        if name not in facts:
            bounds = facts.bounds(name)
            if bounds is not None:
                decided = decided_by(bounds, word, limit)
                if decided is not None:
                    return decided
        value = facts[name]
        if value is None:
            return False
        return UNKNOWN if value is UNKNOWN else compare(value, limit)  # type: ignore[arg-type]  # numbers, Facts see to it

    return check


def decided_by(bounds: Bounds, word: str, limit: float) -> bool | None:
    """The answer of a comparison as far as the bounds of the number decide it, else None."""
    low, high = bounds
    if word in ("=", "!="):
        return None if low <= limit <= high else word == "!="
    compare = _COMPARE[word]
    answer = compare(low, limit)
    return answer if compare(high, limit) == answer else None


def _open_number(name: str, word: str, limit: float) -> Check:
    """Against what a client sent: a text that is no number is none of `> < >= <= =`."""
    compare = _COMPARE[word]

    def check(facts: Facts) -> Answer:
        value = facts[name]
        if value is None or value is UNKNOWN:
            return False if value is None else UNKNOWN
        number = read_number(value) if isinstance(value, str | int | float) else None
        return word == "!=" if number is None else compare(number, limit)

    return check


def _text(name: str, wanted: str, *, equal: bool) -> Check:
    def check(facts: Facts) -> Answer:
        value = facts[name]
        if value.__class__ is str:
            return (value == wanted) is equal
        if value is None:
            return False
        if isinstance(value, Cut):
            return UNKNOWN if wanted.startswith(value.start) else not equal
        return UNKNOWN if value is UNKNOWN else (str(value) == wanted) is equal

    return check


def _contains(wanted: str) -> Callable[[Facts, Value], Answer]:
    def search(facts: Facts, value: Value) -> Answer:
        if isinstance(value, str):
            if len(value) >= _SHORT_TEXT:
                facts.spend(len(value) // _CHARACTERS_PER_STEP)
            return wanted in value
        if isinstance(value, Cut):
            return wanted in value.start or UNKNOWN
        if isinstance(value, int | float):
            return wanted in str(value)
        return value is not None and value is not UNKNOWN and wanted in value

    return search


def _matches(pattern: Pattern) -> Callable[[Facts, Value], Answer]:
    def search(facts: Facts, value: Value) -> Answer:
        if isinstance(value, Cut):
            return _in_text(facts, pattern, value.start, cut=True)
        if isinstance(value, str | int | float):
            return _in_text(facts, pattern, str(value))
        if value is None or value is UNKNOWN:
            return False
        answers = [_in_text(facts, pattern, member) for member in value]
        return True in answers or (UNKNOWN if UNKNOWN in answers else False)

    return search


def _in_text(facts: Facts, pattern: Pattern, text: str, *, cut: bool = False) -> Answer:
    facts.spend(pattern.cost * len(text))
    return pattern.search(text.encode("utf-8", "replace"), cut=cut)


def _searched(name: str, condition: Condition, search: Callable[[Facts, Value], Answer]) -> Check:
    """A search whose answer is kept with the facts: it is asked for again by other rules, and when it is explained."""
    key = (name, condition.operator, condition.value)
    plain = str(condition.value) if condition.operator == "contains" else None

    def check(facts: Facts) -> Answer:
        value = facts[name]
        if value is None:
            return False
        if value is UNKNOWN:
            return UNKNOWN
        if plain is not None and (value.__class__ is not str or len(value) < _SHORT_TEXT):
            return search(facts, value)
        answer = facts.answers.get(key)
        if answer is None:
            answer = facts.answers[key] = search(facts, value)
        return answer

    return check
