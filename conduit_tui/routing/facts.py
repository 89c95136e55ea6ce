"""What rules ask about a request. A fact costs nothing until a condition asks for it, and is found out once."""

from collections.abc import Callable, Collection, Hashable, Mapping
from enum import Enum
from typing import Final, Literal, NamedTuple

from conduit_tui.routing import fields
from conduit_tui.routing.fields import Kind

LOOP_STEPS = 200_000  # about a millisecond of searching


class _Unknown(Enum):
    UNKNOWN = "unknown"


Unknown = Literal[_Unknown.UNKNOWN]
UNKNOWN: Final = _Unknown.UNKNOWN
"""Neither known nor missing: in records, a text that was not captured; in answers, what cannot be said."""


class Cut(NamedTuple):
    """The beginning of a text whose rest was not captured."""

    start: str


Value = str | int | float | frozenset[str] | Cut | None | Unknown  # None is a fact that the request does not have
Given = Value | bool | Collection[str]
Source = Given | Callable[[], "Given"]


class Bounds(NamedTuple):
    """The least and the greatest value that a number can have, both included."""

    low: float
    high: float


class TooSlow(Exception):
    """The answer would hold up the event loop: make the facts `patient` and ask again in a thread."""


class Facts(dict[str, Value]):
    """The facts of one request by the names of their fields; looking one up finds it out and keeps it.

    `sources` holds values, or functions that return them. `families` answers for the names behind `header.` (in small
    letters) and `metadata.`; `bounds` tells how large a number can be without finding it out. What is in `slow` is
    found out only when the facts are `patient`, otherwise TooSlow is raised.
    """

    __slots__ = ("_bounds", "_families", "_sources", "_steps", "answers", "patient", "slow")

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        families: Mapping[str, Callable[[str], Given]] | None = None,
        bounds: Mapping[str, Callable[[], Bounds | None]] | None = None,
        slow: Collection[str] = (),
    ) -> None:
        super().__init__()
        self._sources = sources
        self._families = families or {}
        self._bounds: dict[str, Callable[[], Bounds | None] | Bounds | None] = dict(bounds or {})
        self.slow = slow
        self._steps = 0
        self.answers: dict[Hashable, bool | Unknown] = {}  # of conditions that search in text
        self.patient = False

    def __missing__(self, name: str) -> Value:
        source = self._source(name)
        if callable(source):
            if name in self.slow and not self.patient:
                raise TooSlow(name)
            source = source()
        self[name] = value = _usable(name, source)
        return value

    def bounds(self, name: str) -> Bounds | None:
        """Between which values a number lies, as far as that is known without finding it out."""
        bounds = self._bounds.get(name)
        if callable(bounds):
            bounds = self._bounds[name] = bounds()
        return bounds

    def spend(self, steps: int) -> None:
        """Account for searching in text. Raises TooSlow when it adds up to more than the event loop should wait for."""
        self._steps += steps
        if self._steps > LOOP_STEPS and not self.patient:
            raise TooSlow("text")

    def _source(self, name: str) -> Source:
        family, dot, rest = name.partition(".")
        if dot and family in self._families:
            return self._families[family](rest)
        return self._sources.get(name)


def _usable(name: str, value: Given) -> Value:
    """The value if it is of its field's kind, else None: an odd value must not break a decision."""
    if value is None or value is UNKNOWN:
        return value
    field = fields.find(name)
    if field is None:
        return None
    if isinstance(value, bool):
        return str(value).lower() if field.kind is Kind.OPEN else None
    if isinstance(value, int | float):
        return value if field.kind in (Kind.NUMBER, Kind.OPEN) and value == value else None
    if isinstance(value, str | Cut):
        return value if field.kind in (Kind.TEXT, Kind.OPEN) else None
    return frozenset(value) if field.kind in (Kind.LIST, Kind.OPEN) else None
