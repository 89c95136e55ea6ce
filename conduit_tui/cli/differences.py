"""What a file or a copy would change, printed, and asked about where a person sits there."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.errors import BAD_INPUT, Failure

if TYPE_CHECKING:
    from conduit_tui.domain.transfers import Line, Question

_COLOURS = {"+": "green", "-": "red", "~": "yellow", "!": "bright_red"}


def print_lines(lines: "Sequence[Line]") -> None:
    """One line for each thing that would be different."""
    from conduit_tui.observe.printable import printable

    for line in lines:
        click.secho(f"{line.sign} {printable(line.text)}", fg=_COLOURS.get(line.sign))


def print_questions(questions: "Sequence[Question]", option_of: dict[str, str]) -> None:
    """What does not happen unasked, and which option is the word for it."""
    from conduit_tui.observe.printable import printable

    for question in questions:
        option = option_of[question.id.partition(":")[0]]
        click.secho(f"? {printable(question.text)}", fg="bright_red")
        click.echo(f"  without {option}: {question.otherwise}")


def approve(questions: "Sequence[Question]", approved: set[str]) -> None:
    """Ask about what is not approved yet, one by one, where somebody can answer."""
    from conduit_tui.observe.printable import printable

    for question in questions:
        if question.id not in approved and _can_answer():
            click.echo(f"otherwise: {question.otherwise}", err=True)
            if click.confirm(printable(question.text), default=False, err=True):
                approved.add(question.id)


def confirm(what: str, *, yes: bool) -> None:
    """Go on only if that is meant. Raises Failure where nobody can be asked."""
    if yes:
        return
    if not _can_answer():
        raise Failure("nothing was changed: say --yes to do it", BAD_INPUT)
    click.confirm(what, abort=True, err=True)


def _can_answer() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
