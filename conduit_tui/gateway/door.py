"""The door: who may come in at all. Everything here is decided from the head of a request, before any work."""

import ipaddress
from collections.abc import Callable, Iterable

from conduit_tui.control.token import PREFIX, matches
from conduit_tui.gateway.guesses import Guesses
from conduit_tui.gateway.http.messages import Request
from conduit_tui.gateway.loops import has_been_here, mark_of

_TOKEN_PREFIX = PREFIX.encode()
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Refused(Exception):
    """The request may not come in; `status` and the message say why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Door:
    """Host allow-list, no web pages, and the gateway token.

    `token_always` is set when the gateway listens beyond loopback: then every request needs the token; otherwise only
    those that a provider with a key stored here will serve (see `knows_token`). `is_run_token` tells whether a
    credential is the token of a launched run, which is as good as the gateway's own.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        token_digest: bytes,
        *,
        token_always: bool,
        is_run_token: Callable[[bytes], bool] = lambda _credential: False,
        guesses: Guesses | None = None,
    ) -> None:
        self.hosts = LOOPBACK_NAMES | {host.lower() for host in hosts}
        self.token_digest = token_digest
        self.token_always = token_always
        self.is_run_token = is_run_token
        self.guesses = guesses or Guesses()
        self.mark = mark_of(token_digest)
        self._seen: set[bytes] = set()

    def check(self, request: Request) -> None:
        """Let a request in. Raises Refused."""
        host = request.header(b"host")
        if host is None:
            raise Refused(403, "a Host header is required")
        if host not in self._seen:
            if host_name(host) not in self.hosts:
                raise Refused(403, "this host name is not served here")
            if len(self._seen) < 64:  # the ports a tunnel may use are many
                self._seen.add(host)
        if request.header(b"origin") is not None:
            raise Refused(403, "requests from web pages are refused")
        if request.header(b"sec-fetch-site") in (b"cross-site", b"same-site"):
            raise Refused(403, "requests from web pages are refused")
        if has_been_here(request, self.mark):
            raise Refused(
                508, "a provider's base URL leads back to this gateway; `conduit-tui providers list` shows it"
            )
        if wait := self.guesses.wait_seconds(request.peer, request.received_at):
            raise Refused(429, f"too many wrong tokens came from this address; it is heard again in {wait:.0f} s")
        given = request.header(b"x-conduit-token")
        if given is not None and not self._opens(given):
            self.guesses.note(request.peer, request.received_at)
            raise Refused(401, "the x-conduit-token header does not hold this gateway's token")
        if self.token_always and not self.knows_token(request):
            self.guesses.note(request.peer, request.received_at)
            raise Refused(401, "this gateway wants its token: send it as x-conduit-token (`conduit-tui token show`)")

    def knows_token(self, request: Request) -> bool:
        """Whether the request shows the gateway token, in its own header or in place of a credential."""
        given = request.header(b"x-conduit-token")
        if given is not None:
            return self._opens(given)
        return any(self.is_token(value) for value in credentials(request))

    def is_token(self, credential: bytes) -> bool:
        """Whether a credential is the gateway token, or the token of a run."""
        return credential.startswith(_TOKEN_PREFIX) and self._opens(credential)

    def _opens(self, given: bytes) -> bool:
        return matches(given, self.token_digest) or self.is_run_token(given)


def credentials(request: Request) -> list[bytes]:
    """The client's credentials, without the scheme word of `Authorization`."""
    found = list(request.headers_named(b"x-api-key"))
    for value in request.headers_named(b"authorization"):
        scheme, _, rest = value.partition(b" ")
        found.append(rest.strip() if scheme.lower() == b"bearer" else value)
    return found


def host_name(value: bytes) -> str:
    """The name in a Host header, lower-cased, without port or brackets; empty if it is malformed."""
    text = value.decode("latin-1").lower()
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return ""
        try:
            ipaddress.IPv6Address(name)
        except ValueError:
            return ""
        port = port[1:]
    else:
        name, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return ""
    return name
