"""What a condition must be like, beyond its shape: the same words for the editor, the command line and an import."""

import difflib
from typing import Literal, NamedTuple

from conduit_tui.domain.rules import Condition, Value
from conduit_tui.routing import fields
from conduit_tui.routing.fields import Field, Kind, Scope
from conduit_tui.routing.numbers import read_number
from conduit_tui.routing.patterns import PatternError, compiled

_MEANT = {"==": "=", "===": "=", "=>": ">=", "=<": "<=", "<>": "!=", "!==": "!=", "~": "matches", "=~": "matches"}
_HEADER_CHARACTERS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


class Fault(NamedTuple):
    """What is wrong with a condition, in which part of it, and what was probably meant (else empty)."""

    part: Literal["field", "operator", "value"]
    message: str
    suggestion: str = ""


def fault_of(condition: Condition) -> Fault | None:
    """The first fault of a rule's condition, None if it can be used."""
    return (
        fault_of_field(condition.field, Scope.RULE)
        or fault_of_operator(condition.field, condition.operator)
        or fault_of_value(condition.field, condition.operator, condition.value)
    )


def fault_of_field(name: str, scope: Scope) -> Fault | None:
    field = fields.find(name)
    if field is None:
        family = name.rstrip(".")
        if any(known.is_family and known.name == family for known in fields.FIELDS):
            example = "user-agent" if family == "header" else "user_id"
            return Fault("field", f"`{family}` needs a name behind it, as in `{family}.{example}`", f"{family}.")
        suggestion = fields.nearest(name, scope)
        return Fault("field", f"unknown field `{name}`{did_you_mean(suggestion)}", suggestion)
    if field.log_only and scope is Scope.RULE:
        return Fault("field", f"`{name}` is known only after the answer: it filters the log, but decides no rule")
    if field.name == "header" and not set(name.removeprefix("header.").lower()) <= _HEADER_CHARACTERS:
        return Fault("field", f"`{name.removeprefix('header.')}` cannot be the name of a header")
    return None


def fault_of_operator(name: str, operator: str) -> Fault | None:
    field = _field(name)
    usable = " ".join(field.operators)
    if operator in field.operators:
        return None
    if operator in fields.ALL_OPERATORS:
        what = "can be text or a number" if field.kind is Kind.OPEN else f"is a {field.kind}"
        what = "is text" if field.kind is Kind.TEXT else what
        return Fault("operator", f"`{name}` {what}: `{operator}` does not apply, use {usable}")
    meant = _MEANT.get(operator) or next(iter(difflib.get_close_matches(operator.lower(), field.operators, 1)), "")
    meant = meant if meant in field.operators else ""
    return Fault("operator", f"unknown operator `{operator}`{did_you_mean(meant) or f': use {usable}'}", meant)


def fault_of_value(name: str, operator: str, value: Value) -> Fault | None:
    kind = _field(name).kind
    if kind is Kind.NUMBER or operator in fields.NUMBERS_ONLY:
        return (
            None
            if read_number(value) is not None
            else Fault("value", f"`{operator}` needs a number, `{value}` is none")
        )
    if not isinstance(value, str) and (kind is not Kind.OPEN or operator in fields.TEXT_ONLY):
        return Fault("value", f"`{operator}` needs text, {value} is a number", f'"{value}"')
    if operator == "matches":
        try:
            compiled(str(value))
        except PatternError as refused:
            return Fault("value", str(refused))
    return None


def did_you_mean(suggestion: str) -> str:
    return f", did you mean `{suggestion}`?" if suggestion else ""


def _field(name: str) -> Field:
    field = fields.find(name)
    assert field is not None, "the field is looked at first"
    return field
