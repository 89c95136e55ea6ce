"""What a request may be charged beyond its tokens, as far as its body tells: its tier, and the provider's tools."""

from typing import Any, NamedTuple

import msgspec

from conduit_tui.domain.usage import NO_EXTRAS, Extras
from conduit_tui.wire.anthropic import US_ONLY
from conduit_tui.wire.metering import tier_of
from conduit_tui.wire.openai_chat import SEARCHING_MODEL

UNSTATED_USES = 10  # of a tool whose request sets no limit to it; nobody publishes a most
MOST_USES = 1000

# In the text of a body quotes are escaped, so these stand for members, and for the types of tools.
_SIGNS = (
    b'"service_tier"', b'"speed"', b'"inference_geo"', b'"web_search', b'"file_search', b'"code_', b'"image_generation',
    b"-search-",
)  # fmt: skip
_KINDS = (
    ("web_search", "web_searches"),
    ("file_search", "file_searches"),
    ("code_execution", "code_sessions"),
    ("code_interpreter", "code_sessions"),
    ("image_generation", "images"),
)


class _Tool(msgspec.Struct, gc=False):
    type: Any = None
    max_uses: Any = None


class _Request(msgspec.Struct, gc=False):
    model: Any = None
    service_tier: Any = None
    speed: Any = None
    inference_geo: Any = None
    tools: list[_Tool] | None = None
    max_tool_calls: Any = None
    web_search_options: Any = None


_decode = msgspec.json.Decoder(_Request).decode


class Asked(NamedTuple):
    """What a request asks for that has a price of its own: what is to be expected of it, and the most."""

    expected: Extras = NO_EXTRAS
    most: Extras = NO_EXTRAS


def asked(body: bytes) -> Asked:
    """What a request's body asks for. A tool is expected to be used once, if it may, and at most as often as it may."""
    if not any(sign in body for sign in _SIGNS):
        return Asked()
    try:
        request = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Asked()
    base = NO_EXTRAS._replace(
        tier=tier_of(request.speed) or tier_of(request.service_tier), us_only=request.inference_geo == US_ONLY
    )
    most: dict[str, int] = {}
    for tool in request.tools or ():
        name = next((field for kind, field in _KINDS if str(tool.type).startswith(kind)), None)
        if name is not None:
            most[name] = _uses(tool.max_uses, request.max_tool_calls)
    if SEARCHING_MODEL in str(request.model) or request.web_search_options is not None:
        most["web_searches"] = 1
    once = {name: min(1, uses) for name, uses in most.items()}
    return Asked(_with(base, once), _with(base, most))


def _with(base: Extras, uses: dict[str, int]) -> Extras:
    return Extras(**{**base._asdict(), **uses})


def _uses(*limits: Any) -> int:
    said = [limit for limit in limits if type(limit) is int and limit >= 0]
    return min([*said, MOST_USES]) if said else UNSTATED_USES
