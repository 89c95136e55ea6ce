"""The Backups screen: safety copies in a list, and what one of them or a file would change."""

from collections.abc import Collection, Sequence
from pathlib import Path

from conduit_tui.domain.transfers import Backup, ImportPlan, Line, Question, RestorePlan
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Part, cut, spread
from conduit_tui.tui.ink import Line as InkLine
from conduit_tui.tui.table import Column, cell, fit

_COLUMNS = (
    Column("at", "made", 19),
    Column("age", "ago", 5, right=True, give_way=2),
    Column("size", "size", 7, right=True),
    Column("why", "why", 14, stretch=1, widest=30),
    Column("version", "version", 9, give_way=3),
    Column("holds", "holds", 25, stretch=2, widest=60),
)
_SIGNS = {"+": Ink.GOOD, "-": Ink.BAD, "~": Ink.ACCENT, "!": Ink.WARN, "=": Ink.MUTED}

Target = tuple[InkLine, object]


def title(found: Sequence[Backup], folder: Path, doing: str, width: int) -> InkLine:
    """How many there are, what they take, and where; or what is being done."""
    total = sum(one.size for one in found)
    left: list[Part] = [(" SAFETY COPIES", Ink.TITLE)]
    if found:
        left.append((f"   {words.count(len(found))}, {words.size(total)}", Ink.MUTED))
    right: InkLine = ((f"{doing} ", Ink.ACCENT),) if doing else ((f"…/{folder.parent.name}/{folder.name} ", Ink.MUTED),)
    return spread(left, right, width)


def column_titles(width: int) -> InkLine:
    """The titles over the list."""
    columns = fit(_COLUMNS, width - 2)
    return ((" " + "  ".join(cell(one.title, one.width, right=one.right) for one in columns), Ink.TITLE),)


def list_lines(found: Sequence[Backup], now: int, width: int) -> list[Target]:
    """One line for each copy."""
    columns = fit(_COLUMNS, width - 2)
    lines: list[Target] = []
    for one in found:
        values = {
            "at": words.instant(one.at),
            "age": words.age(max(0, now - one.at)),
            "size": words.size(one.size),
            "why": why(one),
            "version": one.version.replace("schema ", "db ").replace("version ", "json ") or one.kind,
            "holds": one.problem or contents(one),
        }
        inks = {"at": Ink.TEXT, "size": Ink.TEXT, "holds": Ink.BAD if one.problem else Ink.TEXT}
        parts: list[Part] = [(" ", Ink.TEXT)]
        for column in columns:
            text = cell(values[column.name], column.width, right=column.right)
            parts += [(text, inks.get(column.name, Ink.MUTED)), ("  ", Ink.TEXT)]
        lines.append((parts[:-1], one.name))
    return lines


def why(one: Backup) -> str:
    """Why a copy was made, for people."""
    return one.why.replace("-", " ") or "made by hand"


def contents(one: Backup) -> str:
    """What a copy holds, in a few words."""
    names = [name for name in ("requests", "projects", "rules", "providers") if one.contents.get(name)]
    parts = [(one.contents[name], name) for name in names]
    return ", ".join(f"{words.count(n)} {name.removesuffix('s') if n == 1 else name}" for n, name in parts) or "nothing"


def empty_lines() -> list[InkLine]:
    """What to do where there is no copy."""

    def key(name: str, does: str) -> InkLine:
        return ((f"   {name}  ", Ink.ACCENT), (does, Ink.TEXT))

    return [
        BLANK,
        ((" No safety copy yet.", Ink.STRONG),),
        BLANK,
        key("n", "copies the whole database while it serves: rules, budgets, history"),
        key("x", "writes an export: JSON for another machine, for Conduit, or for a review"),
        key("i", "takes an export, a copy or a file of rules in; you see what changes first"),
        BLANK,
        ((" Before an import, a restore and an upgrade a copy is made by itself.", Ink.MUTED),),
        ((" Keys are in none of them: providers only name where their keys are.", Ink.MUTED),),
    ]


def facts(one: Backup, width: int) -> list[InkLine]:
    """What is known of the copy under the cursor."""
    made = f"{words.instant(one.at)}, {why(one)}"
    kind = "a whole database" if one.kind == "database" else "an export (JSON)"
    return [
        cut(((f" {one.name}", Ink.STRONG),), width),
        cut(((f" {kind}, {one.version or 'version unknown'}, {words.size(one.size)}, {made}", Ink.MUTED),), width),
        cut(((f" {one.problem or 'holds ' + contents(one)}", Ink.BAD if one.problem else Ink.TEXT),), width),
    ]


def difference(plan: ImportPlan | RestorePlan, approved: Collection[str], width: int, glyphs: Glyphs) -> list[Target]:
    """What would be different, and below what wants to be approved, each with its switch."""
    lines: list[Target] = []
    if isinstance(plan, ImportPlan):
        lines += [(((f" ! {warning}", Ink.WARN),), None) for warning in plan.warnings]
        lines += [(BLANK, None)] if plan.warnings else []
    for number, line in enumerate(plan.lines):
        for at, part in enumerate(_wrapped(line.text, width - 5)):
            lines.append((_line(line, part, first=at == 0), ("line", number) if at == 0 else None))
    if not plan.lines:
        lines.append((((" Nothing would be different.", Ink.MUTED),), ("line", -1)))
    if isinstance(plan, ImportPlan) and plan.questions:
        lines += [(BLANK, None), (((" ONLY IF YOU APPROVE IT", Ink.TITLE), ("   space", Ink.ACCENT)), None)]
        for question in plan.questions:
            lines += _question(question, question.id in approved, width, glyphs)
    return lines


def _line(line: Line, part: str, *, first: bool) -> InkLine:
    ink = _SIGNS.get(line.sign, Ink.TEXT)
    return ((f" {line.sign if first else ' '} ", ink), (part, Ink.MUTED if line.sign == "=" else Ink.TEXT))


def _question(question: Question, approved: bool, width: int, glyphs: Glyphs) -> list[Target]:
    mark = (f" {glyphs.on} ", Ink.WARN) if approved else (f" {glyphs.off} ", Ink.MUTED)
    texts = _wrapped(question.text, width - 5)
    lines: list[Target] = [((mark, (texts[0], Ink.TEXT)), ("question", question.id))]
    lines += [((("   " + text, Ink.TEXT),), None) for text in texts[1:]]
    lines.append((((f"   {'approved' if approved else 'otherwise: ' + question.otherwise}", Ink.MUTED),), None))
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, max(20, width)) or [""]
