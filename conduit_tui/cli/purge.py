"""`purge`: delete what was kept of the texts of requests."""

import sys
import time

import click

from conduit_tui.cli.control import change
from conduit_tui.cli.duration import parse_since
from conduit_tui.cli.echo import confirm, echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.output import print_json
from conduit_tui.cli.settings import Settings, pass_settings


def _parse_age(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    return None if value is None else parse_since(context, parameter, value)


@click.command()
@click.argument("what", type=click.Choice(["captures"]))
@click.option("--older-than", callback=_parse_age, metavar="SPAN", help="90m, 24h, 7d or a date.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="How many were deleted, as JSON.")
@pass_settings
def purge(settings: Settings, *, what: str, older_than: int | None, yes: bool, as_json: bool) -> None:
    """Delete captured texts, of all projects or of the one that --project names. Usage and cost stay."""
    whose = f"of project {settings.project}" if settings.project else "of all projects"
    if not yes:
        if not sys.stdin.isatty():
            raise Failure("this deletes for good: say --yes", BAD_INPUT)
        age = f" from before {time.strftime('%Y-%m-%d %H:%M', time.localtime(older_than / 1000))}" if older_than else ""
        confirm(f"Delete the captured texts {whose}{age}?", abort=True)
    deleted = change(settings, lambda control: control.purge(settings.project, "captures", older_than))
    if as_json:
        print_json({"deleted": deleted})
    else:
        echo(f"deleted {deleted:,} captured texts {whose}", err=True)
