"""`bypass`: routing and project limits off for everything, and on again."""

import asyncio
import contextlib
import os

import click

from conduit_tui.cli.control import change, open_reader
from conduit_tui.cli.echo import echo
from conduit_tui.cli.output import print_json
from conduit_tui.cli.settings import Settings, pass_settings

VARIABLE = "CONDUIT_BYPASS"


@click.group()
def bypass() -> None:
    """Switch routing and project limits off for everything; the overall budget holds.

    A gateway that was started with CONDUIT_BYPASS=1 bypasses whatever is set here.
    """


@bypass.command()
@pass_settings
def on(settings: Settings) -> None:
    """Let every request go to the model that its client asked for."""
    change(settings, lambda control: control.set_bypass(True))
    echo("bypass is on: no rule acts and no project limit holds until `conduit-tui bypass off`", err=True)


@bypass.command()
@pass_settings
def off(settings: Settings) -> None:
    """Let rules and project limits act again."""
    change(settings, lambda control: control.set_bypass(False))
    echo("bypass is off: rules and project limits act", err=True)
    if asyncio.run(_status(settings))[1]:
        echo(f"but the gateway was started with {VARIABLE}=1 and bypasses all the same; restart it without", err=True)
    elif os.environ.get(VARIABLE) == "1":
        echo(f"{VARIABLE}=1 is set here: a gateway started with it bypasses all the same", err=True)


@bypass.command()
@click.option("--json", "as_json", is_flag=True, help='`{"bypass": true, "forced": false}`.')
@pass_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Show whether the bypass is on, and what keeps it on."""
    is_on, forced = asyncio.run(_status(settings))
    if as_json:
        print_json({"bypass": is_on, "forced": forced})
    else:
        echo(f"on, by {VARIABLE}=1 in the environment of the gateway" if forced else "on" if is_on else "off")


async def _status(settings: Settings) -> tuple[bool, bool]:
    """Whether it is on, and whether it is so by the environment of the gateway that runs."""
    from conduit_tui.control.plane import ControlError
    from conduit_tui.control.remote import RemoteControl

    # no gateway runs: what is stored is what will hold
    with contextlib.suppress(ControlError):
        view = await anext(RemoteControl(settings.locate()).live())
        return view.bypass, view.bypass_forced
    async with open_reader(settings) as reader:
        return (await reader.bypass() if reader else False), False
