"""The global options: they stand before or after the verb and mean the same in both places."""

from collections.abc import Callable
from typing import Any

import click

from conduit_tui.cli.names import completes, project_names
from conduit_tui.cli.options import Decorator, together
from conduit_tui.cli.settings import DEFAULT_LISTEN, DEFAULT_PORT, Settings


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    # The option after the verb is read last and wins; an option that is absent there must not undo one before it.
    if value is not None and parameter.name is not None:
        setattr(context.ensure_object(Settings), parameter.name, value)


def _options(*, hidden: bool) -> Decorator:
    def option(*names: str, **attributes: Any) -> Decorator:
        return click.option(*names, callback=_keep, expose_value=False, hidden=hidden, **attributes)

    options = [
        option("--state-dir", metavar="DIR", help="Where everything lies (also CONDUIT_STATE_DIR)."),
        option("--port", type=click.IntRange(0, 65535), metavar="N", help=f"The gateway's port [{DEFAULT_PORT}]."),
        option("--listen", metavar="ADDR", help=f"The address it listens on [{DEFAULT_LISTEN}]."),
        option("--project", metavar="NAME", help="The project that is meant.", shell_complete=completes(project_names)),
        option(
            "--profile",
            type=click.Choice(["ssh", "local", "plain"]),
            help="How the screens are drawn: ssh sends few bytes, plain uses no colour and ASCII only.",
        ),
    ]
    return together(options)


def global_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The global options, for the command itself."""
    return _options(hidden=False)(function)


def accept_after_verb(command: click.Command) -> click.Command:
    """Let a verb, and the verbs below it, take the global options too, without repeating them in its help."""
    carrier = click.Command(None)
    _options(hidden=True)(carrier)
    own = {name for parameter in command.params for name in parameter.opts}
    command.params.extend(option for option in reversed(carrier.params) if not own.intersection(option.opts))
    if isinstance(command, click.Group):
        for child in command.commands.values():
            accept_after_verb(child)
    return command
