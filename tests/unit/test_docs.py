"""What the documents say is what the program does."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from conduit_tui import __version__
from conduit_tui.cli.main import VERBS, cli
from conduit_tui.cli.reference import PAGES
from conduit_tui.launch.agents import CLIENTS
from tests import pictures

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_written_from_the_program_is_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == PAGES[name](), "run: python -m conduit_tui.cli.reference docs"


@pytest.mark.parametrize("name", list(VERBS))
def test_the_line_in_help_is_the_commands_own(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert (command.help or "").startswith(VERBS[name].help.rstrip("."))


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


WRITTEN_BY_HAND = ("README.md", "docs/operating.md", "docs/from-litellm.md", "docs/security.md", "docs/files.md")


def commands(page: str) -> Iterator[list[str]]:
    """The words of every line in a page's shell examples that calls the program."""
    for block in re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words and words[0].endswith("conduit-tui"):
                yield words[1 : words.index(">") if ">" in words else None]


@pytest.mark.parametrize("page", WRITTEN_BY_HAND)
def test_every_example_is_a_command_line_that_the_program_takes(page: str) -> None:
    for words in commands(page):
        command: click.Command = cli
        context = cli.make_context("conduit-tui", list(words))
        while isinstance(command, click.Group) and (rest := [*context._protected_args, *context.args]):
            name, found, arguments = command.resolve_command(context, rest)
            assert found is not None
            assert name is not None
            command, context = found, found.make_context(name, arguments, parent=context)
        assert not (isinstance(command, click.Group) and not command.invoke_without_command), words


@pytest.mark.parametrize("test", re.findall(r"`([a-z/]+/test_\w+\.py)", (ROOT / "docs/security.md").read_text()))
def test_the_tests_that_the_threat_model_names_exist(test: str) -> None:
    assert (ROOT / "tests" / test).exists()


def test_every_threat_of_the_model_is_held_by_a_test() -> None:
    rows = re.findall(r"^\| X(\d+) \|(.*)$", (ROOT / "docs/security.md").read_text(), re.MULTILINE)
    assert {int(number) for number, _ in rows} >= set(range(1, 16)) - {6}
    for number, held in rows:
        named = re.findall(r"`(?:([a-z/]+/test_\w+\.py))?(?:::(test_\w+))?`", held)
        assert named, f"X{number} names no test"
        file = ""
        for path, function in named:
            file = path or file
            if function:
                assert f"def {function}(" in (ROOT / "tests" / file).read_text(), f"X{number}: {file} has no {function}"


def test_every_command_that_the_documents_name_exists() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for verb in re.findall(r"conduit-tui ((?:[a-z]+)(?= |`|\n|\"|\)))", page.read_text()):
            assert verb in VERBS, f"{page.name} names the verb {verb!r}"


@pytest.mark.parametrize("name", list(pictures.PICTURES))
def test_a_picture_is_the_screen_as_it_is_now(name: str) -> None:
    snapshot = (pictures.SNAPSHOTS / pictures.PICTURES[name]).read_bytes()
    assert (pictures.FOLDER / name).read_bytes() == snapshot, "run: python -m tests.pictures"


def test_every_picture_is_shown_and_no_other_lies_there() -> None:
    readme = (ROOT / "README.md").read_text()
    assert {path.name for path in pictures.FOLDER.iterdir()} == set(pictures.PICTURES)
    assert [name for name in pictures.PICTURES if f"(docs/pictures/{name})" not in readme] == []


def test_the_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 220


def test_the_readme_shows_every_client_that_env_knows() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in CLIENTS if f"--for {name}" not in readme] == []


def test_the_changelog_begins_with_this_version() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__
