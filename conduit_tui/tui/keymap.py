"""The user's keys: texts from config.toml or the Settings screen become keys of actions, or problems in words."""

import string
from collections.abc import Mapping

from textual.keys import Keys, _character_to_key

from conduit_tui.domain.nearest import did_you_mean
from conduit_tui.tui.actions import ACTIONS, Action
from conduit_tui.tui.key_names import key_name, key_of

BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}
KEEPS_A_KEY = ("everywhere.leave", "everywhere.commands")

_MODIFIERS = ("ctrl", "shift", "alt")
_NAMED = {key.value for key in Keys if "<" not in key.value} | {_character_to_key(sign) for sign in string.punctuation}


class BadKey(ValueError):
    """A word is not a key; the message says what might be meant."""


def read_keys(text: str) -> tuple[str, ...]:
    """The keys in a text, separated by spaces, in Textual's names. Raises BadKey."""
    return tuple(dict.fromkeys(_key(word) for word in text.split()))


def write_keys(action: Action) -> str:
    """The keys of an action as `read_keys` reads them."""
    return " ".join(key_name(key) for key in action.keys)


def chosen(keys: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The keys by action id; what is wrong (see `problems`) is left as it was."""
    wrong = problems(keys)
    return {name: read_keys(text) for name, text in keys.items() if name not in wrong}


def problems(keys: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with these keys, by action id: unknown ids, words that are no keys, one key for two actions."""
    found: dict[str, str] = {}
    given: dict[str, tuple[str, ...]] = {}
    for name, text in keys.items():
        if name not in BY_ID:
            found[name] = f"there is no such action{did_you_mean(name, BY_ID, 0.7)}"
            continue
        try:
            given[name] = read_keys(text)
        except BadKey as error:
            found[name] = str(error)
    for name, its in given.items():
        if not its and name in KEEPS_A_KEY:
            found[name] = "must keep a key: without it there is no way out"
        for other in ACTIONS:
            if other.scope is BY_ID[name].scope and other.id != name:
                theirs = given.get(other.id, other.keys)
                if shared := [key for key in its if key in theirs]:
                    found.setdefault(name, f"{key_name(shared[0])!r} is the key of {other.id!r} there")
    return found


def in_words(keys: Mapping[str, str]) -> list[str]:
    """What is wrong with these keys, a line each."""
    return [f"keys: {name!r}: {message}" for name, message in problems(keys).items()]


def _key(word: str) -> str:
    name = key_of(word)
    if len(name) == 1:
        if not name.isprintable():
            raise BadKey(f"{word!r} is not a key")
        return _character_to_key(name)
    *modifiers, last = name.lower().split("+") if "+" in name else [name]
    if not all(modifier in _MODIFIERS for modifier in modifiers) or len(set(modifiers)) < len(modifiers):
        raise BadKey(f"{word!r} is not a key{did_you_mean(word, _NAMED)}")
    if modifiers == ["shift"] and len(last) == 1 and last.isalpha():
        raise BadKey(f"{word!r} reaches no program as such; write {last.upper()!r}")
    if len(last) == 1 or last in _NAMED or name.lower() in _NAMED:
        return "+".join([*modifiers, last])
    raise BadKey(f"{word!r} is not a key{did_you_mean(word, _NAMED)}")
