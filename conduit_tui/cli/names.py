"""The names that the tab key offers: they are read when it is pressed."""

from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem

from conduit_tui.cli.settings import Settings

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completes(names: Callable[[Settings], Coroutine[Any, Any, Iterable[str]]]) -> Complete:
    """A completer of names that are read when the tab key is pressed; nothing where they cannot be read."""

    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        import asyncio

        with suppress(Exception):  # a shell's prompt is no place for an error
            settings = context.find_root().ensure_object(Settings)
            return [CompletionItem(name) for name in sorted(asyncio.run(names(settings))) if name.startswith(typed)]
        return []

    return complete


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
    from conduit_tui.cli.control import stored_project

    return [str(rule["name"]) for rule in (await stored_project(settings)).config.routing_rules]


async def backup_names(settings: Settings) -> Iterable[str]:
    """The safety copies, and the word for the newest."""
    from conduit_tui.transfer.backups import listed

    return ["newest", *(one.name for one in listed(settings.locate().backups))]
