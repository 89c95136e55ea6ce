"""Names as they are written where room is short."""

import re

from conduit_tui.tui.table import cell

_DATE = re.compile(r"-20\d{6}$")
_VENDOR = re.compile(r"^(claude-|anthropic/|openai/)")


def model(name: str) -> str:
    """A model without the date at its end."""
    return _DATE.sub("", name)


def model_change(requested: str, routed: str, arrow: str = "→") -> str:
    """The model that served; with the one asked for before it where they differ."""
    if not routed or routed == requested:
        return model(requested)
    if not requested:
        return model(routed)
    return f"{_VENDOR.sub('', model(requested))}{arrow}{_VENDOR.sub('', model(routed))}"


def session(identifier: str) -> str:
    """Enough of a session's identifier to tell it from others."""
    return identifier if len(identifier) <= 12 else identifier[:8]


def short(name: str) -> str:
    """A model without its maker and without the date at its end."""
    return _VENDOR.sub("", model(name))


def session_in(project: str, session_id: str, room: int) -> str:
    """A session with its project before it; where room is short the project is cut, since the id tells more."""
    name = session(session_id) if session_id else "no session"
    before = max(4, room - len(name) - 1)
    return f"{project if len(project) <= before else cell(project, before)} {name}"
