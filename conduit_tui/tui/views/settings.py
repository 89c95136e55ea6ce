"""The Settings screen's lines: its title, the rules in short, the checks of a test."""

import textwrap
from collections.abc import Sequence

from conduit_tui.control.plane import ConfigurationCheck, Outcome
from conduit_tui.routing.printer import to_text
from conduit_tui.routing.validation import validate_rules
from conduit_tui.store.interface import RuleHits
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part, spread
from conduit_tui.tui.project_rules import ProjectRules
from conduit_tui.tui.settings_data import SettingsData
from conduit_tui.tui.table import Column, cell, fit, head
from conduit_tui.tui.views import names
from conduit_tui.tui.views.needs import TargetLine

COLUMNS = (
    Column("order", "", 1),
    Column("name", "rule", 14, stretch=1, widest=28),
    Column("when", "when", 20, stretch=4),
    Column("use", "use", 14, stretch=2, widest=34),
    Column("hits", "hits 24 h", 9, right=True),
)


def title(data: SettingsData, chosen: str, *, dirty: bool, stale: bool, width: int, glyphs: Glyphs) -> Line:
    """Whose settings these are, and whether anything is not saved."""
    project = data.project
    left: list[Part] = [(f" {project.name}", Ink.STRONG)]
    if chosen and chosen != project.name:
        left.append((f"  there is no project {chosen}" if not dirty else f"  {chosen} is chosen", Ink.WARN))
    elif not chosen and not dirty:
        left.append(("  p chooses another project", Ink.MUTED))
    if dirty:
        left.append((f"  {glyphs.on} changed, not saved", Ink.WARN))
    right: Line = ((f"revision {project.revision} ", Ink.MUTED),)
    if stale:
        right = (("changed by someone else meanwhile ", Ink.WARN),)
    elif dirty:
        right = (("ctrl+s", Ink.ACCENT), (" saves  ", Ink.MUTED), ("esc", Ink.ACCENT), (" drops ", Ink.MUTED))
    return spread(left, right, width)


def rule_lines(known: ProjectRules, width: int, glyphs: Glyphs) -> list[TargetLine]:
    """The rules in short, in the order in which they fire, and what is wrong with them."""
    if not known.rules:
        return [(line, None) for line in _no_rules()]
    columns = fit(COLUMNS, width - 2)
    lines: list[TargetLine] = [(((f" {head(columns)}", Ink.TITLE),), None)]
    for rule in known.rules:
        hits = known.hits.get(rule.id, RuleHits())
        texts = {
            "order": glyphs.on if rule.enabled else glyphs.off,
            "name": rule.name,
            "when": to_text(rule.conditions),
            "use": names.short(rule.target_model),
            "hits": words.count(hits.requests) if hits.requests else glyphs.dash,
        }
        line: list[Part] = [(" ", Ink.TEXT)]
        for column in columns:
            ink = Ink.STRONG if column.name == "name" and rule.enabled else Ink.TEXT if rule.enabled else Ink.MUTED
            line.append((f"{cell(texts[column.name], column.width, right=column.right)}  ", ink))
        lines.append((line, ("rule", rule.id)))
    wrong = dict.fromkeys(problem.message for problem in validate_rules(list(known.rules)) if not problem.warning)
    lines += [(((f" {glyphs.bad} {message}", Ink.BAD),), None) for message in wrong]
    unmatched = f" no rule matched {words.count(known.unmatched)} of {words.count(known.requests)} requests in 24 h"
    lines += [(BLANK, None), (((unmatched, Ink.MUTED),), None)]
    lines.append(
        (((" enter", Ink.ACCENT), ("  opens it on the Rules screen, to edit, try and weigh it", Ink.MUTED)), None)
    )
    if known.idle_reason:
        lines.append((((f" ! no rule acts: {known.idle_reason}", Ink.WARN),), None))
    return lines


def _no_rules() -> list[Line]:
    return [
        ((" There is no rule yet: every request goes to the default model.", Ink.TEXT),),
        BLANK,
        ((" 3", Ink.ACCENT), ("  opens the Rules screen, where n writes one and x writes two examples", Ink.TEXT)),
    ]


def check_lines(checks: Sequence[ConfigurationCheck], width: int, glyphs: Glyphs) -> list[Line]:
    """What was looked at, the failures first, each with what to do."""
    rank = {Outcome.FAILED: 0, Outcome.NOTE: 1, Outcome.PASSED: 2}
    signs = {
        Outcome.FAILED: (glyphs.bad, Ink.BAD),
        Outcome.NOTE: ("!", Ink.WARN),
        Outcome.PASSED: (glyphs.good, Ink.GOOD),
    }
    lines: list[Line] = []
    for check in sorted(checks, key=lambda check: rank[check.outcome]):
        sign, ink = signs[check.outcome]
        first, *more = textwrap.wrap(f"{check.subject}: {check.said}", width - 5, break_on_hyphens=False) or [""]
        subject, _, rest = first.partition(": ")
        lines.append(((f" {sign} ", ink), (f"{subject}: ", Ink.STRONG), (rest, Ink.TEXT)))
        lines += [((f"   {line}", Ink.TEXT),) for line in more]
        if check.remedy:
            told = textwrap.wrap(check.remedy, width - 7, break_on_hyphens=False)
            lines += [((f"     {line}", Ink.MUTED),) for line in told]
    return lines
