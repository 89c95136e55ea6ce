"""What stands under a condition that is being written: the error at its place, and how many requests it meets."""

from conduit_tui.tui.ink import Ink, Line, spread
from conduit_tui.tui.widgets.fields import LABEL


def fine(counted: str, width: int) -> list[Line]:
    """There is nothing wrong with it."""
    return [(), spread((), ((f"{counted} ", Ink.MUTED),), width)]


def wrong(message: str, column: int | None, counted: str, width: int, *, goes_on: bool) -> list[Line]:
    """What is wrong, with a pointer at `column` where the text has it.

    While the writing `goes_on`, because something is offered, what is missing yet is no mistake.
    """
    ink = Ink.MUTED if goes_on else Ink.BAD
    pointer: Line = () if column is None else ((" " * min(column, width - 1) + "▲", ink),)
    said: Line = ((" " * (LABEL + 1), Ink.TEXT), (message, ink))
    return [pointer, spread(said, ((f"{counted} ", Ink.MUTED),), width)]
