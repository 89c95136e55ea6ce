"""What to do before the first request."""

from conduit_tui.tui.ink import BLANK, Ink, Line
from conduit_tui.tui.state import AppState, Link


def teaching_lines(state: AppState) -> list[Line]:
    """What to do before the first request."""
    url = state.url or "…"  # the port is not known before it is open
    if state.link is Link.STARTING:
        first = "Starting the gateway: a daemon opens the port and waits until it is ready."
    elif state.link in (Link.CONNECTING, Link.LOST, Link.FAILED):
        first = "The gateway is not running."
    else:
        first = "The gateway is ready. No request has come through it yet."
    said = Ink.STRONG if state.serving else Ink.TEXT

    def command(text: str) -> Line:
        return (("   $ ", Ink.MUTED), (text, Ink.ACCENT))

    def words_of(text: str) -> Line:
        return ((f" {text}", Ink.TEXT),)

    return [
        BLANK,
        ((f" {first}", said),),
        BLANK,
        words_of("Point any client here, in the shell that runs it:"),
        BLANK,
        command('eval "$(conduit-tui env)"'),
        BLANK,
        words_of("or by hand:"),
        BLANK,
        (*command(f"export ANTHROPIC_BASE_URL={url}"), ("   Claude Code, SDK", Ink.MUTED)),
        (*command(f"export OPENAI_BASE_URL={url}{'/v1' if state.url else ''}"), ("   codex, aider, SDK", Ink.MUTED)),
        BLANK,
        words_of("Then use it as always: what it asks and costs appears here."),
        ((" : Welcome looks for keys, local models and Claude Code on this machine.", Ink.MUTED),),
        ((" conduit-tui demo shows everything with made-up traffic, without a key.", Ink.MUTED),),
        BLANK,
    ]
