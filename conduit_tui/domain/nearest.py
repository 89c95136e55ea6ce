"""The nearest word that there is, for those who mistyped one."""

from collections.abc import Iterable


def nearest(value: str, choices: Iterable[str]) -> str:
    """The choice that is most like the value; empty when none is near."""
    import difflib  # needed only when something is wrong

    return next(iter(difflib.get_close_matches(value.lower(), choices, n=1, cutoff=0.5)), "")


def did_you_mean(value: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing when no choice is near."""
    close = nearest(value, choices)
    return f"; did you mean {close!r}?" if close else ""
