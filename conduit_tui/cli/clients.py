"""How each client is told where the gateway is. Variable names and URL forms are those of the clients themselves."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

ANTHROPIC = ("anthropic",)
OPENAI = ("openai-chat", "openai-responses")


class Access(NamedTuple):
    """Where the gateway is and what it wants to see. `token` is empty where none is needed."""

    url: str
    token: str
    own_credential: bool  # the client's own credential is passed on, so the token may not take its place

    @property
    def key(self) -> str:
        """The token in the place of the client's key; empty where the client shows its own."""
        return "" if self.own_credential else self.token


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


class Client(NamedTuple):
    """A client, the dialects it may speak, and how it is set up."""

    dialects: tuple[str, ...]
    setup: Callable[[Access], Setup]


def _claude(access: Access) -> Setup:
    variables = {"ANTHROPIC_BASE_URL": access.url, "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1"}
    if access.key:
        variables["ANTHROPIC_AUTH_TOKEN"] = access.key
    elif access.token:
        variables["ANTHROPIC_CUSTOM_HEADERS"] = f"x-conduit-token: {access.token}"
    return Setup(variables)


def _codex(access: Access) -> Setup:
    provider = {
        "name": "conduit-tui",
        "base_url": f"{access.url}/v1",
        "wire_api": "responses",
        "env_key": "CONDUIT_TOKEN" if access.key else "OPENAI_API_KEY",
    }
    command = ["codex", "-c", "model_provider=conduit"]
    if access.token and not access.key:
        provider["http_headers.x-conduit-token"] = access.token
    for name, value in provider.items():
        command += ["-c", f"model_providers.conduit.{name}={value}"]
    return Setup({"CONDUIT_TOKEN": access.key} if access.key else {}, ("codex", command))


def _opencode(access: Access) -> Setup:
    options: dict[str, object] = {"baseURL": f"{access.url}/v1"}
    if access.key:
        options["apiKey"] = access.key
    elif access.token:
        options["headers"] = {"x-conduit-token": access.token}
    providers = {name: {"options": options} for name in ("anthropic", "openai")}
    return Setup({"OPENCODE_CONFIG_CONTENT": json.dumps({"provider": providers})})


def _variables(*bases: tuple[str, str], keys: tuple[str, ...]) -> Callable[[Access], Setup]:
    """A client that reads base URLs (variable, what follows the gateway's URL) and keys from variables alone."""

    def setup(access: Access) -> Setup:
        variables = {name: access.url + path for name, path in bases}
        if access.key:
            variables |= dict.fromkeys(keys, access.key)
        elif access.token:
            return Setup(variables, notes=(_HEADER_NOTE,))
        return Setup(variables)

    return setup


_HEADER_NOTE = (
    "some models here are served with keys that the gateway holds; for those, send the header x-conduit-token with "
    "what `conduit-tui token show` prints, or use the token as the key"
)

CLIENTS = {
    "claude": Client(ANTHROPIC, _claude),
    "codex": Client(("openai-responses",), _codex),
    "opencode": Client((*ANTHROPIC, "openai-chat"), _opencode),
    "aider": Client(
        (*ANTHROPIC, "openai-chat"),
        _variables(
            ("ANTHROPIC_API_BASE", ""), ("OPENAI_API_BASE", "/v1"), keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
        ),
    ),
    "llm": Client(
        (*ANTHROPIC, "openai-chat"),
        _variables(
            ("ANTHROPIC_BASE_URL", ""), ("OPENAI_BASE_URL", "/v1"), keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
        ),
    ),
    "openai": Client(OPENAI, _variables(("OPENAI_BASE_URL", "/v1"), keys=("OPENAI_API_KEY",))),
    "anthropic": Client(ANTHROPIC, _variables(("ANTHROPIC_BASE_URL", ""), keys=("ANTHROPIC_API_KEY",))),
}
