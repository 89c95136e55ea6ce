"""What `--help` says of verbs and subcommands, at 80 columns."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from conduit_tui.cli.main import cli

TOP = click.Context(cli, terminal_width=80)
GROUPS = [name for name in cli.list_commands(TOP) if isinstance(cli.get_command(TOP, name), click.Group)]


@pytest.mark.parametrize("name", ["", *GROUPS])
def test_no_summary_is_cut(name: str) -> None:
    group = cli.get_command(TOP, name) if name else cli
    assert group is not None
    said = group.get_help(click.Context(group, parent=TOP, terminal_width=80))
    assert not [line for line in said.splitlines()[1:] if line.endswith("...")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ruls list", "No such command 'ruls'. Did you mean 'rules'?"),
        ("rules ad", "No such command 'ad'. Did you mean 'add'?"),
        ("xyzzy", "No such command 'xyzzy'."),
    ],
)
def test_a_verb_that_is_mistyped_names_the_nearest_one(typed: str, said: str) -> None:
    result = CliRunner().invoke(cli, typed.split())
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == f"Error: {said}"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("prices set m --input -1 --output 2", "--input: a rate cannot be negative"),
        ("export /nowhere/a.json", "there is no folder /nowhere"),
        ("export --rules /nowhere/a.json", "there is no folder /nowhere"),
        ("usage --project nobody", "there is no project 'nobody'"),
    ],
)
def test_bad_input_is_told_in_the_words_of_who_typed_it(typed: str, said: str, tmp_path: Path) -> None:
    runner = CliRunner(env={"CONDUIT_STATE_DIR": str(tmp_path)})
    assert runner.invoke(cli, ["projects", "add", "shop"]).exit_code == 0
    result = runner.invoke(cli, typed.split())
    assert (result.exit_code, result.stderr) == (2, f"conduit-tui: {said}\n")
    assert runner.invoke(cli, ["usage", "--project", "shop"]).exit_code == 0
