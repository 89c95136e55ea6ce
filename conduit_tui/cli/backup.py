"""`backup`: safety copies of the database."""

import time
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.control import change
from conduit_tui.cli.differences import confirm, print_lines
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.names import backup_names, completes
from conduit_tui.cli.output import print_json, print_table
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.domain.transfers import Backup


@click.group()
def backup() -> None:
    """Make, list and restore safety copies of the database, the gateway serving meanwhile."""


@backup.command()
@click.option("--export", "export", is_flag=True, help="Write it as JSON beside the copy, too.")
@click.option("--json", "as_json", is_flag=True, help="What was made, as JSON.")
@pass_settings
def create(settings: Settings, *, export: bool, as_json: bool) -> None:
    """Copy the database as it is now, and check the copy. It lies in the state directory's folder `backups`."""
    made = change(settings, lambda control: control.create_backup(export))
    path = settings.locate().backups / made.name
    if as_json:
        print_json({**made._asdict(), "path": str(path)})
    else:
        echo(f"made {path} ({made.size:,} bytes)", err=True)


@backup.command("list")
@click.option("--json", "as_json", is_flag=True, help="Every copy as JSON.")
@pass_settings
def list_backups(settings: Settings, *, as_json: bool) -> None:
    """List the safety copies, the newest first."""
    from conduit_tui.transfer.backups import listed

    found = listed(settings.locate().backups)
    if as_json:
        print_json([one._asdict() for one in found])
    elif found:
        rows = [[one.name, _at(one.at), f"{one.size:,}", one.version, contents(one)] for one in found]
        print_table(("name", "at", "bytes", "version", "holds"), rows, right=(2,))
    else:
        echo("no backup yet; `conduit-tui backup create` makes one", err=True)


@backup.command()
@click.argument("name", shell_complete=completes(backup_names))
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="The difference as JSON.")
@pass_settings
def restore(settings: Settings, *, name: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Bring a copy back (`newest` is the newest). What budgets have spent since stays spent."""
    plan = change(settings, lambda control: control.plan_restore(name))
    if as_json:
        print_json({"changes": [line._asdict() for line in plan.lines]})
    else:
        print_lines(plan.lines)
    if not plan.changes:
        echo("nothing would be different", err=True)
        return
    if dry_run:
        return
    confirm("Bring it back?", yes=yes)
    before = change(settings, lambda control: control.restore_backup(name))
    echo(f"restored; what was there is kept as {before.name}", err=True)


@backup.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=completes(backup_names))
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def rm(settings: Settings, *, names: tuple[str, ...], yes: bool) -> None:
    """Delete safety copies."""
    from conduit_tui.transfer.backups import find, remove
    from conduit_tui.transfer.errors import TransferError

    folder = settings.locate().backups
    try:
        found = [find(folder, name).name for name in names]
        confirm(f"Delete {', '.join(found)}?", yes=yes)
        for name in found:
            echo(f"deleted {remove(folder, name)}", err=True)
    except TransferError as error:
        raise Failure(str(error), BAD_INPUT) from None


def contents(one: "Backup") -> str:
    """What a copy holds, in a few words."""
    if one.problem:
        return f"cannot be read: {one.problem}"
    names = [name for name in ("projects", "rules", "providers", "requests") if one.contents.get(name)]
    parts = [(one.contents[name], name) for name in names]
    return (
        ", ".join(f"{number:,} {name.removesuffix('s') if number == 1 else name}" for number, name in parts)
        or "nothing"
    )


def _at(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at / 1000))
