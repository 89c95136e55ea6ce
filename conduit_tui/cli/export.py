"""`export`: what the database holds, as a file for another machine, another program or a review."""

import sys
from pathlib import Path
from typing import Any

import click

from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.settings import DEFAULT_PROJECT, Settings, pass_settings


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--format", "version", type=click.Choice(["2", "1.0"]), default="2", show_default=True,
    help="2 holds everything; 1.0 is the format of Conduit.",
)  # fmt: skip
@click.option("--rules", is_flag=True, help="Configuration and rules of one project, as a file to be reviewed.")
@click.option("--texts", is_flag=True, help="Captured texts of requests too; they stay here unless you say so.")
@pass_settings
def export(settings: Settings, *, file: str, version: str, rules: bool, texts: bool) -> None:
    """Write everything, or a project, into a file (- is stdout). Keys are never part of it."""
    if rules and (texts or version != "2"):
        raise Failure("--rules goes with neither --format nor --texts", BAD_INPUT)
    if texts and version != "2":
        raise Failure("--texts: only format 2 holds captured texts", BAD_INPUT)
    folder = Path(file).expanduser().resolve().parent
    if file != "-" and not folder.is_dir():
        raise Failure(f"there is no folder {folder}", BAD_INPUT)
    if rules:
        _export_rules(settings, file)
        return
    from conduit_tui.cli.traced import tracing
    from conduit_tui.observe.tracing import span
    from conduit_tui.transfer.errors import TransferError
    from conduit_tui.transfer.exporting import Wanted, export, export_to
    from conduit_tui.transfer.strict_json import LARGEST_BYTES

    wanted = Wanted(settings.project or "", version, texts)
    database = settings.locate().database
    try:
        with tracing(settings), span("migration.export", version=version) as note:
            if file == "-":
                size = export(database, sys.stdout.buffer, wanted)
                sys.stdout.buffer.flush()
            else:
                size = export_to(database, Path(file).expanduser(), wanted)
            note(bytes=size)
    except TransferError as error:
        raise Failure(str(error), BAD_INPUT) from None
    where = "" if file == "-" else f" {file}"
    echo(f"wrote{where} ({size:,} bytes), without keys", err=True)
    if size > LARGEST_BYTES:
        echo(
            f"an import takes {LARGEST_BYTES:,} bytes at most; `conduit-tui backup create` makes a copy of any size, "
            "and `import` takes that",
            err=True,
        )


def _export_rules(settings: Settings, file: str) -> None:
    import asyncio

    from conduit_tui.cli.control import stored_project
    from conduit_tui.store.publish import publishing
    from conduit_tui.transfer.project_file import reviewable

    if not settings.project:
        settings.project = DEFAULT_PROJECT
    project = asyncio.run(stored_project(settings))
    body = project.config.model_dump(mode="json", by_alias=True)
    text = reviewable(project.name, body, _to_text, as_toml=file.endswith(".toml"))
    if file == "-":
        echo(text, nl=False, keep="\n")
        return
    path = Path(file).expanduser().resolve()
    mode = 0o644 if not path.exists() else path.stat().st_mode & 0o777  # it is meant for a repository
    with publishing(path) as draft:
        draft.write_text(text, encoding="utf-8")
        draft.chmod(mode)
    rules = len(project.config.routing_rules)
    echo(f"wrote {file}: project {project.name} with {rules} {'rule' if rules == 1 else 'rules'}", err=True)


def _to_text(conditions: Any) -> str:
    from conduit_tui.domain.rules import Group
    from conduit_tui.routing.expression import to_text

    return to_text(Group.model_validate(conditions))
