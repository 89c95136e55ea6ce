"""`completion`: what a shell evaluates so that the tab key completes verbs, options and names."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from conduit_tui.cli.echo import echo
from conduit_tui.cli.settings import Settings

PROGRAM = "conduit-tui"
VARIABLE = "_CONDUIT_TUI_COMPLETE"
_PLACES = {
    "bash": f'eval "$({PROGRAM} completion bash)" in ~/.bashrc',
    "zsh": f'eval "$({PROGRAM} completion zsh)" in ~/.zshrc, after compinit',
    "fish": f"{PROGRAM} completion fish > ~/.config/fish/completions/{PROGRAM}.fish",
}


@click.command(epilog="  ".join(f"{shell}: {place}." for shell, place in _PLACES.items()))
@click.argument("shell", type=click.Choice(list(_PLACES)))
def completion(shell: str) -> None:
    """Print what makes the tab key complete verbs, options and names: your shell evaluates it."""
    from conduit_tui.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None  # the choice has none but those that click knows
    echo(kind(cli, {}, PROGRAM, VARIABLE).source(), keep="\n\t")


Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completes(names: Callable[[Settings], Coroutine[Any, Any, Iterable[str]]]) -> Complete:
    """A completer of names that are read when the tab key is pressed; nothing where they cannot be read."""

    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        with suppress(Exception):  # a shell's prompt is no place for an error
            settings = context.find_root().ensure_object(Settings)
            return [CompletionItem(name) for name in asyncio.run(_read(names, settings)) if name.startswith(typed)]
        return []

    return complete


async def _read(names: Callable[[Settings], Coroutine[Any, Any, Iterable[str]]], settings: Settings) -> list[str]:
    return sorted(await names(settings))


async def project_names(settings: Settings) -> Iterable[str]:
    """The projects in use."""
    from conduit_tui.cli.control import all_projects

    return [project.name for project in await all_projects(settings)]


async def provider_names(settings: Settings) -> Iterable[str]:
    """The providers, built-in ones too."""
    from conduit_tui.cli.control import all_providers

    return [provider.name for provider in await all_providers(settings)]


async def rule_names(settings: Settings) -> Iterable[str]:
    """The rules of the project that is meant."""
    from conduit_tui.cli.config import stored_project

    return [str(rule["name"]) for rule in (await stored_project(settings)).config.routing_rules]


async def config_keys(_settings: Settings) -> Iterable[str]:
    """The keys of a project's configuration; rules are changed by verbs of their own."""
    from conduit_tui.cli.config import known_keys
    from conduit_tui.domain.projects import ProjectConfig

    return known_keys(ProjectConfig())


async def backup_names(settings: Settings) -> Iterable[str]:
    """The safety copies, and the word for the newest."""
    from conduit_tui.transfer.backups import listed

    return ["newest", *(one.name for one in listed(settings.locate().backups))]
