"""Providers as lines: where requests go, with whose key, and what came of testing it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from conduit_tui.control.plane import ProviderTest
from conduit_tui.domain.providers import KeyKind, Provider
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part
from conduit_tui.tui.table import Column, cell, fit, head
from conduit_tui.tui.views.exchange import fact

COLUMNS = (
    Column("name", "provider", 12, stretch=1, widest=24),
    Column("url", "base URL", 22, stretch=3, widest=60),
    Column("key", "key", 16, stretch=1, widest=34),
    Column("models", "models", 14, stretch=2, widest=40),
    Column("test", "", 1),
)

Endings = Mapping[str, str | None]
Tests = Mapping[str, ProviderTest | None]
"""What came of testing a provider; None while it is being asked."""


def provider_lines(
    providers: Sequence[Provider], endings: Endings, tests: Tests, width: int, glyphs: Glyphs
) -> list[tuple[Line, str | None]]:
    """The list; a line's target is the provider's name."""
    columns = fit(COLUMNS, width - 2)
    lines: list[tuple[Line, str | None]] = [(((f" {head(columns)}", Ink.TITLE),), None)]
    for provider in providers:
        told = (", ".join(provider.models), Ink.TEXT)
        if not provider.models:
            told = ("what nobody claims", Ink.MUTED) if provider.default else ("", Ink.MUTED)
        if provider.builtin:
            told = ("built in", Ink.MUTED)
        missing = endings.get(provider.name, "") is None
        values: dict[str, Part] = {
            "name": (provider.name, Ink.STRONG),
            "url": (provider.base_url.removeprefix("https://"), Ink.TEXT),
            "key": (short_key(provider, endings), Ink.WARN if missing else Ink.TEXT),
            "models": told,
            "test": _sign(provider.name, tests, glyphs),
        }
        parts: list[Part] = [(" ", Ink.TEXT)]
        for column in columns:
            text, ink = values[column.name]
            parts.append((f"{cell(text, column.width)}  ", ink))
        lines.append((parts, provider.name))
    return lines


def short_key(provider: Provider, endings: Endings) -> str:
    """`clients' own`, `$OPENAI_API_KEY …WXYZ`; of the key at most its last four characters."""
    if provider.key.kind is KeyKind.PASS_THROUGH:
        return "clients' own"
    if provider.key.kind is KeyKind.NONE:
        return "none"
    ending = endings.get(provider.name, "")
    where = f"${provider.key.reference}" if provider.key.kind is KeyKind.ENVIRONMENT else "file"
    if ending is None:
        return f"! no {where}"
    return f"{where} …{ending}" if ending else where


def provider_detail(provider: Provider, endings: Endings, tests: Tests, glyphs: Glyphs, kept_in: Path) -> list[Line]:
    """One provider in full; typed keys are kept in `kept_in`."""
    note = "built in, yields to any default of your own" if provider.builtin else ""
    if provider.default:
        note = "default: serves what nobody else claims"
    lines: list[Line] = [
        ((f" {provider.name}", Ink.STRONG), (f"   {note}", Ink.MUTED)),
        fact("speaks", ", ".join(provider.dialects)),
        fact("base URL", provider.base_url),
        fact("key", _whole_key(provider, endings, kept_in)),
        fact("models", ", ".join(provider.models) or "none by name"),
    ]
    test = tests.get(provider.name)
    if test is not None:
        sign, ink = _sign(provider.name, tests, glyphs)
        lines.append(
            ((f"   {'test':<12} ", Ink.TITLE), (f"{sign} {test.detail}", ink), (f"  {test.took_ms:,.0f} ms", Ink.MUTED))
        )
    elif provider.name in tests:
        lines.append(fact("test", "being asked …"))
    else:
        lines.append(fact("test", "t asks it for its models, which is free"))
    return lines


def _whole_key(provider: Provider, endings: Endings, kept_in: Path) -> str:
    ending = endings.get(provider.name, "")
    ends = f", ends in {ending}" if ending else ""
    kind, reference = provider.key.kind, provider.key.reference
    if kind is KeyKind.PASS_THROUGH:
        return "the client's own credential goes there"
    if kind is KeyKind.NONE:
        return "none is wanted"
    if kind is KeyKind.ENVIRONMENT:
        missing = "; it is not set where the gateway was started"
        return f"the variable {reference}{missing if ending is None else ends}"
    if Path(reference).parent == kept_in:
        reference = "kept here in a private file"
    return f"{reference}{'; no key can be read there' if ending is None else ends}"


def _sign(name: str, tests: Tests, glyphs: Glyphs) -> Part:
    if name not in tests:
        return ("", Ink.MUTED)
    test = tests[name]
    if test is None:
        return (glyphs.busy, Ink.ACCENT)
    return (glyphs.good, Ink.GOOD) if test.ok else (glyphs.bad, Ink.BAD)


def empty_words() -> list[Line]:
    """What to do where only the built-in providers are there."""
    return [
        BLANK,
        ((" So far every client brings its own key to Anthropic or OpenAI.", Ink.MUTED),),
        ((" n", Ink.ACCENT), ("  adds a provider: another router, a local model, a key kept here", Ink.MUTED)),
    ]  # fmt: skip
