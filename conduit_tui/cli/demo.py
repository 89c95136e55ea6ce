"""`demo`: the whole product without a key or a network."""

import sys
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.control_centre import show_screens
from conduit_tui.cli.errors import Failure
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.paths import StateDir


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(0), default=20.0, show_default=True, help="How long, without a terminal."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another number, another day of traffic.")
@pass_settings
def demo(settings: Settings, *, seconds: float, seed: int) -> None:
    """Try everything against a simulated provider, in a throwaway state directory.

    On a terminal it opens the control centre; otherwise it prints live lines and ends by itself.
    """
    from conduit_tui.demo.run import DemoError, run_demo

    def run_tui(state_dir: "StateDir") -> int:
        return show_screens(state_dir, settings, welcome=False)

    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    try:
        code = run_demo(run_tui=run_tui if on_terminal else None, seconds=seconds, seed=seed)
    except DemoError as error:
        raise Failure(str(error)) from None
    raise click.exceptions.Exit(code)
