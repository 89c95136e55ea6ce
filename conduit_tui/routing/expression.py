"""The text form of a rule's conditions:

    expression = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation = "not" negation | "(" expression ")" | FIELD OPERATOR VALUE

A value is a quoted text, a number, or a bare word. Against a field that holds text a bare word is text, against a
number it must be one; against a header or metadata it is a number if it looks like one.
"""

import re

from conduit_tui.domain.rules import Condition, Group, Value
from conduit_tui.routing import fields
from conduit_tui.routing.conditions import Fault, did_you_mean, fault_of_field, fault_of_operator, fault_of_value
from conduit_tui.routing.fields import Kind, Scope
from conduit_tui.routing.lexer import Token, TokenKind, quote, tokens
from conduit_tui.routing.numbers import read_number
from conduit_tui.routing.printer import condition_text, normalise, to_text

__all__ = ["ExpressionError", "condition_text", "normalise", "parse", "to_text"]

DEEPEST = 32  # groups within groups
_BROKEN = re.compile(r"[\ud800-\udfff]")  # what a terminal hands on where bytes are not UTF-8
_MEANT = {"&&": "and", "&": "and", ",": "and", "||": "or", "|": "or", "!": "not"}


class ExpressionError(ValueError):
    """What is wrong with an expression, for display under the text.

    `position` and `length` (at least 1) say where, in characters; `word` is what stands there, `suggestion` what was
    probably meant and would do in its place, empty if nothing is near.
    """

    def __init__(self, message: str, position: int, length: int = 1, word: str = "", suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.length = length
        self.word = word
        self.suggestion = suggestion


def parse(text: str, scope: Scope = Scope.RULE) -> Group:
    """The condition tree of a line, in normal form. Raises ExpressionError."""
    return normalise(Group(rules=(_Parser(text, scope).whole(),)))


class _Parser:
    def __init__(self, text: str, scope: Scope) -> None:
        self._text = text
        self._scope = scope
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Condition | Group:
        if broken := _BROKEN.search(self._text):
            raise ExpressionError("this is no character", broken.start(), word=broken[0])
        expression = self._expression()
        extra = self._peek()
        if extra is None:
            return expression
        if extra.kind is TokenKind.CLOSE:
            raise self._error(extra, "this parenthesis closes nothing")
        raise self._error(extra, *self._connective_missing(extra))

    def _expression(self) -> Condition | Group:
        members = [self._conjunction()]
        while self._take_keyword("or"):
            members.append(self._conjunction())
        return members[0] if len(members) == 1 else Group(type="OR", rules=tuple(members))

    def _conjunction(self) -> Condition | Group:
        members = [self._negation()]
        while self._take_keyword("and"):
            members.append(self._negation())
        return members[0] if len(members) == 1 else Group(type="AND", rules=tuple(members))

    def _negation(self) -> Condition | Group:
        token = self._peek()
        is_open = token is not None and token.kind is TokenKind.OPEN
        if token is None or not (is_open or token.keyword == "not"):
            return self._condition()
        self._at += 1
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error(token, f"more than {DEEPEST} groups within groups")
        inner = self._expression() if is_open else Group(type="NOT", rules=(self._negation(),))
        self._depth -= 1
        if is_open:
            self._close(token)
        return inner

    def _close(self, opening: Token) -> None:
        token = self._peek()
        if token is None:
            raise self._error(opening, "this parenthesis is not closed")
        if token.kind is not TokenKind.CLOSE:
            raise self._error(token, *self._connective_missing(token))
        self._at += 1

    def _condition(self) -> Condition:
        field = self._operand("a condition")
        self._refuse(field, fault_of_field(field.value, self._scope))
        operator = self._operator(field)
        after = self._text[operator.start : operator.end]
        word = self._operand(f"a value after `{after}`")
        value = _value(field.value, operator.value, word)
        self._refuse(word, fault_of_value(field.value, operator.value, value))
        return Condition(field=field.value, operator=operator.value, value=value)

    def _operand(self, what: str) -> Token:
        """A word or a quoted text."""
        token = self._peek()
        if token is None or token.kind is TokenKind.CLOSE or token.keyword in ("and", "or"):
            raise self._missing(what, token)
        if token.kind is TokenKind.UNCLOSED:
            raise ExpressionError("a closing quote is missing", len(self._text), word=token.value)
        if token.kind in (TokenKind.SYMBOL, TokenKind.OPEN) or token.keyword:
            suggestion = _MEANT.get(token.value, "")
            raise self._error(token, f"{what} is expected here{did_you_mean(suggestion)}", suggestion)
        self._at += 1
        return token

    def _operator(self, field: Token) -> Token:
        token = self._peek()
        usable = " ".join(found.operators) if (found := fields.find(field.value)) else ""
        expected = f"an operator after `{field.value}` ({usable})"
        if token is None or token.kind in (TokenKind.OPEN, TokenKind.CLOSE) or token.keyword in ("and", "or"):
            raise self._missing(expected, token)
        if token.kind in (TokenKind.STRING, TokenKind.UNCLOSED) or token.keyword:
            raise self._error(token, f"{expected} is expected here")
        word = token.value.lower()
        operator = "=" if word == "equals" else word
        fault = fault_of_operator(field.value, operator)
        self._refuse(
            token, fault and fault._replace(message=fault.message.replace(f"`{operator}`", f"`{token.value}`"))
        )
        self._at += 1
        return token._replace(value=operator)

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take_keyword(self, keyword: str) -> bool:
        token = self._peek()
        found = token is not None and token.keyword == keyword
        self._at += found
        return found

    def _refuse(self, token: Token, fault: Fault | None) -> None:
        if fault is not None:
            raise self._error(token, fault.message, fault.suggestion)

    def _missing(self, what: str, token: Token | None) -> ExpressionError:
        message = f"{what} is missing"
        return self._error(token, message) if token else ExpressionError(message, len(self._text))

    def _error(self, token: Token, message: str, suggestion: str = "") -> ExpressionError:
        word = self._text[token.start : token.end]
        return ExpressionError(message, token.start, token.end - token.start, word, suggestion)

    def _connective_missing(self, token: Token) -> tuple[str, str]:
        word = self._text[token.start : token.end]
        suggestion = _MEANT.get(word, "")
        before = self._tokens[self._at - 1]
        hint = did_you_mean(suggestion)
        if not hint and token.kind is before.kind is TokenKind.WORD and read_number(before.value) is None:
            hint = f"; text of several words needs quotes: {quote(f'{before.value} {word}')}"
        return f"`and` or `or` is missing before `{word}`{hint}", suggestion


def _value(field: str, operator: str, token: Token) -> Value:
    found = fields.find(field)
    kind = found.kind if found else Kind.TEXT
    is_number = kind is Kind.NUMBER or operator in fields.NUMBERS_ONLY
    if token.kind is TokenKind.STRING or not (is_number or (kind is Kind.OPEN and operator in ("=", "!="))):
        return token.value
    number = read_number(token.value)
    return token.value if number is None else number
