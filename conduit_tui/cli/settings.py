"""What the global options said, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from conduit_tui.config.precedence import Resolved
    from conduit_tui.paths import StateDir

DEFAULT_PORT = 4141
DEFAULT_LISTEN = "127.0.0.1"
DEFAULT_PROJECT = "default"


@dataclass(slots=True)
class Settings:
    """What the global options said; `None` where they said nothing."""

    state_dir: str | None = None
    port: int | None = None
    listen: str | None = None
    project: str | None = None
    profile: str | None = None

    def locate(self) -> "StateDir":
        """The state directory, not yet created."""
        from conduit_tui.paths import StateDir

        return StateDir.locate(self.state_dir)

    @property
    def given(self) -> dict[str, Any]:
        """What the options said, by the keys of config.toml."""
        said = {"gateway.port": self.port, "gateway.listen": self.listen, "screen.profile": self.profile}
        return {key: value for key, value in said.items() if value is not None}

    def resolve(self, more: Mapping[str, Any] | None = None) -> "Resolved":
        """The configuration that holds: these options (and `more`), the environment, config.toml, the defaults.

        Raises ConfigError. It loads pydantic, which quick verbs do without.
        """
        from conduit_tui.config.precedence import resolve

        return resolve(self.locate(), {**self.given, **(more or {})})

    @property
    def url(self) -> str:
        """Where the gateway will listen if it is started now. Raises ConfigError."""
        gateway = self.resolve().config.gateway
        host = f"[{gateway.listen}]" if ":" in gateway.listen else gateway.listen
        return f"{'https' if gateway.tls_cert else 'http'}://{host}:{gateway.port}"


pass_settings = click.make_pass_decorator(Settings, ensure=True)
