"""`config check`, `config schema`, `config init`: the file of the machine's settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_CONFIGURATION, Failure
from conduit_tui.cli.output import print_json
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.config.errors import Problem
    from conduit_tui.config.file import Loaded


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="The problems, or the configuration that holds, as JSON.")
@pass_settings
def check(settings: Settings, *, file: Path | None, as_json: bool) -> None:
    """Check config.toml, or another FILE.

    Every mistake is told with its line and the nearest key that there is.

    Without FILE the environment and the themes of one's own are checked too. Exit code 78 when something is wrong.
    """
    from conduit_tui.config.errors import ConfigError

    path = file or settings.locate().config
    if file is not None and not file.exists():
        raise click.UsageError(f"there is no file {file}")
    try:
        found = _found(settings, path, alone=file is not None)
    except ConfigError as error:
        found = _Found(error.problems, (), {})
    if as_json:
        print_json(_as_json(path, found))
    else:
        for problem in found.problems:
            echo(problem.text(path if problem.line or not problem.key else None), err=True)
        for warning in found.warnings:
            echo(f"warning: {warning}", err=True)
        if not found.problems:
            what = f"{path} is good" if path.exists() else f"there is no {path}; the defaults hold"
            echo(what, err=True)
    if found.problems:
        raise click.exceptions.Exit(BAD_CONFIGURATION)


@click.command()
def schema() -> None:
    """Print the JSON Schema of config.toml. Editors complete and check with it."""
    from conduit_tui.config.schema import json_schema
    from conduit_tui.tui.keymap import BY_ID

    print_json(json_schema({name: action.help for name, action in BY_ID.items()}))


@click.command()
@pass_settings
def init(settings: Settings) -> None:
    """Write a config.toml with every key, commented out. Each has its default."""
    from conduit_tui.config.disk import write
    from conduit_tui.config.schema import starter

    state_dir = settings.locate()
    state_dir.prepare()
    if state_dir.config.is_symlink() or state_dir.config.exists():
        raise Failure(f"there is {state_dir.config} already; `conduit-tui config check` checks it")
    write(state_dir.config, starter())
    echo(str(state_dir.config))


class _Found:
    """What a check has found; `config` is what holds, by dotted key, where nothing is wrong."""

    def __init__(self, problems: "tuple[Problem, ...]", warnings: tuple[str, ...], config: dict[str, Any]) -> None:
        self.problems = problems
        self.warnings = warnings
        self.config = config


def _found(settings: Settings, path: Path, *, alone: bool) -> _Found:
    """Everything there is to say of a file. Raises ConfigError."""
    from conduit_tui.config.check import in_order
    from conduit_tui.config.file import load_whole
    from conduit_tui.config.model import SETTINGS
    from conduit_tui.config.precedence import overlay
    from conduit_tui.config.text import to_text

    loaded = load_whole(path, follow=alone)
    resolved = overlay(loaded, None, {}) if alone else settings.resolve()
    problems, warnings = _of_screens(settings, loaded)
    values = {
        key: {
            "value": to_text(setting.value(resolved.config)),
            "source": resolved.sources[key].value,
            "effect": setting.effect.value,
        }
        for key, setting in SETTINGS.items()
    }
    return _Found(tuple(in_order(problems)), (*resolved.warnings, *warnings), values)


def _of_screens(settings: Settings, loaded: "Loaded") -> "tuple[list[Problem], list[str]]":
    """Keys and themes, which the configuration by itself does not know."""
    from conduit_tui.config.errors import Problem
    from conduit_tui.config.place import located
    from conduit_tui.domain.nearest import nearest
    from conduit_tui.tui import keymap, user_themes

    text = loaded.text
    problems = [located(f"keys.{name}", message, text) for name, message in keymap.problems(loaded.config.keys).items()]
    own = user_themes.load_all(settings.locate().themes)
    # begun by the place in the theme's own file
    problems += [Problem(said, place) for place, _, said in (each.partition(": ") for each in own.problems)]
    themes = ["auto", *user_themes.BUILT_IN, *own.themes]
    theme = loaded.config.screen.theme
    if theme not in themes:
        near = nearest(theme, themes)
        problems.append(located("screen.theme", f"there is no theme {theme!r}", text, near))
    warnings = [
        f"theme {name}: {message}" for name, colors in own.themes.items()
        for message in user_themes.hard_to_read(colors)
    ]  # fmt: skip
    return problems, warnings


def _as_json(path: Path, found: _Found) -> dict[str, Any]:
    return {
        "file": str(path),
        "ok": not found.problems,
        "problems": [
            {
                "line": problem.line or None,
                "column": problem.column or None,
                "key": problem.key,
                "message": problem.message,
                "nearest": problem.nearest or None,
            }
            for problem in found.problems
        ],
        "warnings": list(found.warnings),
        "config": found.config,
    }
