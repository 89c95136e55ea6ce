"""`service`: the daemon under the user's service manager."""

import sys
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_CONFIGURATION, Failure
from conduit_tui.cli.output import print_json, print_pairs
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.service.managers import Manager
    from conduit_tui.service.unit import Service


@click.group()
def service() -> None:
    """Keep the daemon running under systemd or launchd."""


@service.command()
@click.option("--print", "print_only", is_flag=True, help="Print the file instead of installing it.")
@pass_settings
def install(settings: Settings, *, print_only: bool) -> None:
    """Write, check and start the service of this state directory.

    A daemon that runs already must be ended first (`conduit-tui down`): there is one for each state directory. What
    is not accepted or does not start is taken away again.
    """
    from conduit_tui.cli.daemon_status import find_daemon
    from conduit_tui.service.asking import ServiceError
    from conduit_tui.service.unit import launchd_plist, systemd_unit

    wanted = _service(settings)
    if print_only:
        text = launchd_plist(wanted).decode() if sys.platform == "darwin" else systemd_unit(wanted)
        echo(text, nl=False, keep="\n")
        return
    found = _found(wanted)
    standing = found.standing()
    if standing.installed and not found.keeps(wanted):
        raise Failure(
            f"{standing.path} is the service of another state directory, and a user has one; "
            "`conduit-tui service uninstall` takes it away"
        )
    running = find_daemon(settings.locate())
    if running is not None and running.pid != standing.pid:
        raise Failure(
            f"a daemon runs already (pid {running.pid}); `conduit-tui down` ends it, then install the service"
        )
    settings.locate().prepare()
    try:
        told = found.install(wanted)
    except ServiceError as error:
        raise Failure(str(error)) from None
    echo(str(standing.path))
    for line in told:
        echo(line, err=True)


@service.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Show whether the service is there, and outlives a logout."""
    wanted = _service(settings)
    found = _found(wanted)
    standing = found.standing()
    if as_json:
        print_json(standing._asdict())
        return
    note, after = "", ""
    if not standing.installed:
        note = " (not installed)"
    else:
        note = "" if found.keeps(wanted) else " (of another state directory)"
        after = "goes on" if standing.survives_logout else "ends (`loginctl enable-linger` keeps it)"
    print_pairs(
        [
            ("manager", standing.manager),
            ("file", f"{standing.path}{note}"),
            ("state", f"{standing.state}{f', pid {standing.pid}' if standing.pid else ''}"),
            ("says", standing.says),
            ("after logout", after),
        ]
    )


@service.command()
@pass_settings
def uninstall(settings: Settings) -> None:
    """Stop the service and remove its file. The state directory stays."""
    from conduit_tui.service.asking import ServiceError

    try:
        removed = _found(_service(settings)).uninstall()
    except ServiceError as error:
        raise Failure(str(error)) from None
    echo("removed" if removed else "no service was installed", err=True)


def _service(settings: Settings) -> "Service":
    from conduit_tui.service.unit import Service

    options = {"--port": settings.port, "--listen": settings.listen}
    said = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    return Service(settings.locate().root, options=tuple(said))


def _found(wanted: "Service") -> "Manager":
    from conduit_tui.service.managers import manager, without_manager

    found = manager()
    if found is None:
        raise Failure(without_manager(wanted), BAD_CONFIGURATION)
    return found
