"""`token`: what clients show when the gateway holds the providers' keys."""

import click

from conduit_tui.cli.echo import echo
from conduit_tui.cli.settings import Settings, pass_settings


@click.group()
def token() -> None:
    """Show or rotate the gateway token."""


@token.command()
@pass_settings
def show(settings: Settings) -> None:
    """Print the token, made at the first call."""
    from conduit_tui.control.token import load_or_create

    state_dir = settings.locate()
    state_dir.prepare()
    echo(load_or_create(state_dir))


@token.command()
@pass_settings
def rotate(settings: Settings) -> None:
    """Make a new token and print it; the old one is void at once."""
    from conduit_tui.cli.control import change

    echo(change(settings, lambda control: control.rotate_token()))
    echo("the old token is void; clients that used it need the new one", err=True)
