"""What can be configured for a machine: every table and key of config.toml with its meaning, unit and bounds.

The pages of the docs, the JSON Schema and the Settings screen are made from these declarations.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.fields import FieldInfo

from conduit_tui.config.choices import Durability, Mouse, OnDetach, Profile

FREE_TABLES = ("keys",)  # tables whose keys are not fixed here

_VARIABLES_WITH_TABLE = frozenset({"backup", "metrics"})  # where the key alone would not say what it is of
_HOST_NAME = re.compile(r"[A-Za-z0-9_.:-]+|\[[0-9a-fA-F:]+\]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Effect(StrEnum):
    """When a changed value takes effect."""

    AT_ONCE = "at once"
    SCREENS = "when the control centre is opened again"
    GATEWAY = "at the next start of the gateway (`conduit-tui restart`)"
    DAEMON = "at the next start of the daemon (`conduit-tui restart --daemon`)"
    ADDRESS = "when the daemon is started anew (`conduit-tui down`, then `up`)"


def _about(description: str, effect: Effect, *, unit: str = "", **bounds: Any) -> Any:
    return Field(description=description, json_schema_extra={"x-unit": unit, "x-effect": effect.value}, **bounds)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # a list is what TOML and JSON have


class Table(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Gateway(Table):
    """The address that clients use, and what is let through."""

    port: Annotated[int, _about("TCP port of the gateway; 0 takes a free one", Effect.ADDRESS, ge=0, le=65535)] = 4141
    listen: Annotated[
        str, _about("Address or name that it listens on; beyond loopback it wants TLS", Effect.ADDRESS, min_length=1)
    ] = "127.0.0.1"
    allow_hosts: Annotated[
        tuple[str, ...],
        BeforeValidator(_as_tuple),
        _about("Further names that clients may call this host by", Effect.GATEWAY),
    ] = ()
    tls_cert: Annotated[str, _about("Certificate chain (PEM file) to serve TLS with", Effect.DAEMON)] = ""
    tls_key: Annotated[str, _about("The certificate's key, if it lies in a file of its own", Effect.DAEMON)] = ""
    insecure_listen: Annotated[
        bool, _about("Listen beyond loopback without TLS, because something else encrypts", Effect.ADDRESS)
    ] = False
    max_body_bytes: Annotated[
        int, _about("The largest request body that is accepted", Effect.GATEWAY, unit="bytes", ge=1024, le=1 << 30)
    ] = 32 * 1024 * 1024
    ping_seconds: Annotated[
        float,
        _about(
            "How long a stream may be silent before its client is sent a ping; 0 never", Effect.GATEWAY, unit="seconds",
            ge=0, le=280,
        ),
    ] = 30.0  # fmt: skip
    upstream_idle_seconds: Annotated[
        float,
        _about(
            "How long a provider may send nothing before its answer is given up", Effect.GATEWAY, unit="seconds",
            ge=1, le=3600,
        ),
    ] = 600.0  # fmt: skip
    memory_limit_mb: Annotated[
        int,
        _about(
            "Above this the gateway hands over to a new one at a quiet moment; 0 never", Effect.GATEWAY, unit="MB",
            ge=0, le=1 << 20,
        ),
    ] = 512  # fmt: skip

    @field_validator("listen")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if not _HOST_NAME.fullmatch(value):
            raise ValueError(f"{value!r} is neither an address nor a host name")
        return value

    @field_validator("tls_cert", "tls_key")
    @classmethod
    def _is_a_whole_path(cls, value: str) -> str:
        if value and not value.startswith(("/", "~")):
            raise ValueError(f"{value!r} is not a whole path: begin with / or ~")
        return value

    @field_validator("allow_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a host name")
        return value

    @model_validator(mode="after")
    def _key_needs_certificate(self) -> "Gateway":
        if self.tls_key and not self.tls_cert:
            raise ValueError("tls_key needs tls_cert")
        return self


class Supervision(Table):
    """How the daemon treats its gateway."""

    drain_seconds: Annotated[
        float,
        _about("How long streams may go on when the gateway drains", Effect.DAEMON, unit="seconds", ge=0, le=600),
    ] = 30.0


class Store(Table):
    """The database."""

    durability: Annotated[
        Durability,
        _about(
            "What a commit survives: a killed process, or also a power cut (slower by a disk flush each)",
            Effect.GATEWAY,
        ),
    ] = "process-crash"


class Retention(Table):
    """How long rows are kept; totals stay for ever."""

    usage_days: Annotated[
        int, _about("How long the log of requests is kept", Effect.GATEWAY, unit="days", ge=1, le=3650)
    ] = 400
    event_days: Annotated[
        int,
        _about("How long the history of daemon and gateway is kept", Effect.GATEWAY, unit="days", ge=1, le=3650),
    ] = 90


class Backup(Table):
    """Automatic copies of the database."""

    keep: Annotated[int, _about("How many automatic copies are kept", Effect.GATEWAY, unit="copies", ge=1, le=1000)] = (
        10
    )
    every_hours: Annotated[
        int, _about("How often a copy is made; 0 never", Effect.GATEWAY, unit="hours", ge=0, le=8760)
    ] = 24


class Screen(Table):
    """The control centre."""

    theme: Annotated[
        str, _about("A theme by its name; auto takes the one that suits the terminal", Effect.AT_ONCE, min_length=1)
    ] = "auto"
    profile: Annotated[
        Profile,
        _about(
            "How the screens are drawn: ssh sends few bytes, plain is ASCII without colour, auto looks", Effect.SCREENS
        ),
    ] = "auto"
    on_detach: Annotated[
        OnDetach, _about("What leaving does: ask, keep the gateway running, or stop it", Effect.SCREENS)
    ] = "ask"
    mouse: Annotated[Mouse, _about("Whether the mouse is used; auto does so on a local terminal", Effect.SCREENS)] = (
        "auto"
    )


class Metrics(Table):
    """Figures for Prometheus."""

    port: Annotated[
        int, _about("Loopback port that /metrics is served on; 0 does not serve it", Effect.GATEWAY, ge=0, le=65535)
    ] = 0


class Telemetry(Table):
    """Where traces and error reports go; nothing is sent unless it is set."""

    otlp_endpoint: Annotated[
        str, _about("OpenTelemetry collector (http:// or https://) that traces are sent to", Effect.GATEWAY)
    ] = ""
    sentry_dsn_env: Annotated[
        str, _about("Name of the environment variable that holds the Sentry DSN", Effect.GATEWAY)
    ] = ""

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} begins with neither http:// nor https://")
        return value

    @field_validator("sentry_dsn_env")
    @classmethod
    def _is_a_variable(cls, value: str) -> str:
        if value and not _VARIABLE.fullmatch(value):
            raise ValueError("is the name of an environment variable, not the DSN itself")
        return value


class BoxConfig(BaseModel):
    """The whole configuration of a machine. `keys` maps the id of an action to the keys that do it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gateway: Gateway = Gateway()
    supervision: Supervision = Supervision()
    store: Store = Store()
    retention: Retention = Retention()
    backup: Backup = Backup()
    screen: Screen = Screen()
    keys: Annotated[
        dict[str, str],
        Field(description="Keys by the id of the action, separated by spaces; an empty text takes the keys away"),
    ] = {}
    metrics: Metrics = Metrics()
    telemetry: Telemetry = Telemetry()


DEFAULTS = BoxConfig()


class Setting(NamedTuple):
    """One key of the file, as it was declared."""

    table: str
    name: str
    field: FieldInfo

    @property
    def key(self) -> str:
        """The dotted path."""
        return f"{self.table}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that overrides the file."""
        table = f"{self.table}_" if self.table in _VARIABLES_WITH_TABLE else ""
        return f"CONDUIT_{table}{self.name}".upper()

    @property
    def description(self) -> str:
        return self.field.description or ""

    @property
    def default(self) -> Any:
        return self.field.default

    @property
    def unit(self) -> str:
        return str(self._extra["x-unit"])

    @property
    def effect(self) -> Effect:
        return Effect(self._extra["x-effect"])

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that there are; empty where any will do."""
        kind = self.field.annotation
        if kind is bool:
            return ("on", "off")
        return tuple(getattr(kind, "__args__", ())) if str(kind).startswith("typing.Literal") else ()

    @property
    def bounds(self) -> str:
        """The least and the greatest value, in words; empty where there are none."""
        least = next((rule.ge for rule in self.field.metadata if hasattr(rule, "ge")), None)
        most = next((rule.le for rule in self.field.metadata if hasattr(rule, "le")), None)
        return f"{least:,} to {most:,}" if least is not None and most is not None else ""

    @property
    def _extra(self) -> dict[str, Any]:
        assert isinstance(self.field.json_schema_extra, dict)
        return self.field.json_schema_extra

    def value(self, config: BoxConfig) -> Any:
        """What a configuration has for it."""
        return getattr(getattr(config, self.table), self.name)


def _settings() -> Iterator[Setting]:
    for table, field in BoxConfig.model_fields.items():
        if table not in FREE_TABLES:
            assert isinstance(field.annotation, type)
            assert issubclass(field.annotation, Table)
            for name, inner in field.annotation.model_fields.items():
                yield Setting(table, name, inner)


SETTINGS: dict[str, Setting] = {setting.key: setting for setting in _settings()}
