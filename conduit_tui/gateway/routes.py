"""Which paths the gateway serves, and what each of them means."""

from enum import Enum, auto
from typing import NamedTuple

from conduit_tui.domain.dialects import Dialect

PROJECT_PREFIX = "/p/"
RUN_PREFIX = "/r/"


class Kind(Enum):
    """What a route does with a request."""

    EXCHANGE = auto()  # a model answers; recorded
    COUNT_TOKENS = auto()  # follows the route of an exchange; no row, no hold
    MODELS = auto()
    HELLO = auto()  # reachability checks of clients
    HEALTH = auto()


class Route(NamedTuple):
    """An entry of the table."""

    kind: Kind
    methods: tuple[bytes, ...]
    dialect: Dialect | None


class Target(NamedTuple):
    """A request target taken apart: the route's path, the query as sent, and what a prefix in front of it says.

    That is the project of `/p/<project>/`, or the launched run of `/r/<run>/`.
    """

    path: str
    query: str
    project: str
    run: str = ""


ROUTES: dict[str, Route] = {
    "/v1/messages": Route(Kind.EXCHANGE, (b"POST",), Dialect.ANTHROPIC),
    "/v1/messages/count_tokens": Route(Kind.COUNT_TOKENS, (b"POST",), Dialect.ANTHROPIC),
    "/v1/chat/completions": Route(Kind.EXCHANGE, (b"POST",), Dialect.OPENAI_CHAT),
    "/v1/responses": Route(Kind.EXCHANGE, (b"POST",), Dialect.OPENAI_RESPONSES),
    "/v1/models": Route(Kind.MODELS, (b"GET", b"HEAD"), None),
    "/": Route(Kind.HELLO, (b"GET", b"HEAD"), None),
    "/api/hello": Route(Kind.HELLO, (b"GET", b"HEAD"), None),
    "/health": Route(Kind.HEALTH, (b"GET", b"HEAD"), None),
}
_MODEL = Route(Kind.MODELS, (b"GET", b"HEAD"), None)


class OddTarget(ValueError):
    """A target that no client sends by accident: dot segments, doubled slashes, escapes in the path."""


def split_target(raw: bytes) -> Target:
    """Take a request target apart. Raises OddTarget."""
    text = raw.decode("latin-1")
    path, _, query = text.partition("?")
    if not path.startswith("/") or "//" in path or "%" in path or "/./" in path or "/../" in path:
        raise OddTarget(text)
    if path.endswith(("/.", "/..")):
        raise OddTarget(text)
    for prefix in (PROJECT_PREFIX, RUN_PREFIX):
        if path.startswith(prefix):
            name, slash, rest = path[len(prefix) :].partition("/")
            if not name:
                raise OddTarget(text)
            path = slash + rest or "/"
            return Target(path, query, name, "") if prefix == PROJECT_PREFIX else Target(path, query, "", name)
    return Target(path, query, "")


def find_route(path: str) -> Route | None:
    """The route of a path; `/v1/models/<id>` is the one with a variable part."""
    route = ROUTES.get(path)
    if route is None and path.startswith("/v1/models/") and len(path) > len("/v1/models/"):
        return _MODEL
    return route


def dialect_of(raw_target: bytes) -> Dialect | None:
    """The dialect of a target as sent, for the shape of early errors; `None` where it has none."""
    try:
        route = find_route(split_target(raw_target).path)
    except OddTarget:
        return None
    return route.dialect if route else None
