"""What is said of the machine's settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from conduit_tui.config.model import Effect, Setting
from conduit_tui.config.text import to_text
from conduit_tui.tui.clean import clean
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.machine_draft import MachineDraft

ABOUT_LINES = 3


def beside(
    draft: MachineDraft, setting: Setting, problems: Mapping[str, str], changes: Mapping[str, Any], glyphs: Glyphs
) -> Line:
    """What stands beside a value: what is wrong with it, else its unit and where it comes from."""
    if problem := problems.get(setting.key):
        return ((f"{glyphs.bad} {clean(problem)}", Ink.BAD),)
    unit = (f"{setting.unit:<9}", Ink.MUTED)
    if override := draft.override(setting):
        return ((f"{override.source} says {clean(override.text)}", Ink.WARN),)
    if setting.key in changes:
        return (unit, ("changed", Ink.ACCENT))
    return (unit, (str(draft.source(setting)), Ink.MUTED))


def opening(path: str) -> Sequence[Line]:
    """What is said before a setting has the focus."""
    return (
        ((f" {clean(path)}", Ink.TEXT),),
        ((" a value that is emptied goes back to its default; comments in the file stay", Ink.MUTED),),
        ((" the command line and the environment come before what stands here", Ink.MUTED),),
    )


def about(setting: Setting, problem: str) -> Sequence[Line]:
    """What a setting is, in `ABOUT_LINES` lines."""
    facts = [
        f"default {to_text(setting.default) or 'none'}",
        setting.bounds or " or ".join(setting.choices),
        f"environment {setting.variable}",
    ]
    second: Line = ((f" {'; '.join(fact for fact in facts if fact)}", Ink.MUTED),)
    return (
        ((f" {setting.description}", Ink.TEXT),),
        ((f" {clean(problem)}", Ink.BAD),) if problem else second,
        ((f" takes effect {setting.effect}", Ink.MUTED),),
    )


def effects(changed: Sequence[Setting], *, keys: bool) -> Sequence[Line]:
    """When what was saved takes effect, the latest first, in `ABOUT_LINES` lines."""
    by_effect: dict[Effect, list[str]] = {}
    for setting in changed:
        by_effect.setdefault(setting.effect, []).append(setting.name)
    if keys:
        by_effect.setdefault(Effect.SCREENS, []).append("keys")
    order = [effect for effect in reversed(Effect) if effect in by_effect and effect is not Effect.AT_ONCE]
    lines: list[Line] = [
        ((f" saved: {', '.join(by_effect[effect])} takes effect {effect}", Ink.GOOD),) for effect in order
    ]
    return [*(lines or [((" saved", Ink.GOOD),)]), BLANK, BLANK][:ABOUT_LINES]
