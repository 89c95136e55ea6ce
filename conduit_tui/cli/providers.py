"""`providers`: where requests go, in which dialects, with whose key."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conduit_tui.cli.control import all_providers, change
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import Failure
from conduit_tui.cli.names import completes, provider_names
from conduit_tui.cli.options import Decorator, together
from conduit_tui.cli.output import print_json, print_table
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.control.plane import ControlPlane, ProviderTest
    from conduit_tui.domain.providers import Provider

MOST_READ = 16_384  # characters of a key from stdin
DIALECTS = {
    "anthropic": ("anthropic",),
    "openai-chat": ("openai-chat",),
    "openai-responses": ("openai-responses",),
    "openai": ("openai-chat", "openai-responses"),
}


@click.group()
def providers() -> None:
    """List and change where requests go."""


@providers.command("list")
@click.option("--json", "as_json", is_flag=True, help="Every field as JSON.")
@pass_settings
def list_providers(settings: Settings, *, as_json: bool) -> None:
    """List the providers, the built-in ones last."""
    known = asyncio.run(all_providers(settings))
    if as_json:
        print_json([provider.model_dump(mode="json") for provider in known])
        return
    rows = [
        [
            provider.name,
            provider.base_url,
            ",".join(provider.dialects),
            _key(provider),
            ",".join(provider.models) or "-",
            "built-in" if provider.builtin else "default" if provider.default else "",
        ]
        for provider in known
    ]
    print_table(("name", "base url", "dialects", "key", "models", ""), rows)


def _fields(*, required: bool) -> Decorator:
    options = [
        click.option("--base-url", metavar="URL", required=required, help="Where it is; a path's /vN replaces /v1."),
        click.option(
            "--dialect", "dialect_names", type=click.Choice(list(DIALECTS)), multiple=True, required=required,
            help="What it speaks; openai means both of OpenAI's. May be repeated.",
        ),
        click.option("--key-env", metavar="VAR", help="The gateway's environment variable that holds the key."),
        click.option("--key-file", metavar="FILE", help="A private file (mode 600) that holds the key."),
        click.option("--pass-through", is_flag=True, help="The client's own credential goes there (the default)."),
        click.option("--no-key", is_flag=True, help="The provider wants no key."),
        click.option("--models", metavar="GLOB,...", help="The models it serves, as shell patterns."),
        click.option(
            "--default/--no-default", default=None, help="Serves its dialects' models that no other provider claims."
        ),
    ]  # fmt: skip
    return together(options)


@providers.command()
@click.argument("name")
@_fields(required=True)
@pass_settings
def add(settings: Settings, /, *, name: str, **options: Any) -> None:
    """Add a provider."""
    provider = _provider({"name": name, **_given(**options)})
    change(settings, lambda control: control.add_provider(provider))
    _say_done("added", provider)


@providers.command()
@click.argument("name", shell_complete=completes(provider_names))
@_fields(required=False)
@pass_settings
def edit(settings: Settings, /, *, name: str, **options: Any) -> None:
    """Change a provider; what is not named stays as it is."""
    given = _given(**options)
    if not given:
        raise click.UsageError("nothing to change: name at least one option")

    async def act(control: "ControlPlane") -> "Provider":
        known = {provider.name: provider for provider in await control.providers()}
        if name not in known:
            raise Failure(f"there is no provider {name!r}; there are {', '.join(known)}", 2)
        provider = _provider({**known[name].model_dump(exclude={"builtin"}), **given})
        await control.edit_provider(name, provider)
        return provider

    _say_done("changed", change(settings, act))


@providers.command()
@click.argument("name", shell_complete=completes(provider_names))
@pass_settings
def rm(settings: Settings, *, name: str) -> None:
    """Remove a provider. What it served stays in the log."""
    change(settings, lambda control: control.remove_provider(name))
    echo(f"removed provider {name}", err=True)


@providers.command("test")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completes(provider_names))
@click.option("--json", "as_json", is_flag=True, help="The results as JSON.")
@pass_settings
def test_providers(settings: Settings, *, names: tuple[str, ...], as_json: bool) -> None:
    """Ask providers for their models. All of them, if none is named, with the keys they will be used with."""

    async def act(control: "ControlPlane") -> "list[tuple[str, ProviderTest]]":
        chosen = names or tuple(provider.name for provider in await control.providers())
        return list(zip(chosen, await asyncio.gather(*map(control.test_provider, chosen)), strict=True))

    results = change(settings, act)
    if as_json:
        print_json([{"name": name, **result._asdict()} for name, result in results])
    else:
        rows = [[name, "ok" if r.ok else "failed", f"{r.took_ms:,.0f}", r.detail] for name, r in results]
        print_table(("name", "result", "ms", "detail"), rows, right=(2,))
    if not all(result.ok for _, result in results):
        raise click.exceptions.Exit(1)


@providers.command("key")
@click.argument("name", shell_complete=completes(provider_names))
@pass_settings
def set_key(settings: Settings, *, name: str) -> None:
    """Give a provider a new key. It is typed unseen or read from stdin, kept in a private file and never shown."""
    key = click.prompt("Key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read(MOST_READ)

    async def act(control: "ControlPlane") -> None:
        known = {provider.name: provider for provider in await control.providers()}
        if name not in known:
            raise Failure(f"there is no provider {name!r}; there are {', '.join(known)}", 2)
        if not key.strip():
            raise Failure("key: the key is empty", 2)
        await control.edit_provider(name, known[name], key)

    change(settings, act)
    echo(f"provider {name} has a new key; `conduit-tui providers test {name}` tries it", err=True)


def _given(
    *,
    base_url: str | None,
    dialect_names: tuple[str, ...],
    key_env: str | None,
    key_file: str | None,
    pass_through: bool,
    no_key: bool,
    models: str | None,
    default: bool | None,
) -> dict[str, Any]:
    """The provider's fields that the options name."""
    keys = []
    if key_env is not None:
        keys.append({"kind": "env", "reference": key_env})
    if key_file is not None:
        keys.append({"kind": "file", "reference": str(Path(key_file).expanduser().absolute())})
    if pass_through:
        keys.append({"kind": "pass-through"})
    if no_key:
        keys.append({"kind": "none"})
    if len(keys) > 1:
        raise click.UsageError("--key-env, --key-file, --pass-through and --no-key exclude each other")
    fields: dict[str, Any] = {}
    if base_url is not None:
        fields["base_url"] = base_url
    if dialect_names:
        fields["dialects"] = tuple(dict.fromkeys(dialect for name in dialect_names for dialect in DIALECTS[name]))
    if keys:
        fields["key"] = keys[0]
    if models is not None:
        fields["models"] = tuple(pattern for part in models.split(",") if (pattern := part.strip()))
    if default is not None:
        fields["default"] = default
    return fields


def _provider(fields: dict[str, Any]) -> "Provider":
    from pydantic import ValidationError

    from conduit_tui.control.validation import bad_input
    from conduit_tui.domain.providers import Provider

    try:
        return Provider.model_validate(fields)
    except ValidationError as error:
        raise bad_input(error) from None


def _key(provider: "Provider") -> str:
    kind, reference = provider.key.kind.value, provider.key.reference
    return f"{kind} {reference}" if reference else kind


def _say_done(what: str, provider: "Provider") -> None:
    echo(f"{what} provider {provider.name}", err=True)
    if provider.key.kind == "pass-through":
        echo(f"clients' own credentials go to {provider.origin}", err=True)
    elif provider.key.kind == "env":
        echo(f"the gateway reads {provider.key.reference} from the environment it was started in", err=True)
