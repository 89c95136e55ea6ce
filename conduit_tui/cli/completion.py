"""`completion`: what a shell evaluates so that the tab key completes verbs, options and names."""

import click
from click.shell_completion import get_completion_class

from conduit_tui.cli.echo import echo

PROGRAM = "conduit-tui"
VARIABLE = "_CONDUIT_TUI_COMPLETE"
_PLACES = {
    "bash": f'eval "$({PROGRAM} completion bash)" in ~/.bashrc',
    "zsh": f'eval "$({PROGRAM} completion zsh)" in ~/.zshrc, after compinit',
    "fish": f"{PROGRAM} completion fish > ~/.config/fish/completions/{PROGRAM}.fish",
}


@click.command(epilog="  ".join(f"{shell}: {place}." for shell, place in _PLACES.items()))
@click.argument("shell", type=click.Choice(list(_PLACES)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes the tab key complete verbs, options and names: your shell evaluates it."""
    kind = get_completion_class(shell)
    assert kind is not None  # the choice has none but those that click knows
    echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source(), keep="\n\t")
