"""A connection as the requests and answers on it see it."""

from dataclasses import dataclass
from typing import Protocol

from conduit_tui.gateway.http.limits import Limits


@dataclass(slots=True)
class Terms:
    """What a server says to all its connections."""

    limits: Limits
    draining: bool = False  # each connection ends with its next answer
    date: bytes = b""  # the header line, anew every second


class Line(Protocol):
    """Where an answer is written."""

    terms: Terms

    def write(self, data: bytes) -> None:
        """Send, together with whatever else is written in this turn of the loop."""

    def responded(self, close: bool) -> None:
        """The current answer is complete; go on with the next request, or end."""

    def abort(self, *, reset: bool = False) -> None:
        """Cut the connection now; with a reset where its mere end would mean that the answer is whole."""
