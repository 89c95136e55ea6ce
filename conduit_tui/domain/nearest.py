"""The nearest word that there is, for those who mistyped one."""

from collections.abc import Iterable


def nearest(value: str, choices: Iterable[str], likeness: float = 0.5) -> str:
    """The choice that is most like the value, from `likeness` (0 to 1) up; empty when none is."""
    import difflib  # needed only when something is wrong

    return next(iter(difflib.get_close_matches(value.lower(), choices, n=1, cutoff=likeness)), "")


def did_you_mean(value: str, choices: Iterable[str], likeness: float = 0.5) -> str:
    """`; did you mean 'x'?`, or nothing when no choice is near."""
    close = nearest(value, choices, likeness)
    return f"; did you mean {close!r}?" if close else ""
