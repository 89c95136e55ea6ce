"""The comparison with the transcripts as lines: the sum, a line per session, and all of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit_tui.domain.money import format_dollars
from conduit_tui.reconcile.account import Verdict
from conduit_tui.reconcile.words import passed_over, percent, verdict_words
from conduit_tui.tui import format as words
from conduit_tui.tui.ink import BLANK, Ink, Line, Part
from conduit_tui.tui.table import GAP, Column, cell, fit, head
from conduit_tui.tui.views import names

if TYPE_CHECKING:
    from conduit_tui.reconcile.account import Account, Compared, Reconciliation

TargetLine = tuple[Line, str | None]
"""A line, and the session that it opens."""

COLUMNS = (
    Column("session", "session", 9, stretch=1, widest=36),
    Column("project", "project", 10, stretch=1, widest=18, give_way=2),
    Column("theirs", "transcript", 10, right=True),
    Column("ours", "ledger", 7, right=True),
    Column("tokens", "drift", 7, right=True),
    Column("theirs_cost", "transcript $", 12, right=True, give_way=3),
    Column("ours_cost", "ledger $", 8, right=True, give_way=1),
    Column("cost", "$ drift", 7, right=True),
    Column("verdict", "", 14, stretch=3, widest=44),
)
_INKS = {
    Verdict.EQUAL: Ink.GOOD,
    Verdict.EXTRA: Ink.TEXT,
    Verdict.NO_TRANSCRIPT: Ink.MUTED,
    Verdict.DIFFERS: Ink.WARN,
    Verdict.UNSEEN: Ink.WARN,
    Verdict.NOT_SEEN: Ink.WARN,
}
_ABOUT = {
    Verdict.EQUAL: "Both accounts have the same answers with the same tokens.",
    Verdict.EXTRA: "The ledger has requests that Claude Code writes into no transcript; they were paid all the same.",
    Verdict.NO_TRANSCRIPT: "There is no transcript of it here: another machine, another folder, or deleted.",
    Verdict.DIFFERS: "Both have these answers, with other tokens.",
    Verdict.UNSEEN: "Some answers did not come through the gateway.",
    Verdict.NOT_SEEN: "Nothing of this session came through the gateway.",
}


def title_lines(span: str, found: Reconciliation | None, *, reading: bool) -> list[Line]:
    """What is compared, and since when."""
    first: list[Part] = [(" ledger and Claude Code's transcripts", Ink.STRONG), (f"  {span}", Ink.ACCENT)]
    if reading:
        return [(*first, ("  reading the transcripts …", Ink.MUTED)), BLANK]
    if found is None:
        return [first, BLANK]
    read = found.reading
    told = f" {found.folder}: {words.count(read.files)} files, {words.count(read.lines)} lines"
    return [first, ((told, Ink.MUTED),)]


def head_lines(found: Reconciliation, width: int) -> list[Line]:
    """The column titles, and the sum where there is more than one session."""
    columns = fit(COLUMNS, width - 2)
    top: list[Line] = [((" " + head(columns), Ink.TITLE),)]
    return [*top, _line(found.total, columns, "total", Ink.STRONG)] if len(found.sessions) > 1 else top


def lines(found: Reconciliation, width: int) -> list[TargetLine]:
    """The sessions, the newest first, then what was passed over."""
    columns = fit(COLUMNS, width - 2)
    body: list[TargetLine] = [
        (_line(one, columns, names.session(one.session), Ink.TEXT), one.session) for one in found.sessions
    ]
    said = passed_over(found.reading)
    if said:
        body.append((BLANK, None))
    body += [(((f" ! {line}", Ink.WARN),), None) for line in said]
    return body


def _line(one: Compared, columns: Sequence[Column], name: str, text_ink: Ink) -> Line:
    ink = _INKS[one.verdict]
    values: dict[str, tuple[str, Ink]] = {
        "session": (name, text_ink),
        "project": (one.project, Ink.MUTED),
        "theirs": (words.tokens(one.transcript.tokens), text_ink),
        "ours": (words.tokens(one.ledger.tokens), text_ink),
        "tokens": (percent(one.token_drift), text_ink if not one.token_drift else ink),
        "theirs_cost": (format_dollars(one.transcript.nanodollars), text_ink),
        "ours_cost": (format_dollars(one.ledger.nanodollars), text_ink),
        "cost": (percent(one.cost_drift), text_ink if not one.cost_drift else ink),
        "verdict": (verdict_words(one), ink),
    }
    parts: list[Part] = [(" ", Ink.TEXT)]
    for column in columns:
        text, shade = values[column.name]
        parts.append((cell(text, column.width, right=column.right) + " " * GAP, shade))
    return parts


def pane_lines(one: Compared, now: int) -> list[Line]:
    """All that is known of one session."""
    lines: list[Line] = [
        (
            (f" {one.project} " if one.project else " ", Ink.MUTED),
            (one.session, Ink.STRONG),
            (f"  last {words.age(now - one.last_at)} ago", Ink.MUTED),
        ),
        ((f" {_ABOUT[one.verdict]}", _INKS[one.verdict]),),
        BLANK,
        ((f" {'':<22}{'answers':>9}{'in':>9}{'out':>9}{'cached':>9}{'cost':>10}", Ink.TITLE),),
        _account("transcript", one.transcript),
        _account("ledger", one.ledger),
    ]
    if one.unseen.answers and one.ledger.answers:
        lines.append(_account("  unseen by gateway", one.unseen, Ink.WARN))
    if one.extra.answers and one.transcript.answers:
        lines.append(_account("  not in transcript", one.extra))
        kinds = ", ".join(f"{words.count(count)} {kind}" for kind, count in sorted(one.extra_kinds.items()))
        lines.append(((f"    {kinds}", Ink.MUTED),))
    if one.differing:
        lines.append(((f"   {words.count(one.differing)} answers with other tokens", Ink.WARN),))
    if one.said_nanodollars is not None:
        said = format_dollars(one.said_nanodollars)
        lines.append((("   Claude Code itself says ", Ink.MUTED), (said, Ink.TEXT), (" for its last run", Ink.MUTED)))
    return lines


def _account(name: str, account: Account, ink: Ink = Ink.TEXT) -> Line:
    cached = words.whole_percent(account.cache_read_tokens, account.input_tokens)
    figures = (
        f"{words.count(account.answers):>9}{words.tokens(account.input_tokens):>9}"
        f"{words.tokens(account.output_tokens):>9}{cached:>9}{format_dollars(account.nanodollars):>10}"
    )
    return ((f" {name:<22}", Ink.MUTED), (figures, ink))
