"""What no file may bring: programs to be run, and keys."""

from collections.abc import Iterator
from typing import Any

from conduit_tui.transfer.errors import TransferError

_RUN = (
    "apikeyhelper", "args", "argv", "arguments", "cmd", "command", "commands", "env", "environment", "exec",
    "executable", "hook", "hooks", "mcpservers", "script", "scripts", "shell", "statusline",
)  # fmt: skip
_SECRET = (
    "accesstoken", "apikey", "authorization", "authtoken", "credential", "credentials", "keyvalue", "password",
    "secret",
)  # fmt: skip


def refuse_forbidden(value: Any, place: str) -> None:
    """Raises TransferError where a field, however deep, names what is run or holds a key. Empty ones say nothing."""
    for path, name, inner in _members(value, place):
        plain = name.lower().replace("_", "").replace("-", "")
        if inner in (None, "", [], {}, False):
            continue
        if plain in _RUN:
            raise TransferError("a file may not say what is run here; take the field out", f"{path}.{name}")
        if plain in _SECRET and isinstance(inner, str):
            raise TransferError(
                "a file may not carry keys; name the variable or the private file that holds it", f"{path}.{name}"
            )


def _members(value: Any, place: str) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield place, name, inner
            yield from _members(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _members(inner, f"{place}.{number}")
