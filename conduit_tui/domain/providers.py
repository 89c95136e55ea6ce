"""Providers: where requests go, in which dialects, with whose key."""

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from conduit_tui.domain.dialects import Dialect

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class KeyKind(StrEnum):
    """Where a provider's key comes from."""

    PASS_THROUGH = "pass-through"  # the client's own credential goes to this provider's origin
    ENVIRONMENT = "env"  # `reference` names a variable of the gateway's environment
    FILE = "file"  # `reference` is the path of a 0600 file
    NONE = "none"  # the provider wants no key


class KeySource(BaseModel):
    """A reference to a key; never the key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: KeyKind = KeyKind.PASS_THROUGH
    reference: str = ""

    @model_validator(mode="after")
    def _reference_where_needed(self) -> "KeySource":
        needs = self.kind in (KeyKind.ENVIRONMENT, KeyKind.FILE)
        if needs and not self.reference:
            raise ValueError(f"a key of kind {self.kind} needs the {'variable' if self.kind == 'env' else 'path'}")
        if not needs and self.reference:
            raise ValueError(f"a key of kind {self.kind} takes no reference")
        return self

    @property
    def stored_here(self) -> bool:
        """Whether the gateway holds the key, so that clients must show the gateway token."""
        return self.kind in (KeyKind.ENVIRONMENT, KeyKind.FILE)


class Origin(NamedTuple):
    """Scheme, host and port: what a key is bound to and a connection is made to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{host}" if self.port == default else f"{self.scheme}://{host}:{self.port}"


class Provider(BaseModel):
    """A named upstream. `models` are shell-style patterns of the model names that it claims."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    base_url: str
    dialects: tuple[Dialect, ...] = Field(min_length=1)
    key: KeySource = KeySource()
    models: tuple[str, ...] = ()
    default: bool = False  # serves its dialects' models that no other provider claims
    builtin: bool = False

    @field_validator("base_url")
    @classmethod
    def _plain_http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"base URL must be http(s)://host[:port][/path], got {value!r}")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("base URL takes no user, password, query or fragment")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError(f"base URL has an impossible port: {value!r}") from None
        if not value.isascii() or any(c <= " " or c in '\\"<>' for c in value):
            raise ValueError("base URL holds characters that a URL may not")
        return value.rstrip("/")

    @property
    def origin(self) -> Origin:
        """Where connections go; the key is sent nowhere else."""
        parts = urlsplit(self.base_url)
        return Origin(parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme])

    @property
    def base_path(self) -> str:
        """The path of the base URL, without a trailing slash; empty for a bare origin."""
        return urlsplit(self.base_url).path

    def claims(self, model: str) -> bool:
        """Whether one of the patterns names this model."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)


BUILTIN_PROVIDERS = (
    Provider(name="anthropic", base_url="https://api.anthropic.com", dialects=(Dialect.ANTHROPIC,), builtin=True),
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        dialects=(Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES),
        builtin=True,
    ),
)
