"""The fields that rules and the log's filter know: one table for the language, its completion, help and documents."""

import difflib
from enum import StrEnum
from typing import NamedTuple

from conduit_tui.domain.dialects import Dialect


class Kind(StrEnum):
    """What a field holds, and with it the operators that apply."""

    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    OPEN = "open"  # text, number or list, as the client sent it


class Scope(StrEnum):
    """Where an expression stands."""

    RULE = "rule"
    LOG = "log"


OPERATORS: dict[Kind, tuple[str, ...]] = {
    Kind.NUMBER: (">", "<", ">=", "<=", "=", "!="),
    Kind.TEXT: ("=", "!=", "contains", "matches"),
    Kind.LIST: ("contains", "matches"),
    Kind.OPEN: ("=", "!=", "contains", "matches", ">", "<", ">=", "<="),
}
ALL_OPERATORS = (">", "<", ">=", "<=", "=", "!=", "contains", "matches")
NUMBERS_ONLY = frozenset({">", "<", ">=", "<="})
TEXT_ONLY = frozenset({"contains", "matches"})


class Field(NamedTuple):
    """A field: its name, what it holds, one line of help, and the values that are known beforehand."""

    name: str
    kind: Kind
    help: str
    log_only: bool = False
    values: tuple[str, ...] = ()
    is_model: bool = False
    is_family: bool = False  # `name` is what stands before the dot

    @property
    def operators(self) -> tuple[str, ...]:
        return OPERATORS[self.kind]


_REQUEST_CLASSES = ("main", "subagent", "workflow", "compaction", "auxiliary", "side_reply")
_SWITCHES = ("thinking", "stream", "tools", "images")

FIELDS = (
    Field("tokenCount", Kind.NUMBER, "input tokens: system, tools and messages, base64 left out"),
    Field("message", Kind.TEXT, "the newest text that the user wrote"),
    Field("agentType", Kind.TEXT, "kind of agent, such as main, Explore or research"),
    Field("flags", Kind.LIST, "command line flags of a launched run, and the request's switches", values=_SWITCHES),
    Field("model", Kind.TEXT, "the model that the client asked for", is_model=True),
    Field("project", Kind.TEXT, "project of the request"),
    Field("agent", Kind.TEXT, "id of the agent within its session"),
    Field("session", Kind.TEXT, "id of the session"),
    Field("requestClass", Kind.TEXT, "what the request is for", values=_REQUEST_CLASSES),
    Field("dialect", Kind.TEXT, "request format", values=tuple(Dialect)),
    Field("maxTokens", Kind.NUMBER, "output tokens that the request allows"),
    Field("toolCount", Kind.NUMBER, "tools that the request offers"),
    Field("messageCount", Kind.NUMBER, "messages in the conversation"),
    Field("system", Kind.TEXT, "the system prompt"),
    Field("hour", Kind.NUMBER, "hour of the day, 0 to 23, in the project's time zone"),
    Field("weekday", Kind.NUMBER, "day of the week, 1 for Monday to 7 for Sunday"),
    Field("budgetUsed", Kind.NUMBER, "percent of the tightest budget window that is spent or held"),
    Field("header", Kind.OPEN, "a request header, as in header.user-agent", is_family=True),
    Field("metadata", Kind.OPEN, "a value in the request's metadata, as in metadata.team.name", is_family=True),
    Field("cost", Kind.NUMBER, "dollars that the attempt cost", log_only=True),
    Field("status", Kind.NUMBER, "HTTP status of the answer, 0 if there was none", log_only=True),
    Field("routedModel", Kind.TEXT, "the model that served the request", log_only=True, is_model=True),
    Field("inputTokens", Kind.NUMBER, "tokens of the whole prompt, as the provider counted", log_only=True),
    Field("outputTokens", Kind.NUMBER, "tokens that were generated", log_only=True),
    Field("latency", Kind.NUMBER, "milliseconds from the request to the end of its answer", log_only=True),
    Field("error", Kind.TEXT, "the kind of error", log_only=True),
)

_plain = {field.name: field for field in FIELDS if not field.is_family}
_families = {field.name: field for field in FIELDS if field.is_family}


def find(name: str) -> Field | None:
    """The field of this name, in any scope; `header.NAME` and `metadata.PATH` are found under their family."""
    family, dot, rest = name.partition(".")
    return _families.get(family) if dot and rest else _plain.get(name)


def known(scope: Scope) -> tuple[Field, ...]:
    """The fields that an expression of this scope may use."""
    return tuple(field for field in FIELDS if scope is Scope.LOG or not field.log_only)


def nearest(name: str, scope: Scope = Scope.RULE) -> str:
    """The name that was probably meant, empty if none is near. A family is written with its dot."""
    names = {field.name.lower(): field.name + "." * field.is_family for field in known(scope)}
    head, dot, rest = name.partition(".")
    close = difflib.get_close_matches((head if dot else name).lower(), names, n=1, cutoff=0.6)
    if not close:
        return ""
    found = names[close[0]]
    return found + rest if found.endswith(".") else found
