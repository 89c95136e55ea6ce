"""The one thing a server needs from its user."""

from typing import Protocol

from conduit_tui.gateway.http.messages import Answer, Request
from conduit_tui.gateway.http.responder import Responder


class Handler(Protocol):
    """Decides what a request means. All methods are called on the event loop and must not block."""

    def check_head(self, request: Request) -> Answer | None:
        """At the end of the head, before any byte of the body is kept; an Answer refuses at once."""

    def check_error(self, request: Request | None, status: int, reason: str) -> Answer:
        """The shape of a protocol error (400, 408, 413, 414, 417, 431, 500, 501, 503, 505).

        `request` has a target and headers if the head was understood that far; it is None where nothing is known.
        """

    def handle(self, request: Request, responder: Responder) -> None:
        """The whole request is here. Answer now or later, through the responder."""
