"""Signs of life for a stream whose provider is silent: events that every client passes over."""

from conduit_tui.domain.dialects import Dialect

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
LONGEST_END = 4  # bytes


def ping(dialect: Dialect) -> bytes:
    """Anthropic's own ping event; elsewhere a comment, which is what the standard has for it.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
    """
    return b'event: ping\ndata: {"type": "ping"}\n\n' if dialect is Dialect.ANTHROPIC else b": keep-alive\n\n"


def is_between_events(tail: bytes) -> bool:
    """Whether a stream whose last bytes these are is at the end of an event, or has not begun."""
    return not tail or tail.endswith(_ENDS)
