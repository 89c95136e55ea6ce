"""One line of the Sessions list, and the pane that tells all of one session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.domain.money import format_dollars
from conduit_tui.tui import activity
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part, cut, line_width
from conduit_tui.tui.table import GAP, Column, cell, fit, head
from conduit_tui.tui.views import names
from conduit_tui.tui.widgets.sparkline import bar

if TYPE_CHECKING:
    from conduit_tui.domain.live import InFlight
    from conduit_tui.domain.sessions import AgentPart, SessionDay, SessionRow

MARGIN = 1
WIDE = 110  # columns from which the days stand beside the agents
DAYS_WIDTH = 34
_BAR = 14

COLUMNS = (
    Column("session", "session", 19, stretch=1, widest=34),
    Column("models", "models", 14, stretch=2, widest=40),
    Column("agents", "agents", 6, right=True, give_way=6),
    Column("requests", "reqs", 5, right=True, give_way=1),
    Column("prompts", "prompts", 7, right=True, give_way=5),
    Column("tokens", "tokens", 6, right=True, give_way=2),
    Column("cache", "cache", 5, right=True, give_way=4),
    Column("cost", "cost", 7, right=True),
    Column("per_prompt", "/prompt", 7, right=True, give_way=3),
    Column("age", "age", 5, right=True, give_way=7),
    Column("doing", "doing", 16, stretch=1, widest=20),
)
AGENT_COLUMNS = (
    Column("agent", "agent", 19, stretch=1, widest=34),
    Column("model", "model", 16, stretch=1, widest=30),
    Column("requests", "reqs", 5, right=True),
    Column("tokens", "tokens", 6, right=True),
    Column("cache", "cache", 5, right=True, give_way=2),
    Column("cost", "cost", 7, right=True),
    Column("doing", "", 13, give_way=1),
)


class Told(NamedTuple):
    """What the pane tells of a session."""

    row: SessionRow
    agents: Sequence[AgentPart] = ()
    days: Sequence[SessionDay] = ()


def line_of(row: SessionRow, columns: Sequence[Column], flights: Sequence[InFlight], now: int, *, quiet: bool) -> Line:
    """The line of a session; `quiet` draws all but what it is doing in one ink."""
    per_prompt = row.cost_per_prompt
    doing, ink = activity.words(flights, last_at=row.last_at, now=now, stop=row.stop, stopped=bool(row.stopped))
    begun = row.id == 0
    widths = {column.name: column.width for column in columns}
    values = {
        "session": names.session_in(row.project, row.session, widths["session"]),
        "models": _mix(row, widths.get("models", 0))
        if not begun
        else names.short(flights[0].routed_model)
        if flights
        else "",
        "agents": words.count(row.agents),
        "requests": words.count(row.requests),
        "prompts": words.count(row.prompts) if row.prompts else "",
        "tokens": words.tokens(row.input_tokens + row.output_tokens),
        "cache": words.whole_percent(row.cache_read_tokens, row.input_tokens),
        "cost": format_dollars(row.cost_nanodollars),
        "per_prompt": format_dollars(per_prompt) if per_prompt is not None else "",
        "age": words.age(now - row.first_at),
        "doing": doing,
    }
    parts: list[Part] = [(" " * MARGIN, Ink.TEXT)]
    for column in columns:
        shade = ink if column.name == "doing" else _SHADES.get(column.name, Ink.TEXT)
        if quiet and column.name != "doing":
            shade = Ink.TEXT
        parts.append((cell(values[column.name], column.width, right=column.right) + " " * GAP, shade))
    return parts


_SHADES = {"agents": Ink.MUTED, "age": Ink.MUTED, "cache": Ink.MUTED, "prompts": Ink.MUTED}


def _mix(row: SessionRow, room: int) -> str:
    """The models with their shares of the cost; where room is short the first one and how many more."""
    shares = row.mix
    if not shares:
        return ""
    first = names.short(shares[0][0])
    if len(shares) == 1:
        return first
    mixed = ", ".join(f"{names.short(model)} {100 * share:.0f} %" for model, share in shares)
    more = f"{100 * shares[0][1]:.0f} % +{len(shares) - 1}"
    forms = (mixed, ", ".join(names.short(model) for model, _ in shares), f"{first} {more}")
    return next((form for form in forms if len(form) <= room), f"{first} +{len(shares) - 1}")


def waiting_line() -> Line:
    """The line of a session whose page is on its way."""
    return ((" " * MARGIN + "·", Ink.MUTED),)


def pane_lines(
    told: Told, flights: Sequence[InFlight], now: int, *, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """Everything of one session: who it is, its figures, the tree of its agents, its days."""
    lines = [*_title(told.row, now), _figures(told.row, width)]
    if width >= WIDE:
        left = _agent_lines(told, flights, now, width - DAYS_WIDTH - 2, height - len(lines) - 1, glyphs)
        right = _day_lines(told.days, height - len(lines) - 1, glyphs)
        body = _beside(left, right, width - DAYS_WIDTH)
    else:
        body = _agent_lines(told, flights, now, width - 1, height - len(lines) - 1, glyphs)
    return [*lines, BLANK, *body]


def _title(row: SessionRow, now: int) -> list[Line]:
    first: list[Part] = [(f" {row.project} ", Ink.MUTED), (row.session, Ink.STRONG)]
    if row.client:
        first.append((f"  {row.client}", Ink.MUTED))
    first.append((f"  begun {words.age(now - row.first_at)} ago", Ink.MUTED))
    if not row.stopped:
        return [first]
    stopped = f" stopped {words.age(now - row.stopped_at)} ago: {row.stopped}"
    return [first, ((stopped, Ink.BAD), ("   x lets it go on", Ink.MUTED))]


def _figures(row: SessionRow, width: int) -> Line:
    """Its figures; where room is short without those of the prompts, which the list may have."""
    with_prompts = _said(row, prompts=True)
    return with_prompts if line_width(with_prompts) <= width else _said(row, prompts=False)


def _said(row: SessionRow, *, prompts: bool) -> Line:
    per_prompt = row.cost_per_prompt if prompts else None
    said: list[tuple[str, str]] = [(words.count(row.requests), "requests" if row.requests != 1 else "request")]
    if row.errors:
        said.append((words.count(row.errors), "failed"))
    if row.prompts and prompts:
        said.append((words.count(row.prompts), "prompts" if row.prompts != 1 else "prompt"))
    if per_prompt is not None:
        said.append((format_dollars(per_prompt), "per prompt"))
    cached = words.whole_percent(row.cache_read_tokens, row.input_tokens)
    said.append((words.tokens(row.input_tokens), f"in, {cached} cached"))
    said.append((words.tokens(row.output_tokens), "out"))
    parts: list[Part] = []
    for figure, unit in said:
        parts += [(f"{'  ' if parts else ' '}{figure}", Ink.TEXT), (f" {unit}", Ink.MUTED)]
    return parts


def _agent_lines(
    told: Told, flights: Sequence[InFlight], now: int, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    columns = fit(AGENT_COLUMNS, width - MARGIN - GAP)
    lines: list[Line] = [((" " * MARGIN + head(columns), Ink.TITLE),)]
    tree = _tree(told.agents)
    room = max(1, height - 1)
    shown = tree if len(tree) <= room else tree[: room - 1]
    for part, newest in shown:
        doing, ink = "", Ink.MUTED
        if newest is not None:
            doing, ink = activity.words(_of_agent(flights, part), last_at=newest.last_at, now=now, stop=newest.stop)
        last = tree[-1][0].agent == part.agent
        values = {
            "agent": _agent_name(part, glyphs, last=last) if newest is not None else "",
            "model": names.model(part.model),
            "requests": words.count(part.requests),
            "tokens": words.tokens(part.input_tokens + part.output_tokens),
            "cache": words.whole_percent(part.cache_read_tokens, part.input_tokens),
            "cost": format_dollars(part.cost_nanodollars),
            "doing": doing,
        }
        inks = {"agent": Ink.TEXT, "model": Ink.TEXT, "doing": ink}
        parts: list[Part] = [(" " * MARGIN, Ink.TEXT)]
        parts += [
            (cell(values[one.name], one.width, right=one.right) + " " * GAP, inks.get(one.name, Ink.MUTED))
            for one in columns
        ]
        lines.append(parts)
    if len(shown) < len(tree):
        lines.append(((f" and {len(tree) - len(shown)} more; enter opens the requests", Ink.MUTED),))
    return lines


def _tree(parts: Sequence[AgentPart]) -> list[tuple[AgentPart, AgentPart | None]]:
    """The main agent's models, then its subagents in the order in which they began, the dearest model first; with the
    first of an agent's models the one that it used last."""
    by_agent: dict[str, list[AgentPart]] = {}
    for part in parts:
        by_agent.setdefault(part.agent, []).append(part)
    ordered = sorted(by_agent.values(), key=lambda of: (of[0].agent != "", min(part.first_at for part in of)))
    return [
        (part, None if at else max(of, key=lambda each: each.last_at))
        for of in ordered
        for at, part in enumerate(sorted(of, key=lambda part: (-part.cost_nanodollars, part.model)))
    ]


def _of_agent(flights: Sequence[InFlight], part: AgentPart) -> list[InFlight]:
    return [flight for flight in flights if flight.agent == part.agent]


def _agent_name(part: AgentPart, glyphs: Glyphs, *, last: bool) -> str:
    if not part.agent:
        return part.agent_type or "main"
    branch = glyphs.last_branch if last else glyphs.branch
    return f"{branch} {part.agent_type or 'subagent'} {part.agent[:6]}"


def _day_lines(days: Sequence[SessionDay], height: int, glyphs: Glyphs) -> list[Line]:
    lines: list[Line] = [((cell("day", 6) + cell("cost", 9, right=True), Ink.TITLE),)]
    dearest = max((day.cost_nanodollars for day in days), default=0)
    for day in days[: max(0, height - 1)]:
        when = words.local(day.at, UTC).strftime("%m-%d")
        drawn = bar(day.cost_nanodollars / dearest, _BAR, glyphs) if dearest else ""
        cost = cell(format_dollars(day.cost_nanodollars), 9, right=True)
        lines.append(((cell(when, 6), Ink.MUTED), (cost, Ink.TEXT), ("  ", Ink.TEXT), (drawn, Ink.ACCENT)))
    return lines


def _beside(left: Sequence[Line], right: Sequence[Line], width: int) -> list[Line]:
    """Two blocks of lines, the right one from a column on."""
    lines: list[Line] = []
    for at in range(max(len(left), len(right))):
        here = cut(left[at], width - 1) if at < len(left) else []
        blank = " " * (width - line_width(here))
        lines.append((*here, (blank, Ink.TEXT), *(right[at] if at < len(right) else ())))
    return lines
