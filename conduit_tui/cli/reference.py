"""The pages of docs/ that the program writes itself: `python -m conduit_tui.cli.reference docs` renews them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from conduit_tui.cli.main import cli

_RENEWED = "*Written from the program; `python -m conduit_tui.cli.reference docs` renews it.*"

_OPENING = f"""\
# Command line

{_RENEWED}

`conduit-tui` alone opens the control centre; the verbs are for scripts and for people without a screen. What a verb
prints on stdout is data, what it prints on stderr is talk.

| exit code | means |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | bad input |
| 75 | refused by a limit |
| 78 | bad configuration |
| 130 | interrupted |
"""


def command_line_reference() -> str:
    """The page of all verbs."""
    root = click.Context(cli, info_name="conduit-tui")
    lines = [_OPENING, "## Global options", "", "They may stand before or after the verb.", "", *_options(cli, root)]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is not None:
            lines += _section(command, click.Context(command, root, info_name=name))
    return "\n".join(lines).rstrip() + "\n"


def _section(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from ("", f"## {context.info_name}", "")
    yield from _body(command, context)
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            inner = click.Context(child, context, info_name=name)
            yield from ("", f"### {context.info_name} {name}", "")
            yield from _body(child, inner)


def _body(command: click.Command, context: click.Context) -> Iterator[str]:
    yield from (" ".join(paragraph.split()) + "\n" for paragraph in (command.help or "").split("\n\n"))
    if not isinstance(command, click.Group) or command.invoke_without_command:
        pieces = " ".join(command.collect_usage_pieces(context))
        yield f"    {context.command_path} {pieces}"
        options = list(_options(command, context))
        if options:
            yield ""
            yield from options


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    shown = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if not shown:
        return
    yield "| option | does |"
    yield "|---|---|"
    for option in shown:
        yield f"| {_names(option, context)} | {_meaning(option)} |".replace("<", "&lt;")


def _names(option: click.Option, context: click.Context) -> str:
    names = ", ".join(option.opts) + "".join(f" / {name}" for name in option.secondary_opts)
    if option.is_flag:
        return f"`{names}`"
    value = " or ".join(option.type.choices) if isinstance(option.type, click.Choice) else option.make_metavar(context)
    return f"`{names} {value}`"


def _meaning(option: click.Option) -> str:
    default = f" Default: `{option.default}`." if option.show_default and option.default is not None else ""
    return f"{option.help or ''}{' Required.' if option.required else ''}{default}"


def keys_reference() -> str:
    """The page of the control centre's keys."""
    from conduit_tui.cli.keys_page import keys_page

    return keys_page(_RENEWED)


def settings_reference() -> str:
    """The page of config.toml."""
    from conduit_tui.cli.settings_page import settings_page

    return settings_page(_RENEWED)


def fields_reference() -> str:
    """The page of what rules and the filter may ask."""
    from conduit_tui.cli.fields_page import fields_page

    return fields_page(_RENEWED)


def metrics_reference() -> str:
    """The page of the figures for Prometheus."""
    from conduit_tui.cli.metrics_page import metrics_page

    return metrics_page(_RENEWED)


PAGES: dict[str, Callable[[], str]] = {
    "command-line.md": command_line_reference,
    "keys.md": keys_reference,
    "settings.md": settings_reference,
    "fields.md": fields_reference,
    "metrics.md": metrics_reference,
}


if __name__ == "__main__":
    for _name, _page in PAGES.items():
        Path(sys.argv[1], _name).write_text(_page(), encoding="utf-8")
