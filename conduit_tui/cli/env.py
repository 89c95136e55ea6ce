"""`env`: what to export so that a client comes here."""

import asyncio
import shlex
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.control import all_projects, all_providers, no_project
from conduit_tui.cli.daemon_status import find_daemon
from conduit_tui.cli.echo import echo
from conduit_tui.cli.output import print_json
from conduit_tui.cli.settings import DEFAULT_PROJECT, Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.domain.providers import Provider
    from conduit_tui.launch.agents.agent import Access, Agent

CLIENT_NAMES = ("claude", "codex", "opencode", "aider", "llm", "openai", "anthropic")


@click.command()
@click.option("--for", "client_name", type=click.Choice(CLIENT_NAMES), help="One client [the two SDKs].")
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of shell lines.")
@pass_settings
def env(settings: Settings, *, client_name: str | None, as_json: bool) -> None:
    """Print what to export so that a client comes here.

    Use it as: eval "$(conduit-tui env --for claude)"
    """
    from conduit_tui.launch.access import LOOPBACK, from_here, turns_away_without_token
    from conduit_tui.launch.agents import CLIENTS
    from conduit_tui.launch.agents.agent import Setup

    daemon = find_daemon(settings.locate())
    if daemon and daemon.status:
        url = daemon.status["url"]
        token_always = turns_away_without_token(url)
    else:
        echo("no daemon is running; `conduit-tui up` starts one", err=True)
        url = settings.url
        token_always = not url.startswith(LOOPBACK)
    url = from_here(url)
    clients = [CLIENTS[client_name]] if client_name else [CLIENTS["anthropic"], CLIENTS["openai"]]
    providers, projects = asyncio.run(_configured(settings))
    if settings.project and settings.project not in projects:
        raise no_project(settings.project)
    setup = Setup()
    for client in clients:
        setup = setup.merged(client.setup(_access(settings, url, client, providers, token_always=token_always)))
    if as_json:
        print_json({"url": url, "env": setup.variables, "alias": setup.alias})
        return
    for name, value in setup.variables.items():
        echo(f"export {name}={shlex.quote(value)}")
    if setup.alias:
        name, command = setup.alias
        echo(f"alias {name}={shlex.quote(shlex.join(command))}")
    for note in setup.notes:
        echo(note, err=True)


def _access(
    settings: Settings, url: str, client: "Agent", providers: "list[Provider]", *, token_always: bool
) -> "Access":
    from conduit_tui.launch.access import credentials_for
    from conduit_tui.launch.agents.agent import Access

    needed = credentials_for(client, providers, token_always=token_always)
    token = _token(settings) if needed.token else ""
    return Access(url, token, needed.own, project=settings.project or DEFAULT_PROJECT)


async def _configured(settings: Settings) -> "tuple[list[Provider], set[str]]":
    return await all_providers(settings), {project.name for project in await all_projects(settings)}


def _token(settings: Settings) -> str:
    from conduit_tui.control.token import load_or_create

    state_dir = settings.locate()
    state_dir.prepare()
    return load_or_create(state_dir)
