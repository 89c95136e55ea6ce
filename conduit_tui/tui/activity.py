"""What a session or an agent is doing at the moment, in a word and since when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit_tui.domain.activity import CALLS_TOOL
from conduit_tui.tui.format import MINUTE, age
from conduit_tui.tui.ink import Ink

if TYPE_CHECKING:
    from conduit_tui.domain.live import InFlight

JUST_MS = MINUTE
TOOL_MS = 10 * MINUTE  # a tool that has not come back by then is no longer believed to run


def words(
    flights: Sequence[InFlight], *, last_at: int, now: int, stop: str = "", stopped: bool = False
) -> tuple[str, Ink]:
    """`thinking 12 s`, `waiting 3 s`, `tool use`, `idle 4 m`, `stopped`.

    `flights` are the exchanges under way of whom it is about; `last_at` is when its newest one began, `stop` why that
    ended. More of them than one are counted behind the word.
    """
    if flights:
        first = next((one for one in flights if not one.agent), flights[0])
        more = f" +{len(flights) - 1}" if len(flights) > 1 else ""
        return f"{of_flight(first, now)}{more}", Ink.ACCENT
    if stopped:
        return "stopped", Ink.BAD
    if stop in CALLS_TOOL and now - last_at < TOOL_MS:
        return "tool use", Ink.TEXT
    return f"idle {age(now - last_at)}", Ink.MUTED


def works(flights: Sequence[InFlight], *, last_at: int, now: int, stop: str = "") -> bool:
    """Whether it is at work: something is under way, a tool runs, or it has only just ended."""
    return bool(flights) or now - last_at < (TOOL_MS if stop in CALLS_TOOL else JUST_MS)


def of_flight(flight: InFlight, now: int) -> str:
    """What an exchange has come to, and for how long."""
    if not flight.first_byte_at:
        return f"waiting {age(now - flight.started_at)}"
    if flight.activity:
        return f"{flight.activity} {age(now - (flight.activity_since or flight.first_byte_at))}"
    return f"streaming {age(now - flight.started_at)}"
