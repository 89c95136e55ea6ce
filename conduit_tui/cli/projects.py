"""`projects`: what budgets, rules and configurations belong to."""

import asyncio

import click

from conduit_tui.cli.control import all_projects, change
from conduit_tui.cli.echo import echo
from conduit_tui.cli.names import completes, project_names
from conduit_tui.cli.output import print_json, print_table
from conduit_tui.cli.settings import Settings, pass_settings


@click.group()
def projects() -> None:
    """List, add, rename and archive projects."""


@projects.command("list")
@click.option("--json", "as_json", is_flag=True, help="Names and configurations as JSON.")
@pass_settings
def list_projects(settings: Settings, *, as_json: bool) -> None:
    """List the projects."""
    known = asyncio.run(all_projects(settings))
    if as_json:
        print_json([project.model_dump(mode="json", by_alias=True) for project in known])
        return
    rows = [
        [project.name, "yes" if project.config.enabled else "no", project.config.default_model] for project in known
    ]
    print_table(("name", "enabled", "default model"), rows)


@projects.command()
@click.argument("name")
@pass_settings
def add(settings: Settings, *, name: str) -> None:
    """Add a project. Requests join it with the base URL's prefix /p/NAME or the header x-conduit-project."""
    project = change(settings, lambda control: control.add_project(name))
    echo(f"added project {project.name}; `conduit-tui env --project {project.name}` points clients to it", err=True)


@projects.command()
@click.argument("name", shell_complete=completes(project_names))
@click.argument("new_name")
@pass_settings
def rename(settings: Settings, *, name: str, new_name: str) -> None:
    """Give a project and its whole history another name. Clients that name the old one are turned away."""
    project = change(settings, lambda control: control.rename_project(name, new_name))
    echo(
        f"project {name} is now {project.name}; `conduit-tui env --project {project.name}` points clients to it",
        err=True,
    )


@projects.command()
@click.argument("name", shell_complete=completes(project_names))
@pass_settings
def archive(settings: Settings, *, name: str) -> None:
    """Archive a project. Its requests are turned away, its history stays; `projects add` brings it back."""
    change(settings, lambda control: control.archive_project(name))
    echo(f"archived project {name}; `conduit-tui projects add {name}` brings it back", err=True)
