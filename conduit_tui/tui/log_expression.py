"""The log's filter in the rule language: told apart from free words, and read. No screen."""

from conduit_tui.domain.rules import Condition, Group
from conduit_tui.routing import fields
from conduit_tui.routing.expression import ExpressionError, parse
from conduit_tui.routing.fields import Kind, Scope
from conduit_tui.routing.lexer import Token, TokenKind, tokens
from conduit_tui.routing.numbers import read_number


def read(text: str) -> Group | None:
    """The expression that a line holds, None where it holds words or `key:value`.

    Raises ExpressionError where an expression is meant and there is something wrong with it.
    """
    found = tokens(text)
    if not _is_meant(found):
        return None
    try:
        return _with_numbers(parse(text, Scope.LOG))
    except ExpressionError as error:
        raise ExpressionError(f"{error.message} (at {error.position + 1})", error.position, error.length) from None


def _is_meant(found: list[Token]) -> bool:
    """Whether a field and an operator stand at the beginning, whatever follows."""
    words = [token for token in found if token.kind is not TokenKind.OPEN and token.keyword != "not"]
    if len(words) < 2 or ":" in words[0].value:
        return False
    operator = words[1]
    if operator.kind is TokenKind.SYMBOL:
        return True
    return operator.value in fields.TEXT_ONLY and fields.find(words[0].value) is not None


def _with_numbers(group: Group) -> Group:
    """Numbers in quotes as numbers, so that the database compares them as such."""
    members: list[Condition | Group] = []
    for member in group.rules:
        if isinstance(member, Group):
            members.append(_with_numbers(member))
            continue
        field = fields.find(member.field)
        numeric = field is not None and (field.kind is Kind.NUMBER or member.operator in fields.NUMBERS_ONLY)
        number = read_number(member.value) if numeric else None
        members.append(member if number is None else member.model_copy(update={"value": number}))
    return group.model_copy(update={"rules": tuple(members)})
