"""What the app knows of the world, and the words for it. No screen, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.tui.format import age, uptime
from conduit_tui.tui.ink import Ink

if TYPE_CHECKING:  # states are compared by their names, so that the first paint does not wait for pydantic
    from conduit_tui.domain.live import InFlight, LiveView
    from conduit_tui.domain.processes import ProcessStatus


class Link(Enum):
    """How the app stands with the daemon."""

    CONNECTING = auto()
    STARTING = auto()
    ATTACHED = auto()
    LOST = auto()
    FAILED = auto()  # it was to be started and was not


@dataclass
class AppState:
    """The newest that is known. `link_since` and `live_since` are milliseconds since the epoch."""

    link: Link = Link.CONNECTING
    link_since: int = 0
    link_reason: str = ""
    status: ProcessStatus | None = None
    live: LiveView | None = None
    live_lost: str = ""
    live_since: int = 0
    store_problem: str = ""
    project: str = ""
    bypass: bool = False
    bypass_forced: bool = False  # by the environment of the gateway

    @property
    def url(self) -> str:
        """Where clients go; empty while nobody has said."""
        return self.status.url if self.status else ""

    @property
    def serving(self) -> bool:
        """Whether a gateway answers requests, as far as is known."""
        return self.link is Link.ATTACHED and self.status is not None and self.status.state in _SERVING


_SERVING = {"READY", "DEGRADED", "DRAINING"}


class Headline(NamedTuple):
    """The state in a glyph's name, a word and a detail."""

    glyph: str
    word: str
    ink: Ink
    detail: str = ""


_STATES = {
    "READY": ("on", Ink.GOOD),
    "DEGRADED": ("on", Ink.WARN),
    "STARTING": ("busy", Ink.ACCENT),
    "DRAINING": ("busy", Ink.WARN),
    "STOPPING": ("busy", Ink.WARN),
    "BACKOFF": ("busy", Ink.WARN),
    "COOLDOWN": ("busy", Ink.BAD),
    "STOPPED": ("off", Ink.MUTED),
    "FAILED": ("bad", Ink.BAD),
}


def headline(state: AppState, now: int) -> Headline:
    """The one thing to know about daemon and gateway."""
    if state.link is Link.STARTING:
        return Headline("busy", "STARTING", Ink.ACCENT, "the daemon")
    if state.link is Link.CONNECTING:
        return Headline("busy", "CONNECTING", Ink.MUTED)
    if state.link is Link.FAILED:
        return Headline("bad", "NOT STARTED", Ink.BAD)
    if state.link is Link.LOST or state.status is None:
        return Headline("off", "UNREACHABLE", Ink.BAD, f"for {age(now - state.link_since)}")
    status = state.status
    glyph, ink = _STATES[status.state]
    if status.state in ("READY", "DEGRADED"):
        return Headline(glyph, status.state, ink, uptime(now - (status.ready_since or status.since or now)))
    if status.retry_at is not None and status.retry_at > now:
        return Headline(glyph, status.state, ink, f"next start in {age(status.retry_at - now)}")
    return Headline(glyph, status.state, ink)


def flights_of(state: AppState, project: str, session: str) -> list[InFlight]:
    """The exchanges of a session that are under way."""
    if state.live is None or not state.serving:
        return []
    return [one for one in state.live.in_flight if (one.session, one.project) == (session, project)]
