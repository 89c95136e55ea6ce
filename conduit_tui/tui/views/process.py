"""The Process screen: the state machine, the two processes, their health and their history."""

from collections.abc import Sequence

from conduit_tui.domain.processes import GatewayState, HealthCheck, ProcessEvent, ProcessStatus, Retiree
from conduit_tui.tui import format as words
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line, Part, spread
from conduit_tui.tui.logs import LEVELS, LogLine
from conduit_tui.tui.state import AppState, Headline, Link, headline
from conduit_tui.tui.table import cell
from conduit_tui.tui.widgets.sparkline import resample, sparkline

LABEL = 10
TREND = 12

ROAD = (GatewayState.STOPPED, GatewayState.STARTING, GatewayState.READY, GatewayState.DRAINING)
_PLACE = {GatewayState.DEGRADED: GatewayState.READY, GatewayState.STOPPING: GatewayState.DRAINING}
_STATE_INKS = {
    GatewayState.READY: Ink.GOOD,
    GatewayState.FAILED: Ink.BAD,
    GatewayState.COOLDOWN: Ink.BAD,
    GatewayState.BACKOFF: Ink.WARN,
    GatewayState.DEGRADED: Ink.WARN,
}


def status_lines(
    state: AppState,
    *,
    memory: Sequence[float],
    cpu: Sequence[float],
    now: int,
    width: int,
    glyphs: Glyphs,
    profile: str = "",
) -> list[Line]:
    """State strip, processes, health and load. `memory` and `cpu` are the figures seen so far, oldest first.

    `profile` is how the screens are drawn.
    """
    told = headline(state, now)
    status = state.status
    lines: list[Line] = [_strip(state, told, glyphs), _since(state, told, now), BLANK]
    if status is None:
        return [*lines, (_label("daemon"), ("not attached", Ink.MUTED)), *([BLANK] * 4)]
    lines += [
        spread(_process("daemon", status.daemon_pid, status.daemon_started, now), _version(status), width),
        spread(_process("gateway", status.gateway_pid, status.ready_since, now), _starts(status), width),
        _health(status.health, width, glyphs),
        *(_drain(retiree, now) for retiree in status.retiring),
        spread(_load(status, memory, cpu, glyphs), ((f"profile {profile} " if profile else "", Ink.MUTED),), width),
        BLANK,
    ]
    return lines


def _drain(retiree: Retiree, now: int) -> Line:
    streams = "its streams" if retiree.streams is None else words.counted(retiree.streams, "stream")
    return (
        _label("drains"),
        (f"pid {retiree.pid}", Ink.TEXT),
        (f"   generation {retiree.generation}, {streams}, cut in {_left(retiree.until, now)}", Ink.MUTED),
    )


def _left(until: int, now: int) -> str:
    return f"{max(0, until - now) // 1000} s"


def _since(state: AppState, told: Headline, now: int) -> Line:
    status = state.status
    if status is None or state.link is not Link.ATTACHED:
        return ((f" {told.detail or state.link_reason}", Ink.MUTED),)
    detail = "" if state.serving else told.detail
    facts = [f"since {words.instant(status.since)}" if status.since else "", detail]
    if status.drain_until is not None and status.state is GatewayState.DRAINING:
        facts.append(f"{words.counted(status.in_flight, 'stream')}, cut in {_left(status.drain_until, now)}")
    if status.renewal_failure:
        facts.append(f"the restart failed: {status.renewal_failure}")
    said: list[Part] = [(" " + "   ".join(fact for fact in facts if fact), Ink.MUTED)]
    return (*said, (f"   {status.reason}", Ink.WARN)) if status.reason else said


def _label(text: str) -> Part:
    return (f" {text:<{LABEL}}", Ink.MUTED)


def _strip(state: AppState, told: Headline, glyphs: Glyphs) -> Line:
    here = state.status.state if state.status and state.link is Link.ATTACHED else None
    place = _PLACE.get(here, here) if here else None
    parts: list[Part] = [(" ", Ink.TEXT)]
    for number, step in enumerate(ROAD):
        if number:
            parts.append((f" {glyphs.rule}{glyphs.rule} ", Ink.FAINT))
        if step is place:
            parts.append((f"{getattr(glyphs, told.glyph)} {here}", told.ink))
        else:
            parts.append((step, Ink.MUTED))
    if place not in ROAD:
        parts += [("     ", Ink.TEXT), (f"{getattr(glyphs, told.glyph)} {told.word}", told.ink)]
    return parts


def _process(name: str, pid: int | None, since: int | None, now: int) -> Line:
    if pid is None:
        return (_label(name), ("none", Ink.MUTED))
    up = words.uptime(now - since) if since else ""
    return (_label(name), (f"pid {pid}", Ink.TEXT), (f"   up {up}" if up else "", Ink.MUTED))


def _version(status: ProcessStatus) -> Line:
    address = status.url.removeprefix("http://")
    return ((f"{address} ", Ink.MUTED),)


def _starts(status: ProcessStatus) -> Line:
    ordinal = {1: "1st", 2: "2nd", 3: "3rd"}.get(status.starts, f"{status.starts}th")
    return ((f"generation {status.generation}   {ordinal} start ", Ink.MUTED),)


def _health(checks: Sequence[HealthCheck], width: int, glyphs: Glyphs) -> Line:
    if not checks:
        return (_label("health"), ("no check yet", Ink.MUTED))
    shown = checks[-max(4, min(40, width - LABEL - 24)) :]
    parts: list[Part] = [_label("health")]
    for check in shown:
        mark, ink = (glyphs.good, Ink.GOOD) if check.ok else (glyphs.bad, Ink.BAD)
        if len(parts) > 1 and parts[-1][1] is ink:
            parts[-1] = (parts[-1][0] + mark, ink)
        else:
            parts.append((mark, ink))
    last = shown[-1]
    note = f"{last.took_ms:.1f} ms" if last.ok else last.detail or "failed"
    return (*parts, (f"   {note}", Ink.MUTED if last.ok else Ink.BAD))


def _load(status: ProcessStatus, memory: Sequence[float], cpu: Sequence[float], glyphs: Glyphs) -> Line:
    parts: list[Part] = [_label("memory")]
    if status.gateway_memory_bytes is None:
        return (*parts, ("–", Ink.MUTED))
    parts += [(f"{words.size(status.gateway_memory_bytes):>6} ", Ink.TEXT), _trend(memory, glyphs)]
    if status.gateway_cpu_percent is not None:
        parts += [("   cpu ", Ink.MUTED), (f"{status.gateway_cpu_percent:.0f} % ", Ink.TEXT), _trend(cpu, glyphs)]
    return parts


def _trend(values: Sequence[float], glyphs: Glyphs) -> Part:
    return (sparkline(resample(values[-TREND:], min(TREND, len(values))), glyphs, headroom=1.4)[0], Ink.ACCENT)


def event_lines(events: Sequence[ProcessEvent], most: int, now: int) -> list[Line]:
    """What happened to the gateway, the newest first."""
    lines: list[Line] = [((" HISTORY", Ink.TITLE),)]
    told = [event for event in events if event.kind != "health"][-most:] if most else []
    for event in reversed(told):
        if event.state is not None:
            word, ink = event.state.value, _STATE_INKS.get(event.state, Ink.TEXT)
        else:
            word, ink = event.kind, Ink.WARN if event.kind in ("exit", "signal") else Ink.MUTED
        when = words.local(event.at).strftime("%H:%M:%S")
        if words.local(event.at).date() != words.local(now).date():
            when = words.moment(event.at, now)
        pid = f"pid {event.pid}" if event.pid else ""
        lines.append(
            (
                (f" {when:<8}  ", Ink.MUTED),
                (f"{word:<9}", ink),
                (f" {pid:<10} ", Ink.MUTED),
                (event.reason, Ink.TEXT),
            )
        )
    if not told:
        lines.append(((" nothing yet", Ink.MUTED),))
    return lines


_LEVEL_INKS = (Ink.MUTED, Ink.TEXT, Ink.WARN, Ink.BAD)


def log_title(sought: str) -> Line:
    """The title of the log, with the words that its lines must have."""
    return ((" LOG", Ink.TITLE), (f"  / {sought}" if sought else "", Ink.ACCENT))


def log_count(level: int, shown: int) -> Line:
    """From which level on, and how many lines that is."""
    which = "all levels" if level == 0 else f"{LEVELS[level]} and worse"
    return ((f"{which}  {words.counted(shown, 'line')} ", Ink.MUTED),)


def log_line(line: LogLine) -> Line:
    """One line of the log."""
    ink = _LEVEL_INKS[line.rank]
    time = line.time[11:19] if len(line.time) >= 19 else line.time
    parts: list[Part] = [(f" {time:<8}  ", Ink.MUTED)]
    if line.process:
        parts.append((f"{cell(line.process, 7)}  ", Ink.MUTED))
    if line.rank != 1:  # most lines are of that level: theirs is not said, the room is for words
        parts.append((f"{LEVELS[line.rank]}  ", ink))
    parts.append((line.text, ink if line.rank > 1 else Ink.TEXT))
    return parts
