"""What may stand at the cursor of an expression."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from conduit_tui.routing import fields
from conduit_tui.routing.fields import Field, Scope
from conduit_tui.routing.lexer import Token, TokenKind, quote, tokens


class Completion(NamedTuple):
    """`text` takes the place of the characters from `start` to `end`; `help` is one line, often empty."""

    text: str
    start: int
    end: int
    help: str = ""


class _Place(StrEnum):
    FIELD = "field"
    OPERATOR = "operator"
    VALUE = "value"
    CONNECTIVE = "connective"


def complete(text: str, cursor: int, *, models: Sequence[str] = (), scope: Scope = Scope.RULE) -> list[Completion]:
    """Fields, operators that the field takes, known values, `and`, `or`, `not`: best first, none if nothing fits.

    `models` are the known model names, offered where a field holds one. A word that the cursor stands in or behind is
    replaced as a whole.
    """
    place, field, current = _at(tokens(text), cursor)
    start, end = (current.start, current.end) if current else (cursor, cursor)
    typed = text[start:cursor]
    offers = _offers(place, field, models, scope)
    if place is _Place.VALUE:
        typed = typed.lstrip("\"'")
        return [Completion(quote(word), start, end, hint) for word, hint in _fitting(offers, typed)]
    return [Completion(word, start, end, hint) for word, hint in _fitting(offers, typed) if word != text[start:end]]


def _at(found: list[Token], cursor: int) -> tuple[_Place, Field | None, Token | None]:
    """What is expected at the cursor, the field that it belongs to, and the token that is being written there."""
    place, field = _Place.FIELD, None
    for token in found:
        if token.start >= cursor:
            break
        inside = token.kind is TokenKind.UNCLOSED or (token.kind is TokenKind.STRING and cursor < token.end)
        if inside or (cursor <= token.end and token.kind in (TokenKind.WORD, TokenKind.SYMBOL)):
            return place, field, token
        if token.kind is TokenKind.OPEN or token.keyword:
            place = _Place.FIELD
        elif token.kind is TokenKind.CLOSE:
            place = _Place.CONNECTIVE
        elif place is _Place.FIELD:
            place, field = _Place.OPERATOR, fields.find(token.value)
        else:
            place = _Place.VALUE if place is _Place.OPERATOR else _Place.CONNECTIVE
    return place, field, None


def _offers(place: _Place, field: Field | None, models: Sequence[str], scope: Scope) -> Iterator[tuple[str, str]]:
    if place is _Place.FIELD:
        yield from ((known.name + "." * known.is_family, known.help) for known in fields.known(scope))
        yield "not", "the opposite of what follows"
    elif place is _Place.CONNECTIVE:
        yield "and", ""
        yield "or", ""
    elif field is not None and place is _Place.OPERATOR:
        yield from ((operator, "") for operator in field.operators)
    elif field is not None:
        yield from ((value, "") for value in (models if field.is_model else field.values))


def _fitting(offers: Iterable[tuple[str, str]], typed: str) -> list[tuple[str, str]]:
    """Those that begin with what was typed, then those that contain it; small and capital letters are the same."""
    wanted = typed.lower()
    fitting = [offer for offer in offers if wanted in offer[0].lower()]
    return sorted(fitting, key=lambda offer: not offer[0].lower().startswith(wanted))
