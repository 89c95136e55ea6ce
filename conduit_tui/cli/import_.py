"""`import`: take in a file, after its difference was shown."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.control import change
from conduit_tui.cli.differences import approve, confirm, print_lines, print_questions
from conduit_tui.cli.echo import echo
from conduit_tui.cli.output import print_json
from conduit_tui.cli.settings import Settings, pass_settings
from conduit_tui.cli.traced import tracing

if TYPE_CHECKING:
    from conduit_tui.domain.transfers import ImportPlan

OPTION_OF = {"caps": "--raise-caps", "providers": "--accept-providers"}


@click.command("import")
@click.argument("file", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask. What loosens limits or sends keys anew stays as it is.")
@click.option("--raise-caps", is_flag=True, help="Limits may become looser.")
@click.option("--accept-providers", is_flag=True, help="Keys may go to providers that are new or have moved.")
@click.option("--json", "as_json", is_flag=True, help="The difference as JSON.")
@pass_settings
def import_file(
    settings: Settings, *, file: str, dry_run: bool, yes: bool, raise_caps: bool, accept_providers: bool, as_json: bool
) -> None:
    """Take in a file, its difference shown first; a safety copy is made.

    FILE is an export of format 2 or 1.0, the database of a backup, or rules and projects as .json or .toml files or a
    folder of them.
    """
    project = settings.project or ""
    with _path(settings, file) as path:

        def look(approved: set[str]) -> "ImportPlan":
            return change(settings, lambda control: control.plan_import(path, project, sorted(approved)))

        plan = look(set())
        approved = {
            question.id
            for question in plan.questions
            if {"caps": raise_caps, "providers": accept_providers}[question.id.partition(":")[0]]
        }
        if not (dry_run or yes):
            approve(plan.questions, approved)
        if approved:
            plan = look(approved)
        _show(plan, approved, as_json=as_json)
        if dry_run or not plan.changes:
            return
        confirm("Take it in?", yes=yes)
        with tracing(settings):
            done = change(
                settings, lambda control: control.import_file(path, plan.digest, project, sorted(approved))
            )  # fmt: skip
    echo(f"took in {file}: {_counted(_changes(done), 'change')}, {_counted(done.requests, 'request')}", err=True)
    echo("`conduit-tui backup restore newest` goes back to before", err=True)


def _show(plan: "ImportPlan", approved: set[str], *, as_json: bool) -> None:
    open_questions = [question for question in plan.questions if question.id not in approved]
    for warning in plan.warnings:
        echo(f"warning: {warning}", err=True)
    if as_json:
        print_json(
            {
                "version": plan.version,
                "changes": [line._asdict() for line in plan.lines],
                "questions": [question._asdict() for question in plan.questions],
                "approved": sorted(approved),
                "requests": plan.requests,
                "present": plan.present,
            }
        )
        return
    print_lines(plan.lines)
    print_questions(open_questions, OPTION_OF)
    if not plan.changes:
        echo("nothing would be different", err=True)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _changes(plan: "ImportPlan") -> int:
    return sum(line.sign in "+~-" for line in plan.lines)


@contextmanager
def _path(settings: Settings, file: str) -> Iterator[str]:
    """The absolute path of what is taken in; stdin lies in a private file meanwhile."""
    if file != "-":
        yield os.path.realpath(os.path.expanduser(file))
        return
    from tempfile import TemporaryDirectory

    from conduit_tui.store.publish import private_folder

    state_dir = settings.locate()
    state_dir.prepare()
    with TemporaryDirectory(prefix=".stdin-", dir=private_folder(state_dir.backups)) as folder:
        path = Path(folder) / "stdin.json"
        with path.open("xb") as out:
            shutil.copyfileobj(sys.stdin.buffer, out)
        yield str(path)
