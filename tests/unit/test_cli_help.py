"""What `--help` says of verbs and subcommands, at 80 columns."""

import click
import pytest

from conduit_tui.cli.main import cli

TOP = click.Context(cli, terminal_width=80)
GROUPS = [name for name in cli.list_commands(TOP) if isinstance(cli.get_command(TOP, name), click.Group)]


@pytest.mark.parametrize("name", ["", *GROUPS])
def test_no_summary_is_cut(name: str) -> None:
    group = cli.get_command(TOP, name) if name else cli
    assert group is not None
    said = group.get_help(click.Context(group, parent=TOP, terminal_width=80))
    assert not [line for line in said.splitlines()[1:] if line.endswith("...")]
