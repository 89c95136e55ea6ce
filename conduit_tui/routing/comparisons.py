"""One condition as a function of the facts. A missing fact answers False, a fact that is not known UNKNOWN."""

import operator
from collections.abc import Callable

from conduit_tui.domain.rules import Condition
from conduit_tui.routing import fields
from conduit_tui.routing.facts import UNKNOWN, Cut, Facts, Unknown, Value
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
        return _member(name, str(value)) if kind is Kind.LIST else _contains(name, str(value))
    if word == "matches":
        return _matches(name, compiled(str(value)))
    number = read_number(value)
    if kind is Kind.NUMBER and number is not None:
        return _number(name, word, number)
    if kind is Kind.OPEN and number is not None and (word in fields.NUMBERS_ONLY or not isinstance(value, str)):
        return _open_number(name, word, number)
    return _text(name, str(value), equal=word == "=")


def _number(name: str, word: str, limit: float) -> Check:
    compare = _COMPARE[word]
    equality = word in ("=", "!=")

    def check(facts: Facts) -> Answer:
        value = facts.get(name)
        if value is None:
            bounds = facts.bounds(name)
            if bounds is not None:
                low, high = bounds
                decided = compare(low, limit)
                if decided is compare(high, limit) and not (equality and low <= limit <= high):
                    return decided
            value = facts[name]
            if value is None:
                return False
        return UNKNOWN if value is UNKNOWN else compare(value, limit)  # type: ignore[arg-type]  # Facts see to it

    return check


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


def _member(name: str, wanted: str) -> Check:
    def check(facts: Facts) -> Answer:
        value = facts[name]
        if value.__class__ is frozenset:
            return wanted in value
        return UNKNOWN if value is UNKNOWN else False

    return check


def _contains(name: str, wanted: str) -> Check:
    key = (name, "contains", wanted)

    def check(facts: Facts) -> Answer:
        value = facts[name]
        if value.__class__ is str and len(value) < _SHORT_TEXT:
            return wanted in value
        answer = facts.answers.get(key)
        if answer is None:
            answer = facts.answers[key] = search(facts, value)
        return answer

    def search(facts: Facts, value: Value) -> Answer:
        if value is None or value is UNKNOWN:
            return False if value is None else UNKNOWN
        if isinstance(value, str):
            facts.spend(len(value) // _CHARACTERS_PER_STEP)
            return wanted in value
        if isinstance(value, Cut):
            return wanted in value.start or UNKNOWN
        return wanted in (value if isinstance(value, frozenset) else str(value))

    return check


def _matches(name: str, pattern: Pattern) -> Check:
    """The answer is kept with the facts: other rules ask again, and so does who explains the decision."""
    key = (name, "matches", pattern.text)

    def check(facts: Facts) -> Answer:
        answer = facts.answers.get(key)
        if answer is None:
            answer = facts.answers[key] = search(facts, facts[name])
        return answer

    def search(facts: Facts, value: Value) -> Answer:
        if value is None or value is UNKNOWN:
            return False if value is None else UNKNOWN
        if isinstance(value, Cut):
            return in_text(facts, value.start, cut=True)
        if not isinstance(value, frozenset):
            return in_text(facts, str(value))
        answers = {in_text(facts, member) for member in value}
        return True in answers or (UNKNOWN if UNKNOWN in answers else False)

    def in_text(facts: Facts, text: str, *, cut: bool = False) -> Answer:
        facts.spend(pattern.cost * len(text))
        return pattern.search(text.encode("utf-8", "replace"), cut=cut)

    return check
