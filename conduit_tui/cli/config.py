"""`config`: a project's configuration, its history, and the way back."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from conduit_tui.cli import config_file
from conduit_tui.cli.control import change, open_reader, stored_project
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.names import completes
from conduit_tui.cli.output import print_json, print_pairs, print_table
from conduit_tui.cli.settings import DEFAULT_PROJECT, Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.control.plane import ControlPlane
    from conduit_tui.domain.projects import Project, ProjectConfig
    from conduit_tui.domain.revisions import Revision


@click.group()
def config() -> None:
    """Show and change a project's configuration, and check config.toml, which holds the machine's settings."""


for _command in (config_file.check, config_file.schema, config_file.init):
    config.add_command(_command)


async def _keys(_settings: Settings) -> Iterable[str]:
    """The keys of a project's configuration, for the tab key; rules are changed by verbs of their own."""
    from conduit_tui.domain.projects import ProjectConfig

    return _known_keys(ProjectConfig())


@config.command()
@click.option("--json", "as_json", is_flag=True, help="The whole configuration, rules included, as JSON.")
@pass_settings
def show(settings: Settings, *, as_json: bool) -> None:
    """Show the configuration of the project that --project names."""
    project = asyncio.run(stored_project(settings))
    values = project.config.model_dump(mode="json", by_alias=True)
    if as_json:
        print_json(values)
        return
    rules = values.pop("routingRules")
    print_pairs([*_pairs(values), ("routingRules", f"{len(rules)} (`conduit-tui rules list`)")])


@config.command("set", context_settings={"ignore_unknown_options": True})  # a value may be -1
@click.argument("key", shell_complete=completes(_keys))
@click.argument("value")
@pass_settings
def set_value(settings: Settings, *, key: str, value: str) -> None:
    """Set one value. `defaultModel claude-sonnet-5-5`, `features.autoRouting off`; `none` takes one away."""

    async def act(control: "ControlPlane") -> "tuple[Project, Project]":
        before = await control.project(settings.project or DEFAULT_PROJECT)
        return before, await control.save_config(before.name, _with(before.config, key, value), before.revision)

    before, after = change(settings, act)
    if before.revision == after.revision:
        echo(f"{key} was {_shown(_value(after.config, key))} already", err=True)
    else:
        value_now = _value(after.config, key)
        blocks = key.startswith("costLimits.") and value_now == 0
        now = f"{_shown(value_now)}, which blocks everything" if blocks else _shown(value_now)
        echo(f"{key} is now {now} (revision {after.revision}); `config undo` takes it back", err=True)


@config.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="The revisions as JSON.")
@pass_settings
def history(settings: Settings, *, limit: int, as_json: bool) -> None:
    """Show what was changed, newest first."""
    revisions = asyncio.run(_history(settings, limit))
    if as_json:
        print_json([revision.model_dump(mode="json") for revision in revisions])
        return
    rows: list[list[str]] = []
    for revision in revisions:
        first, *more = revision.changes or ("",)
        at = datetime.fromtimestamp(revision.at / 1000).astimezone()
        action = revision.action if revision.restored is None else f"{revision.action} to {revision.restored}"
        rows.append([str(revision.id), f"{at:%Y-%m-%d %H:%M:%S}", action, first])
        rows += [["", "", "", line] for line in more]
    print_table(("revision", "at", "", "what changed"), rows, right=(0,))


@config.command()
@click.argument("revision", type=int)
@pass_settings
def restore(settings: Settings, *, revision: int) -> None:
    """Make the configuration what it was at a revision. `config history` lists them."""
    name = settings.project or DEFAULT_PROJECT
    project = change(settings, lambda control: control.restore_revision(name, revision))
    echo(f"project {name} is as it was at revision {revision} (revision {project.revision})", err=True)


@config.command()
@pass_settings
def undo(settings: Settings) -> None:
    """Take the newest change back; once more, the one before it."""
    name = settings.project or DEFAULT_PROJECT

    async def act(control: "ControlPlane") -> "Revision":
        await control.undo(name)
        return (await control.history(name, 1))[0]

    newest = change(settings, act)
    echo(f"project {name} is as it was at revision {newest.restored}", err=True)
    for line in newest.changes:
        echo(f"  {line}", err=True)


@config.command()
@click.argument("revision", type=int)
@click.argument("other", type=int, required=False)
@click.option("--json", "as_json", is_flag=True, help="Both configurations and what differs, as JSON.")
@pass_settings
def diff(settings: Settings, *, revision: int, other: int | None, as_json: bool) -> None:
    """Show what has changed since a revision, or between two. `config history` lists them."""
    from conduit_tui.control.changes import described

    before, after = asyncio.run(_two(settings, revision, other))
    lines = described(before, after)
    if as_json:
        both = {
            "before": before.model_dump(mode="json", by_alias=True),
            "after": after.model_dump(mode="json", by_alias=True),
        }
        print_json({**both, "changes": lines})
        return
    for line in lines:
        echo(line)
    if not lines:
        echo("nothing differs", err=True)


@config.command("test")
@click.option("--json", "as_json", is_flag=True, help="What was looked at, as JSON.")
@pass_settings
def test_configuration(settings: Settings, *, as_json: bool) -> None:
    """Test the configuration.

    Rules, models, providers with their keys, prices, budget, and a sample decision. Providers are asked only for
    what is free. Exit code 1 when something failed.
    """
    from conduit_tui.control.configuration_test import PASSED, failed

    name = settings.project or DEFAULT_PROJECT
    checks = change(settings, lambda control: control.test_configuration(name))
    wrong = failed(checks)
    if as_json:
        print_json({"passed": not wrong, "checks": [check._asdict() for check in checks]})
    else:
        for check in checks:
            echo(f"{check.outcome:<7}{check.subject}: {check.said}")
            if check.remedy:
                echo(f"{'':<7}{check.remedy}")
        echo(PASSED if not wrong else f"{len(wrong)} of {len(checks)} failed", err=True)
    if wrong:
        raise click.exceptions.Exit(1)


async def _two(settings: Settings, revision: int, other: int | None) -> "tuple[ProjectConfig, ProjectConfig]":
    """The configurations of two revisions, the second one being that of now where it is not named. Raises Failure."""
    project = await stored_project(settings)

    async def at(number: int) -> "ProjectConfig":
        async with open_reader(settings) as reader:
            try:
                if reader is not None:
                    return await reader.revision_config(project.name, number)
            except KeyError:
                pass
        raise Failure(f"revision: the project {project.name!r} has no revision {number}", BAD_INPUT)

    return await at(revision), project.config if other is None else await at(other)


async def _history(settings: Settings, limit: int) -> "list[Revision]":
    name = (await stored_project(settings)).name
    async with open_reader(settings) as reader:
        return await reader.revisions(name, limit) if reader else []


def _with(config: "ProjectConfig", key: str, text: str) -> "ProjectConfig":
    """The configuration with one value changed. Raises Failure for an unknown key, ControlError for a bad value."""
    from pydantic import ValidationError

    from conduit_tui.control.validation import bad_input, did_you_mean
    from conduit_tui.domain.projects import ProjectConfig

    values = config.model_dump(mode="json", by_alias=True)
    known = _known_keys(config)
    if key not in known:
        near = did_you_mean(key, known) or f"; there are {', '.join(known)}"
        raise Failure(f"{key!r} is not a key of the configuration{near}", BAD_INPUT)
    place = values
    *groups, last = key.split(".")
    for group in groups:
        place = place[group]
    if isinstance(place[last], list):
        place[last] = [] if text == "none" else [word.strip() for word in text.split(",")]
    else:
        place[last] = None if text == "none" and key.startswith("costLimits.") else text
    try:
        return ProjectConfig.model_validate(values)
    except ValidationError as error:
        raise bad_input(error) from None


def _known_keys(config: "ProjectConfig") -> list[str]:
    """The keys that `config set` takes."""
    values = config.model_dump(mode="json", by_alias=True)
    return [key for key, _ in _flat({key: value for key, value in values.items() if key != "routingRules"})]


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _pairs(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    return ((key, _shown(value)) for key, value in _flat(values))


def _value(config: "ProjectConfig", key: str) -> Any:
    return dict(_flat(config.model_dump(mode="json", by_alias=True)))[key]


def _shown(value: Any) -> str:
    if value is None or value in ([], ""):
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
