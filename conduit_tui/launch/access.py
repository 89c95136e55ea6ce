"""Where the gateway is for a client, and which credential the client is to show there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.launch.agents.agent import Agent

if TYPE_CHECKING:
    from conduit_tui.domain.providers import Provider

LOOPBACK = ("http://127.", "http://localhost:", "http://[::1]:")


class Credentials(NamedTuple):
    """Whether the client needs a token of the gateway's, and in which dialects its own credential is passed on."""

    token: bool
    own: frozenset[str]


def credentials_for(agent: Agent, providers: "Sequence[Provider]", *, token_always: bool) -> Credentials:
    """Its own where the provider of unclaimed models takes that; a token where a key that is stored here may be spent.

    Both are needed where the one provider takes the client's credential and a rule may choose another that does not.
    """
    from conduit_tui.domain.providers import KeyKind

    usual = {dialect: _usual_provider(providers, dialect) for dialect in agent.dialects}
    own = frozenset(dialect for dialect, provider in usual.items() if provider.key.kind is KeyKind.PASS_THROUGH)
    speaking = [provider for provider in providers if set(agent.dialects) & set(provider.dialects)]
    wanted = token_always or any(provider.key.stored_here for provider in speaking)
    return Credentials(token=wanted or own != set(agent.dialects), own=own)


def _usual_provider(providers: "Sequence[Provider]", dialect: str) -> "Provider":
    """The provider of the models that nobody claims: a default one, else the built-in one."""
    speaking = [provider for provider in providers if dialect in provider.dialects]
    return next((p for p in speaking if p.default), next(p for p in speaking if p.builtin))


def from_here(url: str) -> str:
    """The gateway's URL as a client on this machine writes it."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def turns_away_without_token(url: str) -> bool:
    """Whether the gateway wants its token from everybody, as it does when it listens beyond loopback."""
    if url.startswith("https:"):
        return True  # nobody takes that trouble for loopback, and the certificate need not name this address
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(url.removeprefix("http://"), timeout=1.0)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status == 401
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
