"""`env`: what to export so that a client comes here."""

import asyncio
import shlex
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.clients import CLIENTS, Access, Client, Setup
from conduit_tui.cli.control import all_projects, all_providers
from conduit_tui.cli.daemon_status import find_daemon
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.output import print_json
from conduit_tui.cli.settings import DEFAULT_PROJECT, Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.domain.providers import Provider

LOOPBACK = ("http://127.", "http://localhost:", "http://[::1]:")


@click.command()
@click.option("--for", "client_name", type=click.Choice(list(CLIENTS)), help="One client [the two SDKs].")
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of shell lines.")
@pass_settings
def env(settings: Settings, *, client_name: str | None, as_json: bool) -> None:
    """Print what to export so that a client comes here.

    Use it as: eval "$(conduit-tui env --for claude)"
    """
    daemon = find_daemon(settings.locate())
    if daemon and daemon.status:
        url = daemon.status["url"]
        token_always = _turns_away_without_token(url)
    else:
        click.echo("no daemon is running; `conduit-tui up` starts one", err=True)
        url = settings.url
        token_always = not url.startswith(LOOPBACK)
    url = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    clients = [CLIENTS[client_name]] if client_name else [CLIENTS["anthropic"], CLIENTS["openai"]]
    providers, projects = asyncio.run(_configured(settings))
    if settings.project and settings.project not in projects:
        raise Failure(
            f"there is no project {settings.project!r}; `conduit-tui projects add {settings.project}` makes it",
            BAD_INPUT,
        )
    setup = Setup()
    for client in clients:
        setup = setup.merged(client.setup(_access(settings, url, client, providers, token_always=token_always)))
    if as_json:
        print_json({"url": url, "env": setup.variables, "alias": setup.alias})
        return
    for name, value in setup.variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    if setup.alias:
        name, command = setup.alias
        click.echo(f"alias {name}={shlex.quote(shlex.join(command))}")
    for note in setup.notes:
        click.echo(note, err=True)


def _access(settings: Settings, url: str, client: Client, providers: "list[Provider]", *, token_always: bool) -> Access:
    """Which credential the client shows: its own, where its usual provider wants that, else the gateway token."""
    from conduit_tui.domain.providers import KeyKind

    project = settings.project or DEFAULT_PROJECT
    base = url if project == DEFAULT_PROJECT else f"{url}/p/{project}"
    usual = [_usual_provider(providers, dialect) for dialect in client.dialects]
    speaking = [provider for provider in providers if set(client.dialects) & set(provider.dialects)]
    own_credential = any(provider.key.kind is KeyKind.PASS_THROUGH for provider in usual)
    wanted = token_always or any(provider.key.stored_here for provider in speaking)
    return Access(base, _token(settings) if wanted or not own_credential else "", own_credential=own_credential)


async def _configured(settings: Settings) -> "tuple[list[Provider], set[str]]":
    return await all_providers(settings), {project.name for project in await all_projects(settings)}


def _usual_provider(providers: "list[Provider]", dialect: str) -> "Provider":
    """The provider of the models that nobody claims: a default one, else the built-in one."""
    speaking = [provider for provider in providers if dialect in provider.dialects]
    return next((p for p in speaking if p.default), next(p for p in speaking if p.builtin))


def _token(settings: Settings) -> str:
    from conduit_tui.control.token import load_or_create

    state_dir = settings.locate()
    state_dir.prepare()
    return load_or_create(state_dir)


def _turns_away_without_token(url: str) -> bool:
    """Whether the gateway wants its token from everybody, as it does when it listens beyond loopback."""
    if url.startswith("https:"):
        return True  # nobody takes that trouble for loopback, and the certificate need not name this address
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(url.removeprefix("http://"), timeout=1.0)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status == 401
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
