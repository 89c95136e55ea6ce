"""What codex says of a request in its header `x-codex-turn-metadata`: which of its agents asks, and what for."""

from typing import NamedTuple

import msgspec

from conduit_tui.gateway.http.messages import Request

_HEADER = b"x-codex-turn-metadata"


class CodexTurn(NamedTuple):
    """The agent, empty for the one that the person talks to, and the class of the request."""

    agent: str = ""
    request_class: str = ""


class _Metadata(msgspec.Struct):
    thread_id: str = ""
    thread_source: str = ""  # `user`, `subagent`, or what else it does by itself, such as `thread_title`
    request_kind: str = ""  # `turn`, or `compaction`


_decode = msgspec.json.Decoder(_Metadata).decode


def codex_turn(request: Request) -> CodexTurn:
    """Empty where the header is missing or odd, as in older releases."""
    try:
        said = _decode(request.header(_HEADER) or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return CodexTurn()
    if said.request_kind == "compaction":
        return CodexTurn(request_class="compaction")
    match said.thread_source:
        case "":
            return CodexTurn()
        case "user":
            return CodexTurn(request_class="main")
        case "subagent":
            return CodexTurn(said.thread_id, "subagent")
        case _:
            return CodexTurn(request_class="auxiliary")
