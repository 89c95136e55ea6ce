"""The global options: they stand before or after the verb and mean the same in both places."""

from collections.abc import Callable, Mapping
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


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    # The option after the verb is read last and wins; an option that is absent there must not undo one before it.
    if value is not None and parameter.name is not None:
        setattr(context.ensure_object(Settings), parameter.name, value)


_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _projects(context: click.Context, parameter: click.Parameter, typed: str) -> Any:
    from conduit_tui.cli.completion import completes, project_names

    return completes(project_names)(context, parameter, typed)


def _options(*, hidden: bool) -> list[_Decorator]:
    def option(*names: str, **attributes: Any) -> _Decorator:
        return click.option(*names, callback=_keep, expose_value=False, hidden=hidden, **attributes)

    return [
        option("--state-dir", metavar="DIR", help="Where everything lies (also CONDUIT_STATE_DIR)."),
        option("--port", type=click.IntRange(0, 65535), metavar="N", help=f"The gateway's port [{DEFAULT_PORT}]."),
        option("--listen", metavar="ADDR", help=f"The address it listens on [{DEFAULT_LISTEN}]."),
        option("--project", metavar="NAME", help="The project that is meant.", shell_complete=_projects),
        option(
            "--profile",
            type=click.Choice(["ssh", "local", "plain"]),
            help="How the screens are drawn: ssh sends few bytes, plain uses no colour and ASCII only.",
        ),
    ]


def global_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The global options, for the command itself."""
    for decorate in reversed(_options(hidden=False)):
        function = decorate(function)
    return function


def accept_after_verb(command: click.Command) -> click.Command:
    """Let a verb, and the verbs below it, take the global options too, without repeating them in its help."""

    def carrier() -> None: ...

    for decorate in reversed(_options(hidden=True)):
        carrier = decorate(carrier)
    own = {name for parameter in command.params for name in parameter.opts}
    added: list[click.Parameter] = carrier.__click_params__  # type: ignore[attr-defined]
    command.params.extend(option for option in reversed(added) if not own.intersection(option.opts))
    if isinstance(command, click.Group):
        for child in command.commands.values():
            accept_after_verb(child)
    return command
