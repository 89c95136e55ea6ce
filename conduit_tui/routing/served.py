"""Which provider serves a model in a dialect, and with it for which dialects a rule's target counts."""

import re
from collections.abc import Callable, Sequence

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import Provider

_MADE_BY = {
    "anthropic": re.compile(r"(?i)(anthropic[./])?claude"),
    "openai": re.compile(r"(?i)(openai/)?(ft:)?(gpt|chatgpt|codex|computer-use|o\d|davinci|babbage|text-)"),
}


def serving(providers: Sequence[Provider], dialect: str, model: str) -> Provider | None:
    """Who serves a model: a provider that claims it, else the default one, else the built-in one.

    A built-in provider serves its own maker's models, told by their names. In a dialect that is not known, as foreign
    records may have it, nobody serves anything.
    """
    speaking = [provider for provider in providers if dialect in provider.dialects]
    for provider in speaking:
        if provider.claims(model):
            return provider
    for provider in speaking:
        if provider.default:
            return provider
    return next((each for each in speaking if each.builtin and _MADE_BY[each.name].match(model)), None)


def fits_in(providers: Sequence[Provider], dialect: str) -> Callable[[str], bool]:
    """A function that tells whether a provider serves a model in this dialect; it remembers its answers."""
    known: dict[str, bool] = {}

    def fits(model: str) -> bool:
        if model not in known:
            known[model] = serving(providers, dialect, model) is not None
        return known[model]

    return fits


def served_in(providers: Sequence[Provider], model: str) -> list[Dialect]:
    """The dialects in which a provider serves the model."""
    return [dialect for dialect in Dialect if serving(providers, dialect, model) is not None]
