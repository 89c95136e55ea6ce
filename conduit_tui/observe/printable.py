"""Text from elsewhere, made safe to show: nothing in it moves a cursor, sets a title or turns the reading direction."""

import unicodedata

# Controls (C0, DEL, C1), formats (bidirectional overrides, zero-width), lone surrogates, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN


def printable(text: str, keep: str = "") -> str:
    r"""The text with invisible and controlling characters written out (`\x1b`, `\u202e`), except those in `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or not _is_hidden(c) else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
