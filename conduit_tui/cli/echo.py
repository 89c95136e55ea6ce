"""The one door to stdout and stderr: nothing that is said here can steer the terminal that it is said on."""

import click

from conduit_tui.observe.printable import printable


def echo(text: str = "", *, err: bool = False, nl: bool = True, keep: str = "", colour: str | None = None) -> None:
    """Print a line, its controlling characters written out except those in `keep`; `keep="\\n"` for text of lines."""
    text = printable(text, keep)
    click.echo(click.style(text, fg=colour) if colour else text, err=err, nl=nl)


def confirm(question: str, *, abort: bool = False) -> bool:
    """Ask on stderr for a yes or no, no being what Enter says. With `abort` a no ends the verb."""
    return click.confirm(printable(question), default=False, abort=abort, err=True)
