"""The page of the docs on the control centre's keys, written from the registry of actions."""

from conduit_tui.tui.actions import ACTIONS
from conduit_tui.tui.key_names import key_name

_OPENING = """\
# Keys

{renewed}

| where | keys | does | id in `[keys]` |
|---|---|---|---|"""


def keys_page(renewed: str) -> str:
    """The page; `renewed` says how it is written anew."""
    lines = [_OPENING.format(renewed=renewed)]
    for action in ACTIONS:
        if action.keys:
            keys = " ".join(f"`{key_name(key)}`" for key in action.keys)
            asks = " (asks first)" if action.dangerous else ""
            lines.append(f"| {action.scope} | {keys} | {action.says}{asks} | `{action.id}` |")
    return "\n".join(lines) + "\n"
