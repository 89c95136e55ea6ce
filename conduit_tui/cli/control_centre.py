"""`conduit-tui` without a verb: the screens."""

import sys
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.settings import Settings

if TYPE_CHECKING:
    from conduit_tui.paths import StateDir


def open_control_centre(settings: Settings) -> None:
    """Open the control centre on this terminal and exit with its code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure(
            "the control centre needs a terminal; `conduit-tui --help` lists the verbs for scripts", BAD_INPUT
        )
    raise click.exceptions.Exit(show_screens(settings.locate(), settings))


def show_screens(state_dir: "StateDir", settings: Settings, *, welcome: bool = True) -> int:
    """Show the screens until they are left; the exit code. `welcome` greets whoever has nothing here yet."""
    from conduit_tui.tui.main import run

    given = {"--port": settings.port, "--listen": settings.listen}
    up_arguments = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    return run(state_dir, project=settings.project, up_arguments=up_arguments, given=settings.given, welcome=welcome)
