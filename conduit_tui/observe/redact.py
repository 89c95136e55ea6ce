"""Credentials, masked before anything is written down or shown.

Two nets: names and shapes that credentials usually have, and the exact values that this process was given
(`keep_secret`). What is left of a long credential is its last four characters, so that two keys can be told apart.
"""

import base64
import re
from collections.abc import Iterable
from functools import lru_cache

SHORT = 2_000  # characters of a text whose redaction is remembered
SHORTEST_WITH_A_TAIL = 13  # characters; of anything shorter nothing is shown

CREDENTIAL_NAMES = frozenset(
    {
        "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "apikey", "x-apikey",
        "token", "secret", "password", "passwd", "x-conduit-token",
    }
)  # fmt: skip
_CREDENTIAL_SUFFIXES = ("-token", "-secret", "-key", "-apikey", "-password", "-credential", "-credentials")

_SHAPES = re.compile(
    r"""
    (?P<scheme> \b (?: bearer | basic ) \s+ )
      (?P<bearer> (?= [\w.~+/=-]* [\d_~+/=-] | [\w.~+/=-]{20} ) [\w.~+/=-]{6,} )  # no word such as `authentication`
  | (?P<name> (?: (?<![a-z]) (?: api[-_]?key | token | secret | password | passwd | authorization | (?: set- )? cookie )
                | [a-z] (?-i: Token | Secret | Password ) )
      (?: \\?["'] )? \s* [:=] \s* (?: \\?["'] )? (?: (?: bearer | basic ) \s+ )? )
      (?P<named> [^\s"'\\,;&<>(){}\[\]]+ )
  | (?P<user> ://[^\s/@:]{0,256}: ) (?P<password> [^\s/@]{1,256} ) (?=@)
  | (?P<key> \b (?: sk-ant- | sk-proj- | sk-or- | sk-svcacct- | sk[-_] | pk_ | gsk_ | xai- | AIza | gh[opsu]_
                  | github_pat_ | hf_ | AKIA ) [\w-]{8,} )
    """,
    re.VERBOSE | re.IGNORECASE,
)

# Whatever `_SHAPES` matches has one of these in it, in small letters. Alternatives that all begin with a plain letter
# are searched for ten times faster, so text without credentials, which is nearly all text, costs little.
_HINTS = re.compile(
    "|".join(
        [
            *(scheme + r"\s+[\w.~+/=-]{6}" for scheme in ("bearer", "basic")),
            *(
                name + r"""(?:\\?["'])?\s*[:=]"""
                for name in ("api[-_]?key", "token", "secret", "password", "passwd", "authorization", "cookie")
            ),
            r"://[^\s/@:]*:[^\s/@]+@",
            *(
                start + r"[\w-]{8}"
                for start in ("sk[-_]", "pk_", "xai-", "aiza", "gh[opsu]_", "github_pat_", "hf_", "akia")
            ),
        ]
    )
)
_SAME_LETTERS = str.maketrans("\u0130\u0131\u017f\u212a", "iisk")  # to whoever ignores case

_secrets: set[str] = set()
_literals: re.Pattern[str] | None = None


def keep_secret(value: str) -> None:
    """From now on mask this value wherever `redact_text` meets it, also in base64; under 6 characters never."""
    global _literals
    if len(value) < 6 or value in _secrets:
        return
    _secrets.add(value)
    forms = {form for secret in _secrets for form in (secret, _base64(secret))}
    _literals = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    _redact_short.cache_clear()


def mask(value: str) -> str:
    """`…` and the last four characters of a long value, `…` alone for a short one."""
    return f"…{value[-4:]}" if len(value) >= SHORTEST_WITH_A_TAIL else "…"


def is_credential_name(name: str) -> bool:
    """Whether a header or a field of this name holds a credential."""
    plain = name.strip().lower().replace("_", "-")
    return plain in CREDENTIAL_NAMES or plain.endswith(_CREDENTIAL_SUFFIXES)


def redact_headers(headers: Iterable[tuple[str | bytes, str | bytes]]) -> list[tuple[str, str]]:
    """Header pairs in their order, for a log or a screen: credentials masked, everything else looked through."""
    pairs = ((_text(name), _text(value)) for name, value in headers)
    return [(name, mask(value) if is_credential_name(name) else redact_text(value)) for name, value in pairs]


def redact_text(text: str) -> str:
    """The text with everything masked that is known to be secret or looks like it."""
    return _redact_short(text) if len(text) <= SHORT else _redact(text)


def _redact(text: str) -> str:
    if _literals is not None:
        text = _literals.sub(lambda found: mask(found[0]), text)
    return _SHAPES.sub(_masked, text) if _is_suspect(text) else text


_redact_short = lru_cache(maxsize=512)(_redact)  # an agent says the same thing with every turn


def _is_suspect(text: str) -> bool:
    plain = text if text.isascii() else text.translate(_SAME_LETTERS)
    return _HINTS.search(plain.lower()) is not None


def _masked(found: re.Match[str]) -> str:
    for before, value in (("scheme", "bearer"), ("name", "named"), ("user", "password")):
        if found[value] is not None:
            return found[before] + (found[value] if found[value].startswith("…") else mask(found[value]))
    return mask(found["key"])


def _base64(secret: str) -> str:
    # Without its last group, which depends on what follows the secret in the encoded text.
    return base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
