"""Values as people write them on one line: in a form, in an environment variable, in a table of the docs."""

from typing import Any

from conduit_tui.config.model import Setting
from conduit_tui.domain.numbers import ungrouped

_SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def from_text(setting: Setting, text: str) -> Any:
    """The value that a text means: `on` for a switch, names between commas for a list.

    Its bounds are not looked at. Raises ValueError, whose message is for people.
    """
    text = text.strip()
    like = setting.default
    if isinstance(like, bool):
        if text.lower() not in _SWITCH:
            raise ValueError(f"must be on or off, not {text!r}")
        return _SWITCH[text.lower()]
    if isinstance(like, tuple):
        return tuple(text.replace(",", " ").split())
    if isinstance(like, int | float):
        kind, what = (int, "a whole number") if isinstance(like, int) else (float, "a number")
        try:
            return kind(ungrouped(text))
        except ValueError:
            raise ValueError(f"must be {what}, not {text!r}") from None
    return text


def to_text(value: Any) -> str:
    """A value as `from_text` reads it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
