"""Which value holds: the command line's, else the environment's, else the file's, else the default."""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from conduit_tui.config.check import validate
from conduit_tui.config.errors import ConfigError, Problem
from conduit_tui.config.file import Loaded, load_whole
from conduit_tui.config.model import SETTINGS, BoxConfig
from conduit_tui.config.text import from_text
from conduit_tui.paths import StateDir


class Source(StrEnum):
    """Where a value comes from."""

    COMMAND_LINE = "command line"
    ENVIRONMENT = "environment"
    FILE = "config.toml"
    DEFAULT = "default"


class Resolved(NamedTuple):
    """The configuration that holds, and where each value of it comes from, by its dotted key."""

    config: BoxConfig
    sources: Mapping[str, Source]
    warnings: tuple[str, ...] = ()


def resolve(
    state_dir: StateDir, given: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ
) -> Resolved:
    """The configuration of a state directory; `given` are the command line's values. Raises ConfigError."""
    return overlay(load_whole(state_dir.config), given, environ)


def from_environment(environ: Mapping[str, str] = os.environ) -> BoxConfig:
    """The configuration without any file. Raises ConfigError."""
    return overlay(Loaded(BoxConfig(), {}, ""), None, environ).config


def overlay(file: Loaded, given: Mapping[str, Any] | None, environ: Mapping[str, str]) -> Resolved:
    """What holds when these command line values and this environment come on top of a file. Raises ConfigError."""
    values = {table: dict(inner) for table, inner in file.values.items()}
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for setting in SETTINGS.values():
        stands = setting.name in values.get(setting.table, {})
        source = Source.FILE if stands else Source.DEFAULT
        value: Any = None
        if given and (value := given.get(setting.key)) is not None:
            source = Source.COMMAND_LINE
        elif (text := environ.get(setting.variable)) is not None:
            source = Source.ENVIRONMENT
            try:
                value = from_text(setting, text)
            except ValueError as error:
                problems.append(Problem(str(error), setting.variable))
        if value is not None:
            values.setdefault(setting.table, {})[setting.name] = value
        sources[setting.key] = source
    if problems:
        raise ConfigError(tuple(problems))
    try:
        return Resolved(validate(values), sources, file.warnings)
    except ConfigError as error:
        raise ConfigError(tuple(_by_source(problem, sources) for problem in error.problems)) from None


def _by_source(problem: Problem, sources: Mapping[str, Source]) -> Problem:
    """The file was valid by itself, so the problem is named by what came on top of it."""
    setting = SETTINGS.get(problem.key)
    if setting is None or sources[problem.key] not in (Source.ENVIRONMENT, Source.COMMAND_LINE):
        return problem
    option = f"--{setting.name.replace('_', '-')}"
    return problem._replace(key=setting.variable if sources[problem.key] is Source.ENVIRONMENT else option)
