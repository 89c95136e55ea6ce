"""The words of the Welcome screen: what was found, the ways to begin, and the line to paste."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from conduit_tui.control.discovery import PASSED_ON, SERVERS, Findings, Offer
from conduit_tui.tui.glyphs import Glyphs
from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.state import AppState, Link
from conduit_tui.tui.views import names

TargetLine = tuple[Line, str | None]

FIRST_COLUMN = 22
SECOND_COLUMN = 33
WIDEST = 96

_WHAT_IT_IS = (
    "conduit stands between your agents and their models. It shows every request and what it costs, and rules and "
    "limits of yours decide which model serves it. It runs on this machine alone."
)

_AS_IT_IS = "one line; its key and its models stay"


class Step(NamedTuple):
    """A way to begin, chosen: what it is, what to know, and the line that does it."""

    title: str
    said: tuple[str, ...]
    line: str
    then: str


def first_lines(
    findings: Findings | None, offers: Sequence[Offer], added: Sequence[str], width: int, glyphs: Glyphs
) -> list[TargetLine]:
    """What was found, and the ways to begin."""
    lines: list[Line] = [*_wrapped(_WHAT_IT_IS, width), BLANK, ((" FOUND ON THIS MACHINE", Ink.TITLE),)]
    lines += [((" looking around …", Ink.MUTED),)] if findings is None else _found(findings, width, glyphs)
    lines += [BLANK, ((" HOW TO BEGIN", Ink.TITLE),)]
    return [*((line, None) for line in lines), *_ways(findings, offers, added)]


def _found(findings: Findings, width: int, glyphs: Glyphs) -> list[Line]:
    found: list[tuple[str, str]] = []
    missing: list[str] = []
    if findings.claude:
        found.append(("Claude Code", findings.claude))
    elif findings.claude_was_used:
        found.append(("Claude Code", "~/.claude is there, but no `claude` on PATH"))
    else:
        missing.append("Claude Code")
    for name in findings.keys:
        what = "set; clients send it, it is passed on and not kept" if name in PASSED_ON else "set"
        found.append((name, what))
    missing += [name for name in PASSED_ON if name not in findings.keys]
    for server in findings.servers:
        more = ", …" if len(server.models) > 1 else ""
        found.append((server.title, f"127.0.0.1:{server.port}, {server.models[0]}{more}"))
    answering = {server.port for server in findings.servers}
    missing += [title for title, port in SERVERS.values() if port not in answering]
    lines: list[Line] = [
        ((f" {glyphs.on} ", Ink.GOOD), (f"{name:<{FIRST_COLUMN}}", Ink.TEXT), (what, Ink.MUTED)) for name, what in found
    ]
    if missing:
        lines += [
            ((f" {line}", Ink.MUTED),) for line in textwrap.wrap(f"{glyphs.off} not: {', '.join(missing)}", width - 1)
        ]
    return lines


def _ways(findings: Findings | None, offers: Sequence[Offer], added: Sequence[str]) -> list[TargetLine]:
    here = findings is None or bool(findings.claude)
    found = [offer for offer in offers if offer.provider.name not in added]
    return [
        _way("c", "Use my Claude Code as it is", _AS_IT_IS if here else "not found on PATH; the same line", "claude"),
        _way("u", "Use any other client or SDK", _AS_IT_IS, "other"),
        *(
            _way(" " if at else "a", f"Add provider {offer.provider.name}", offer.found, f"offer {offer.provider.name}")
            for at, offer in enumerate(found)
        ),
        _way("n", "Add a provider of my own", "base URL, dialect, key", "form"),
        _way("d", "Watch the demo", "made-up traffic, nothing of it stays", "demo"),
    ]


def _way(key: str, what: str, note: str, target: str) -> TargetLine:
    line = ((f" {key:<4}", Ink.ACCENT), (f"{what:<{SECOND_COLUMN - 4}}", Ink.TEXT), (note, Ink.MUTED))
    return line, target


def step_lines(step: Step, state: AppState, arrived: str | None, width: int, glyphs: Glyphs) -> list[TargetLine]:
    """The line to paste, and what becomes of it. `arrived` is the model of the first request, None before it."""
    lines: list[Line] = [((f" {step.title}", Ink.STRONG),), BLANK]
    for text in step.said:
        lines += [*_wrapped(text, width), BLANK]
    pasted = [step.line[at : at + width - 4] for at in range(0, len(step.line), width - 4)]
    lines += [((f"   {piece}", Ink.ACCENT),) for piece in pasted]
    lines += [
        BLANK,
        ((" y", Ink.ACCENT), (" copies it, to your own machine's clipboard also over SSH", Ink.MUTED)),
        BLANK,
    ]
    lines += _wrapped(step.then, width)
    lines.append(BLANK)
    if arrived is None:
        return [*((line, None) for line in (*lines, *_waiting(state, width, glyphs)))]
    here: Line = (
        (f" {glyphs.good} The first request is here", Ink.GOOD),
        (f": {names.model(arrived)}. " if arrived else ". ", Ink.TEXT),
        ("enter", Ink.ACCENT),
        (" shows it under Requests", Ink.TEXT),
    )
    return [*((line, None) for line in lines), (here, "requests")]


def _waiting(state: AppState, width: int, glyphs: Glyphs) -> list[Line]:
    if state.serving:
        return [((f" {glyphs.busy} ", Ink.ACCENT), ("waiting for the first request", Ink.MUTED))]
    if state.link is Link.FAILED:
        return [
            ((f" {line}", Ink.BAD),)
            for line in textwrap.wrap(f"the gateway is not running: {state.link_reason}", width)
        ]
    return [((f" {glyphs.busy} ", Ink.WARN), ("the gateway is not serving yet", Ink.MUTED))]


def _wrapped(text: str, width: int) -> list[Line]:
    return [((f" {line}", Ink.TEXT),) for line in textwrap.wrap(text, min(width, WIDEST) - 2)]
