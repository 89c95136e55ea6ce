"""Names as they are written where room is short."""

import re

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
