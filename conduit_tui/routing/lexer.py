"""A line of text in tokens. Nothing is refused here: what is no token is one of its own kind."""

import re
from enum import StrEnum
from typing import NamedTuple


class TokenKind(StrEnum):
    WORD = "word"
    STRING = "string"
    UNCLOSED = "unclosed"  # a string without its closing quote
    SYMBOL = "symbol"  # characters of operators
    OPEN = "open"
    CLOSE = "close"


class Token(NamedTuple):
    """A piece of the text from `start` to `end`; `value` is what it stands for, for a string without quotes."""

    kind: TokenKind
    value: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """`and`, `or`, `not`, or nothing; in capitals too."""
        word = self.value.lower() if self.kind is TokenKind.WORD else ""
        return word if word in KEYWORDS else ""


KEYWORDS = ("and", "or", "not")
BARE_WORD = re.compile(r"""[^\s()"'<>=!]+""")
_TOKEN = re.compile(
    r"""
    (?P<word>[^\s()"'<>=!]+)
  | (?P<symbol>[<>=!]+)
  | (?P<string>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
  | (?P<unclosed>["'].*)
  | (?P<open>\()
  | (?P<close>\))
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"""\\(?:(["'\\nrt])|u\{([0-9a-fA-F]{1,6})\})""")
_NAMED = {"n": "\n", "r": "\r", "t": "\t"}
_MEANINGFUL = frozenset("\"'\\nrtu") | {""}
_NAMES = {character: name for name, character in _NAMED.items()}


def tokens(text: str) -> list[Token]:
    """The tokens of a text, in order."""
    found = []
    for match in _TOKEN.finditer(text):
        kind = TokenKind(match.lastgroup or "")
        value = match[0]
        if kind is TokenKind.STRING:
            value = unescape(value[1:-1])
        elif kind is TokenKind.UNCLOSED:
            value = unescape(value[1:])
        found.append(Token(kind, value, match.start(), match.end()))
    return found


def unescape(text: str) -> str:
    r"""What stands between quotes: `\"`, `\'`, `\\`, `\n`, `\r`, `\t` and `\u{1f600}` are one character each.

    Any other backslash stands for itself, so that a pattern such as `\d+` can be written as it is.
    """
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    if match[2] is None:
        return _NAMED.get(match[1], match[1])
    code = int(match[2], 16)
    is_character = code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return chr(code) if is_character else match[0]


def quote(text: str) -> str:
    """The text between quotes, on one line and printable, so that `unescape` gives it back."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    parts = []
    for position, character in enumerate(text):
        if character == '"' or (character == "\\" and not _is_alone(text[position + 1 : position + 2])):
            parts.append("\\" + character)
        elif character in _NAMES:
            parts.append("\\" + _NAMES[character])
        elif character == " " or character.isprintable():
            parts.append(character)
        else:
            parts.append(f"\\u{{{ord(character):x}}}")
    return f'"{"".join(parts)}"'


def _is_alone(following: str) -> bool:
    """Whether a backslash before this character stands for itself in any case."""
    return following.isprintable() and following not in _MEANINGFUL
