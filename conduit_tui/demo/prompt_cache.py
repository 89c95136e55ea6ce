"""A prompt cache as providers keep one: the longest prefix seen before is cheap, the rest is written."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from conduit_tui.demo.dialects import compact

_CHARACTERS_PER_TOKEN = 3.2
_SMALLEST = 1_024  # tokens; shorter prompts are not cached
_KEPT = 4_000


class Prompt(NamedTuple):
    """The tokens of a prompt: all of them, those read from the cache, those written to it."""

    tokens: int
    read: int
    written: int


class PromptCache:
    """Remembers prefixes of conversations per model, the least recently used ones forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()

    def look_up(self, model: str, parts: Sequence[Any]) -> Prompt:
        """Count a prompt given as its parts in order (tools, system, then one per message), and remember it."""
        tokens, known, prefixes = 0, 0, []
        chain = hashlib.sha256(model.encode())
        for part in parts:
            text = compact(part)
            tokens += int(len(text) / _CHARACTERS_PER_TOKEN) + 1
            chain.update(text.encode())
            key = chain.hexdigest()
            known = self._seen.get(key, known)
            prefixes.append((key, tokens))
        for key, length in prefixes:
            self._seen[key] = length
            self._seen.move_to_end(key)
        while len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        if tokens < _SMALLEST:
            return Prompt(tokens, 0, 0)
        rest = 3 + tokens % 5  # what stands behind the last cache mark
        read = min(known, tokens - rest)
        return Prompt(tokens, read, tokens - rest - read)
