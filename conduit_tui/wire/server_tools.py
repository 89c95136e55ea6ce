"""What a request may be charged beyond its own tokens, as far as its body tells: its tier, and the provider's tools.

A tool that runs at the provider costs twice: by the use, and because the model reads the prompt again with the results,
in a further turn of the same request.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.usage import NO_EXTRAS, Extras
from conduit_tui.wire.anthropic import US_ONLY
from conduit_tui.wire.metering import tier_of
from conduit_tui.wire.openai_chat import SEARCHING_MODEL

UNSTATED_USES = 10  # of a tool whose request sets no limit to it; nobody publishes a most
MOST_USES = 1000
MOST_TURNS = 10  # of the model in one request: then Anthropic stops with `pause_turn`, whatever the uses left

_KINDS = (  # the beginning of a tool's type, and what a use of it counts as; nothing where only its tokens cost
    ("web_search", "web_searches"),
    ("file_search", "file_searches"),
    ("code_execution", "code_sessions"),
    ("code_interpreter", "code_sessions"),
    ("image_generation", "images"),
    ("web_fetch", ""),
    ("tool_search", ""),
    ("mcp", ""),
)


class _Tool(msgspec.Struct, gc=False):
    type: Any = None
    max_uses: Any = None
    execution: Any = None


class _Item(msgspec.Struct, gc=False):
    """An element of a Responses request's input, which may offer tools too."""

    tools: list[_Tool] | None = None


class _Request(msgspec.Struct, gc=False):
    model: Any = None
    service_tier: Any = None
    speed: Any = None
    inference_geo: Any = None
    tools: list[_Tool] | None = None
    input: msgspec.Raw = msgspec.Raw()
    mcp_servers: Any = None
    max_tool_calls: Any = None
    web_search_options: Any = None


_decode_input = msgspec.json.Decoder(list[_Item]).decode
_decode = msgspec.json.Decoder(_Request).decode


class Asked(NamedTuple):
    """What a request asks for that has a price of its own: what is to be expected of it, and the most.

    `turns`: how often the model may read the prompt again, with the results of tools. `missing`: the limit that the
    request does not set and without which nobody knows the most.
    """

    expected: Extras = NO_EXTRAS
    most: Extras = NO_EXTRAS
    turns: int = 0
    missing: str = ""


NOTHING_ASKED = Asked()


def asked(body: bytes, dialect: Dialect) -> Asked:
    """What a request's body asks for. A tool is expected to be used once, if it may, and at most as often as it may."""
    try:
        request = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NOTHING_ASKED
    tier, us_only = tier_of(request.speed) or tier_of(request.service_tier), request.inference_geo == US_ONLY
    base = NO_EXTRAS._replace(tier=tier, us_only=us_only) if tier or us_only else NO_EXTRAS
    most: dict[str, int] = {}
    turns, missing = 0, ""
    if SEARCHING_MODEL in str(request.model) or request.web_search_options is not None:
        most["web_searches"] = turns = 1
    for kind, field, said in _server_tools(request, dialect):
        uses = min(UNSTATED_USES if said is None else said, MOST_USES)
        if field:
            most[field] = max(uses, most.get(field, 0))
        if dialect is not Dialect.ANTHROPIC:
            turns = max(uses, turns)
            missing = missing or (f"max_tool_calls for {kind}" if said is None else "")
        elif uses:
            turns = MOST_TURNS - 1
            if said is None and field == "web_searches":  # others cost nothing by the use, or by the hour
                missing = f"max_uses of {kind}"
    if base == NO_EXTRAS and not most and not turns:
        return NOTHING_ASKED
    once = {name: min(1, uses) for name, uses in most.items()}
    return Asked(_with(base, once), _with(base, most), turns, missing)


def _with(base: Extras, uses: dict[str, int]) -> Extras:
    return Extras(**{**base._asdict(), **uses})


def _server_tools(request: _Request, dialect: Dialect) -> Iterator[tuple[str, str, int | None]]:
    """The tools that run at the provider: kind, what a use counts as, and the limit to its uses that is said."""
    tools = list(request.tools or ())
    if dialect is Dialect.OPENAI_RESPONSES:
        tools += _offered_in(request.input)
    elif request.mcp_servers:
        tools.append(_Tool("mcp"))
    for tool in tools:
        found = next((kind for kind in _KINDS if str(tool.type).startswith(kind[0])), None)
        if found is not None and tool.execution != "client":
            yield *found, _least(tool.max_uses, request.max_tool_calls)


def _offered_in(items: msgspec.Raw) -> list[_Tool]:
    """The tools that come with the input, as codex offers them to newer models."""
    try:
        return [tool for item in _decode_input(items) for tool in item.tools or ()]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


def _least(*limits: Any) -> int | None:
    return min((limit for limit in limits if type(limit) is int and limit >= 0), default=None)
