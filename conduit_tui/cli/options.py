"""Options that several verbs have."""

from collections.abc import Callable, Sequence
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(options: Sequence[Decorator]) -> Decorator:
    """Several options as one decorator; help shows them in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


unsaved_rules = click.option(
    "--rules",
    "file",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="Rules that are not saved yet, as JSON; - reads stdin [the project's own].",
)
