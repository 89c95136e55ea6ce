"""What is to be known of an agent: how it is told where the gateway is, and how to read its command line."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

ANTHROPIC = ("anthropic",)
OPENAI = ("openai-chat", "openai-responses")
DEFAULT_PROJECT = "default"

TOKEN_HEADER = "x-conduit-token"
TOKEN_VARIABLE = "CONDUIT_TOKEN"


@dataclass(frozen=True, slots=True)
class Access:
    """Where the gateway is and what it wants to see. `token` is empty where none is needed.

    `own` are the dialects in which the agent's own credential is passed on to the provider, so that the token may not
    take its place. `run`, `session` and `agent_type` are those of a launched run, `model` the one that the rules put
    into its arguments.
    """

    origin: str
    token: str
    own: frozenset[str] = frozenset()
    project: str = DEFAULT_PROJECT
    run: str = ""
    session: str = ""
    agent_type: str = ""
    model: str = ""

    @property
    def url(self) -> str:
        """The base URL of clients that send no headers of ours: its path says whose requests they are."""
        if self.run:
            return f"{self.origin}/r/{self.run}"
        return self.origin if self.project == DEFAULT_PROJECT else f"{self.origin}/p/{self.project}"

    def key(self, dialects: Iterable[str]) -> str:
        """The token in the place of the client's key for these; empty where the client shows its own."""
        return "" if self.own.intersection(dialects) else self.token


@dataclass(frozen=True, slots=True)
class Setup:
    """Variables to export, an alias of the client where variables do not reach, and what to tell the person."""

    variables: dict[str, str] = field(default_factory=dict)
    alias: tuple[str, list[str]] | None = None
    notes: tuple[str, ...] = ()

    def merged(self, other: "Setup") -> "Setup":
        """This setup and another one together."""
        notes = tuple(dict.fromkeys((*self.notes, *other.notes)))
        return Setup({**self.variables, **other.variables}, other.alias or self.alias, notes)


class CommandLine(Protocol):
    """How an agent's arguments are read and changed."""

    def message(self, arguments: Sequence[str]) -> str | None:
        """What the person asks for on the command line; None where it is not there."""

    def reads_stdin(self, arguments: Sequence[str]) -> bool:
        """Whether what comes on a piped stdin is (part of) the prompt."""

    def model(self, arguments: Sequence[str]) -> str:
        """The model that the command line names; empty if it names none."""

    def with_model(self, arguments: Sequence[str], model: str) -> list[str] | None:
        """The arguments with this model in place of any other; None where it is not known how to say it."""

    def flags(self, arguments: Sequence[str]) -> tuple[str, ...]:
        """The names of the options that are given, each as it stands and without its dashes."""


class Agent(NamedTuple):
    """An agent: the dialects it may speak, how it is set up, how its command line is read.

    `credentials` are the variables that hold its own credential; `settings` are patterns of variables of its own that
    it may keep, and `redirecting` those among them that say where its requests go, or which model: the gateway's and
    the rules' business. With an option in `leaving` it goes on in the background when its command has ended.
    """

    name: str
    dialects: tuple[str, ...]
    setup: Callable[[Access], Setup]
    command_line: CommandLine
    credentials: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    redirecting: tuple[str, ...] = ()
    leaving: frozenset[str] = frozenset()


def by_variables(*bases: tuple[str, str], keys: tuple[str, ...]) -> Callable[[Access], Setup]:
    """A client that reads base URLs (variable, what follows the gateway's URL) and keys from variables alone."""

    def setup(access: Access) -> Setup:
        variables = {name: access.url + path for name, path in bases}
        given = {name: access.key(dialects_of(name)) for name in keys}
        variables |= {name: key for name, key in given.items() if key}
        return Setup(variables, notes=(_HEADER_NOTE,) if access.token and "" in given.values() else ())

    return setup


def dialects_of(variable: str) -> tuple[str, ...]:
    """The dialects that a key in this variable is for."""
    return ANTHROPIC if variable.startswith(("ANTHROPIC_", "CLAUDE_")) else OPENAI


_HEADER_NOTE = (
    "some models here are served with keys that the gateway holds; for those, send the header x-conduit-token with "
    "what `conduit-tui token show` prints, or use the token as the key"
)
