"""What a file or a copy would change, printed, and asked about where a person sits there."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit_tui.cli import echo as said
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_INPUT, Failure

if TYPE_CHECKING:
    from conduit_tui.domain.transfers import Line, Question

_COLOURS = {"+": "green", "-": "red", "~": "yellow", "!": "bright_red"}


def print_lines(lines: "Sequence[Line]") -> None:
    """One line for each thing that would be different."""
    for line in lines:
        echo(f"{line.sign} {line.text}", colour=_COLOURS.get(line.sign))


def print_questions(questions: "Sequence[Question]", option_of: dict[str, str]) -> None:
    """What does not happen unasked, and which option is the word for it."""
    for question in questions:
        option = option_of[question.id.partition(":")[0]]
        echo(f"? {question.text}", colour="bright_red")
        echo(f"  without {option}: {question.otherwise}")


def approve(questions: "Sequence[Question]", approved: set[str]) -> None:
    """Ask about what is not approved yet, one by one, where somebody can answer."""
    for question in questions:
        if question.id not in approved and _can_answer():
            echo(f"otherwise: {question.otherwise}", err=True)
            if said.confirm(question.text):
                approved.add(question.id)


def confirm(what: str, *, yes: bool) -> None:
    """Go on only if that is meant. Raises Failure where nobody can be asked."""
    if yes:
        return
    if not _can_answer():
        raise Failure("nothing was changed: say --yes to do it", BAD_INPUT)
    said.confirm(what, abort=True)


def _can_answer() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
