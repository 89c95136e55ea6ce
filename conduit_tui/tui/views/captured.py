"""A text that was kept of an exchange, as lines."""

import textwrap

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.tui.format import count
from conduit_tui.tui.ink import Ink, Line

TITLES = {
    CaptureKind.MESSAGE: "message",
    CaptureKind.REQUEST: "whole request",
    CaptureKind.ANSWER: "answer",
}
MOST_LINES = 400


def lines(capture: Capture, width: int) -> list[Line]:
    """The text, wrapped; of a very long one its beginning."""
    room = max(20, width - 5)
    rows = [row for line in capture.text.splitlines() for row in textwrap.wrap(line, room) or [""]]
    shown: list[Line] = [((f"   {row}", Ink.TEXT),) for row in rows[:MOST_LINES]]
    if len(rows) > MOST_LINES:
        shown.append(((f"   {count(len(rows) - MOST_LINES)} more lines", Ink.MUTED),))
    if capture.cut:
        shown.append((("   more was said than is kept", Ink.MUTED),))
    return shown
