"""What is known of an exchange that is under way."""

from conduit_tui.domain.live import InFlight
from conduit_tui.tui import format as words
from conduit_tui.tui.ink import BLANK, Ink, Line, spread
from conduit_tui.tui.views import names
from conduit_tui.tui.views.exchange import fact, figure


def flight_lines(flight: InFlight, now: int, width: int) -> list[Line]:
    """What is known of an exchange that is under way."""
    left: list[tuple[str, Ink]] = [(f" {names.model(flight.requested_model)}", Ink.STRONG)]
    if flight.routed_model and flight.routed_model != flight.requested_model:
        left += [(" → ", Ink.MUTED), (names.model(flight.routed_model), Ink.STRONG)]
    word = "streaming" if flight.first_byte_at else "waiting"
    right: Line = ((f"… {word} {words.age(now - flight.started_at)} ", Ink.ACCENT),)
    facts = [
        words.instant(flight.started_at),
        flight.project,
        flight.agent_type or flight.request_class,
        flight.provider,
    ]
    lines: list[Line] = [
        spread(left, right, width),
        ((" " + " · ".join(fact for fact in facts if fact), Ink.MUTED),),
        BLANK,
    ]
    first = flight.first_byte_at
    lines.append(figure("first byte", words.duration(first - flight.started_at) if first else "not yet"))
    lines.append(figure("output", words.count(flight.output_tokens) if flight.output_tokens else "–", "tokens so far"))
    lines += [
        fact(label, value) for label, value in (("dialect", flight.dialect), ("session", flight.session)) if value
    ]
    return lines
