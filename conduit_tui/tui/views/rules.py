"""The Rules list and the detail of one rule, as lines."""

from collections.abc import Sequence

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.projects import AS_REQUESTED
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.printer import to_text
from conduit_tui.routing.served import served_in
from conduit_tui.store.interface import RuleHits
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part, spread
from conduit_tui.tui.project_rules import ProjectRules
from conduit_tui.tui.table import GAP, Column, cell, fit, head
from conduit_tui.tui.views import names
from conduit_tui.tui.views.exchange import fact
from conduit_tui.tui.views.needs import TargetLine

DEFAULT = "default"
"""The target of the list's last line; a rule's is its id."""
WIDE = 110  # cells from which a line tells from which model to which
MOST_PAIRS = 3

COLUMNS = (
    Column("order", "", 6),
    Column("name", "↓ order they fire", 16, stretch=1, widest=28),
    Column("when", "when", 20, stretch=4),
    Column("use", "use", 12, stretch=2, widest=34),
    Column("hits", "hits 24 h", 9, right=True),
    Column("last", "last", 5, right=True, give_way=2),
    Column("worry", "", 1),
)


def columns_for(width: int) -> tuple[Column, ...]:
    """The columns that find room."""
    return fit(COLUMNS, width - 2)


def title(known: ProjectRules, chosen: str, width: int) -> Line:
    """Whose rules these are, and whether they act at all."""
    name = known.project.name
    left: list[Part] = [(f" {name}", Ink.STRONG)]
    if chosen and chosen != name:
        left.append((f"  there is no project {chosen}", Ink.WARN))
    elif not chosen:
        left.append(("  p chooses another project", Ink.MUTED))
    active = sum(rule.enabled for rule in known.rules)
    right: Line = ((f"{active} of {len(known.rules)} on   revision {known.project.revision} ", Ink.MUTED),)
    if known.idle_reason:
        right = ((f"no rule acts: {known.idle_reason} ", Ink.WARN),)
    return spread(left, right, width)


def column_titles(width: int) -> Line:
    """The titles over the columns."""
    order, name, *rest = columns_for(width)
    opening = cell(name.title, order.width + GAP + name.width)
    return ((f" {opening}{' ' * GAP}{head(rest)}", Ink.TITLE),)


def list_lines(known: ProjectRules, now: int, width: int, glyphs: Glyphs) -> list[TargetLine]:
    """Every rule in firing order, then what happens when none matches."""
    columns = columns_for(width)
    lines: list[TargetLine] = [
        (_rule_line(known, rule, columns, now, width, glyphs), ("rule", rule.id)) for rule in known.rules
    ]
    default = known.project.config.default_model or AS_REQUESTED
    values = {
        "order": (f"{glyphs.dash:<6}", Ink.MUTED),
        "name": ("default", Ink.MUTED),
        "when": ("everything else" if known.rules else "everything", Ink.MUTED),
        "use": ("as requested" if default == AS_REQUESTED else names.model(default), Ink.TEXT),
        "hits": (words.count(known.unmatched), Ink.TEXT),
        "last": ("", Ink.MUTED),
        "worry": ("", Ink.TEXT),
    }
    return [*lines, (_join(columns, values), ("rule", DEFAULT))]


def _rule_line(
    known: ProjectRules, rule: Rule, columns: Sequence[Column], now: int, width: int, glyphs: Glyphs
) -> Line:
    hits = known.hits.get(rule.id, RuleHits())
    on = rule.enabled
    text = Ink.TEXT if on else Ink.MUTED
    values = {
        "order": (f"{glyphs.on if on else glyphs.off}{rule.priority:>5}", Ink.GOOD if on else Ink.MUTED),
        "name": (rule.name, Ink.STRONG if on else Ink.MUTED),
        "when": (to_text(rule.conditions), text),
        "use": (_use(rule, hits, width, glyphs), text),
        "hits": (words.count(hits.requests) if hits.requests else glyphs.dash, text),
        "last": (words.moment(hits.last_at, now) if hits.last_at else "", Ink.MUTED),
        "worry": ("!" if known.worries(rule) else "", Ink.WARN),
    }
    return _join(columns, values)


def _use(rule: Rule, hits: RuleHits, width: int, glyphs: Glyphs) -> str:
    changed = [pair for pair in hits.models if pair.requested != pair.routed]
    if width < WIDE or not changed:
        return names.short(rule.target_model)
    more = f" +{len(changed) - 1}" if len(changed) > 1 else ""
    return names.model_change(changed[0].requested, rule.target_model, glyphs.arrow) + more


def _join(columns: Sequence[Column], values: dict[str, tuple[str, Ink]]) -> Line:
    parts: list[Part] = [(" ", Ink.TEXT)]
    for column in columns:
        text, ink = values[column.name]
        parts.append((cell(text, column.width, right=column.right) + " " * GAP, ink))
    return parts


def detail(known: ProjectRules, rule: Rule, now: int, width: int, glyphs: Glyphs) -> list[Line]:
    """One rule in full."""
    hits = known.hits.get(rule.id, RuleHits())
    state: Part = (f"{glyphs.on} on", Ink.GOOD) if rule.enabled else (f"{glyphs.off} off", Ink.MUTED)
    lines: list[Line] = [spread(((f" {rule.name}", Ink.STRONG), ("   ", Ink.TEXT), state), (), width)]
    if rule.description:
        lines.append(((f"   {rule.description}", Ink.MUTED),))
    lines += [_mark(worry) for worry in known.worries(rule)]
    lines += [fact("when" if number == 0 else "", part) for number, part in enumerate(_when(rule, width - 18))]
    lines.append(fact("use", names.model(rule.target_model), _acts_for(known, rule)))
    if rule.fallback:
        lines.append(fact("fallback", ", ".join(map(names.model, rule.fallback)), "when that one fails"))
    lines.append(fact("priority", str(rule.priority), _options(rule)))
    if hits.requests:
        last = f"last {words.age(now - hits.last_at)} ago" if hits.last_at else ""
        lines.append(fact("hits 24 h", words.count(hits.requests), last))
        for pair in hits.models[:MOST_PAIRS]:
            change = names.model_change(pair.requested, pair.routed, f" {glyphs.arrow} ")
            lines.append(fact("", f"{words.count(pair.requests):>6}  {change}"))
    else:
        lines.append(fact("hits 24 h", "none"))
    return lines


def default_detail(known: ProjectRules, width: int) -> list[Line]:
    """What holds where no rule matches."""
    model = known.project.config.default_model or AS_REQUESTED
    used = "the model that the client asked for" if model == AS_REQUESTED else model
    lines = [
        ((" default", Ink.STRONG),),
        fact("when", "no rule above matches"),
        fact("use", used, "conduit-tui config set defaultModel MODEL"),
        fact("hits 24 h", words.count(known.unmatched)),
    ]
    return [spread(line, (), width) for line in lines]


def _mark(worry: str) -> Line:
    return ((" ! ", Ink.WARN), (worry, Ink.TEXT))


def _when(rule: Rule, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(to_text(rule.conditions), max(20, width), break_on_hyphens=False) or [""]


def _acts_for(known: ProjectRules, rule: Rule) -> str:
    if rule.target_model in ("", AS_REQUESTED):
        return ""
    dialects = served_in(known.providers, rule.target_model)
    if not dialects:
        return "no provider serves it"
    return "" if len(dialects) == len(Dialect) else f"for {', '.join(dialects)}"


def _options(rule: Rule) -> str:
    told = ["decided once per session" if rule.sticky == "session" else "decided for each request"]
    if rule.rollout < 100:
        told.append(f"for {rule.rollout:g} % of sessions")
    return ", ".join(told)


def empty_lines(known: ProjectRules) -> list[Line]:
    """What to do where there is no rule yet."""
    return [
        BLANK,
        ((f" The project {known.project.name} has no rule: every request goes to the model it asks for.", Ink.TEXT),),
        BLANK,
        ((" A rule sends the requests that meet a condition to another model, for example", Ink.TEXT),),
        BLANK,
        (('   agentType = "Explore"', Ink.ACCENT), ("                            → claude-haiku-5-5", Ink.STRONG)),
        (("     subagents that only look around do well with a small model", Ink.MUTED),),
        (('   tokenCount > 50000 and not flags contains "thinking"', Ink.ACCENT), (" → claude-sonnet-5-5", Ink.STRONG)),
        (("     long conversations that do not think go to the model in the middle", Ink.MUTED),),
        BLANK,
        ((" x", Ink.ACCENT), ("  writes these two, switched off; space switches one on", Ink.TEXT)),
        ((" n", Ink.ACCENT), ("  writes a new one: type the condition, and see what it would have met", Ink.TEXT)),
        ((" b", Ink.ACCENT), ("  then tells what the last week would have cost under your rules", Ink.TEXT)),
    ]
