"""How a decision came about, rule by rule and condition by condition."""

from collections.abc import Mapping, Sequence
from typing import Any

from conduit_tui.domain.decisions import ConditionTrace, RuleOutcome, RuleTrace
from conduit_tui.domain.money import format_dollars
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Ink, Line, Part
from conduit_tui.tui.table import cell
from conduit_tui.tui.views import names

LONGEST_NAME = 16
LONGEST_TEXT = 34
MARGIN = 8

_NOTES = {
    RuleOutcome.NOT_LOOKED_AT: "not looked at: the first match wins",
    RuleOutcome.OUTSIDE_ROLLOUT: "outside of its rollout",
    RuleOutcome.NOT_SERVED: "no provider serves its model in this dialect",
    RuleOutcome.UNKNOWN: "cannot be said: it asks for what is not known",
}


def rule_lines(steps: Sequence[RuleTrace], glyphs: Glyphs) -> list[Line]:
    """The rules in the order in which they were asked."""
    name = min(LONGEST_NAME, max((len(step.name) for step in steps), default=0))
    texts = [len(condition.text) for step in steps for condition in step.conditions]
    text = min(LONGEST_TEXT, max(texts, default=0))
    return [line for step in steps for line in _rule(step, name, text, glyphs)]


def _rule(step: RuleTrace, name: int, text: int, glyphs: Glyphs) -> list[Line]:
    matched = step.outcome is RuleOutcome.MATCHED
    marks = {
        RuleOutcome.MATCHED: (glyphs.good, Ink.GOOD),
        RuleOutcome.NO_MATCH: (glyphs.bad, Ink.MUTED),
        RuleOutcome.UNKNOWN: ("?", Ink.WARN),
        RuleOutcome.NOT_SERVED: ("!", Ink.WARN),
        RuleOutcome.OUTSIDE_ROLLOUT: (glyphs.off, Ink.MUTED),
        RuleOutcome.NOT_LOOKED_AT: ("·", Ink.MUTED),
    }
    mark, ink = marks[step.outcome]
    opening: list[Part] = [
        (f" {mark}", ink),
        (f"{step.priority:>4} ", Ink.MUTED),
        (cell(step.name, name), Ink.STRONG if matched else Ink.TEXT),
        ("  ", Ink.TEXT),
    ]
    target: list[Part] = [(f"  {glyphs.arrow} {names.model(step.model)}", Ink.ACCENT)] if matched else []
    note = step.note or _NOTES.get(step.outcome, "")
    said: list[Part] = [(note, Ink.MUTED)] if note else []
    if len(step.conditions) == 1 and not note:
        return [(*opening, *_condition(step.conditions[0], text, glyphs), *target)]
    inner = [((" " * MARGIN, Ink.TEXT), *_condition(condition, text, glyphs)) for condition in step.conditions]
    return [(*opening, *said, *target), *inner]


def _condition(condition: ConditionTrace, width: int, glyphs: Glyphs) -> list[Part]:
    text = f"{condition.text:<{width}}"
    if not condition.looked_at:
        return [(text, Ink.MUTED), ("  · not looked at", Ink.MUTED)]
    mark, ink = {
        "yes": (glyphs.good, Ink.GOOD),
        "no": (glyphs.bad, Ink.BAD),
    }.get(condition.answer, ("?", Ink.WARN))
    value = condition.value or condition.answer
    return [(text, Ink.TEXT), (f"  {mark} ", ink), (value, Ink.MUTED)]


def recorded_lines(decision: Mapping[str, Any], glyphs: Glyphs) -> list[Line]:
    """The decision that was written down with an attempt; nothing where no rule was asked."""
    steps = decision.get("steps")
    lines = rule_lines([step for each in steps if (step := _step(each))] if isinstance(steps, list) else [], glyphs)
    if lines:
        model, reason = str(decision.get("model", "")), str(decision.get("reason", ""))
        if decision.get("source") != "rule":
            lines.append(
                ((f" {glyphs.arrow}      ", Ink.ACCENT), (names.model(model), Ink.TEXT), (f"  {reason}", Ink.MUTED))
            )
    broken = decision.get("broken_cache")
    if isinstance(broken, Mapping):
        tokens, cost = broken.get("tokens"), broken.get("nanodollars")
        if isinstance(tokens, int) and isinstance(cost, int):
            told = (
                f"broke the cache of {names.model(str(broken.get('before', '')))}: +{format_dollars(cost)}, "
                f"{words.tokens(tokens)} tokens written anew"
            )
            lines.append(((" ! ", Ink.WARN), (told, Ink.TEXT)))
    return lines


def _step(told: Any) -> RuleTrace | None:
    """A rule's part as it was written down; None for what is none."""
    if not isinstance(told, Mapping):
        return None
    conditions = told.get("conditions")
    try:
        return RuleTrace(
            rule_id=str(told.get("rule_id", "")),
            name=str(told.get("name", "")),
            priority=int(told.get("priority", 0)),
            model=str(told.get("model", "")),
            outcome=RuleOutcome(str(told.get("outcome"))),
            note=str(told.get("note", "")),
            conditions=tuple(_told(each) for each in conditions if isinstance(each, Mapping))
            if isinstance(conditions, list)
            else (),
        )
    except (TypeError, ValueError):
        return None


def _told(condition: Mapping[str, Any]) -> ConditionTrace:
    return ConditionTrace(
        str(condition.get("text", "")),
        str(condition.get("value", "")),
        str(condition.get("answer", "")),
        bool(condition.get("looked_at")),
    )
