"""The Overview's sessions. Those that work stand on top, in an order that stays while they do; under each of them are
the subagents that work for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.domain.money import format_dollars
from conduit_tui.tui import activity
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import Ink, Part
from conduit_tui.tui.state import AppState, flights_of
from conduit_tui.tui.table import Column, cells, fit, titles
from conduit_tui.tui.views import names
from conduit_tui.tui.views.needs import OverviewData, TargetLine

if TYPE_CHECKING:
    from conduit_tui.domain.live import InFlight
    from conduit_tui.domain.sessions import SessionRow
    from conduit_tui.store.interface import SessionSummary

COLUMNS = (
    Column("session", "", 19, stretch=2, widest=40),
    Column("model", "model", 14, stretch=1, widest=30),
    Column("requests", "reqs", 4, right=True, give_way=1),
    Column("tokens", "tokens", 6, right=True, give_way=2),
    Column("cost", "cost", 7, right=True),
    Column("doing", "doing", 17, stretch=1, widest=20),
)


class _Session(NamedTuple):
    """A session, its agents and what is under way in it."""

    whole: SessionRow | None  # its totals; none where it names no session, or is one of too many
    agents: Sequence[SessionSummary]  # the main agent first, where it is among them
    flights: Sequence[InFlight]
    stopped: bool

    @property
    def last_at(self) -> int:
        return max(agent.last_at for agent in self.agents)

    @property
    def first_at(self) -> int:
        return self.whole.first_at if self.whole else min(agent.first_at for agent in self.agents)

    def works(self, now: int) -> bool:
        return any(self.has_at_work(agent, now) for agent in self.agents)

    def has_at_work(self, agent: SessionSummary, now: int) -> bool:
        flights = self.flights_of(agent)
        return not self.stopped and activity.works(flights, last_at=agent.last_at, now=now, stop=agent.stop)

    def flights_of(self, agent: SessionSummary) -> list[InFlight]:
        return [flight for flight in self.flights if _is_of(flight, agent)]


def session_lines(state: AppState, data: OverviewData, now: int, width: int, glyphs: Glyphs) -> list[TargetLine]:
    """The table: its titles, and a line for each session and for each subagent that works."""
    columns = fit(COLUMNS, width - 2)
    sessions = _sessions(state, data)
    working = sorted((one for one in sessions if one.works(now)), key=lambda one: -one.first_at)
    resting = sorted((one for one in sessions if not one.works(now)), key=lambda one: -one.last_at)
    lines: list[TargetLine] = [(titles(columns, "SESSIONS"), None)]
    for one in (*working, *resting):
        lines += _lines_of(one, now, columns, glyphs)
    if not sessions:
        lines.append((((" none in the last 24 hours", Ink.MUTED),), None))
    return lines


def _sessions(state: AppState, data: OverviewData) -> list[_Session]:
    wholes = {(row.project, row.session): row for row in data.session_rows}
    agents: dict[tuple[str, str], list[SessionSummary]] = {}
    for agent in data.sessions:
        agents.setdefault((agent.project, agent.session), []).append(agent)
    return [
        _Session(
            wholes.get(key),
            sorted(each, key=lambda agent: (_is_subagent(agent), agent.first_at, agent.agent)),
            flights_of(state, *key),
            key in data.stopped,
        )
        for key, each in agents.items()
    ]


def _lines_of(one: _Session, now: int, columns: Sequence[Column], glyphs: Glyphs) -> list[TargetLine]:
    main, whole = one.agents[0], one.whole
    parts = [whole] if whole else one.agents
    stop = whole.stop if whole else main.stop
    what, ink = activity.words(one.flights, last_at=one.last_at, now=now, stop=stop, stopped=one.stopped)
    room = next(column.width for column in columns if column.name == "session")
    values: dict[str, Part] = {
        "session": (names.session_in(main.project, main.session, room), Ink.TEXT),
        "model": (names.short(main.model), Ink.TEXT),
        "requests": (words.count(sum(part.requests for part in parts)), Ink.TEXT),
        "tokens": (words.tokens(sum(part.input_tokens + part.output_tokens for part in parts)), Ink.TEXT),
        "cost": (format_dollars(sum(part.cost_nanodollars for part in parts)), Ink.TEXT),
        "doing": (what, ink),
    }
    lines: list[TargetLine] = [(cells(columns, values), ("session", main.session) if main.session else None)]
    subagents = [agent for agent in one.agents if _is_subagent(agent) and one.has_at_work(agent, now)]
    for agent in subagents:
        what, ink = activity.words(one.flights_of(agent), last_at=agent.last_at, now=now, stop=agent.stop)
        branch = glyphs.last_branch if agent is subagents[-1] else glyphs.branch
        values = {
            "session": (f"  {branch} {agent.agent_type}", Ink.MUTED),
            "model": (names.short(agent.model), Ink.MUTED),
            "requests": (words.count(agent.requests), Ink.MUTED),
            "tokens": (words.tokens(agent.input_tokens + agent.output_tokens), Ink.MUTED),
            "cost": (format_dollars(agent.cost_nanodollars), Ink.MUTED),
            "doing": (what, ink),
        }
        lines.append((cells(columns, values), None))
    return lines


def _is_subagent(agent: SessionSummary) -> bool:
    return bool(agent.agent) and agent.agent_type not in ("", "main")


def _is_of(flight: InFlight, agent: SessionSummary) -> bool:
    if flight.agent and agent.agent:
        return flight.agent == agent.agent
    return flight.agent_type == agent.agent_type
