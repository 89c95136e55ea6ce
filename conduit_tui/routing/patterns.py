"""Regular expressions of rules: RE2, which takes no exponential time on any text.

RE2 keeps to linear time, but the factor grows with the pattern: an automaton that does not fit into its memory is
walked state by state, thousands of instructions for each byte. So a pattern's program is bounded, and a long text is
searched in parts that grow; what would take too long is given up and answered with UNKNOWN.
"""

import time
from functools import lru_cache
from typing import Any

from conduit_tui.routing.facts import UNKNOWN, Unknown

LONGEST_PATTERN = 1_000  # characters
LARGEST_PROGRAM = 4_000  # RE2 instructions; ten words in upper and lower case are about 150
MEMORY_BYTES = 2 * 1024 * 1024  # what one pattern may use for its automata
FIRST_PART = 2_048  # bytes that are searched before the time is looked at
GROWTH = 4
SECONDS = 0.06  # of processor time for one text; the next part is searched only if it should end within


class PatternError(ValueError):
    """Why a pattern cannot be used, in words for the person who wrote it."""


class Pattern:
    """A compiled pattern. `cost` is the number of instructions that a byte of text may take."""

    __slots__ = ("_search", "cost", "text")

    def __init__(self, text: str) -> None:
        """Raises PatternError."""
        self.text = text
        compiled = _compile(text)
        self._search = compiled.search
        self.cost: int = compiled.programsize

    def search(self, text: bytes, *, cut: bool = False) -> bool | Unknown:
        """Whether the pattern is found anywhere in the text.

        UNKNOWN if that would take too long, and, in a text that was cut, if it is not found before its end.
        """
        length = len(text)
        part = FIRST_PART
        began = time.thread_time()
        while part < length:
            found = self._search(text, 0, part)
            if found is not None and found.end() < part:  # at the end of a part, `$` and `\b` say too much
                return True
            if (time.thread_time() - began) * GROWTH > SECONDS:
                return UNKNOWN
            part *= GROWTH
        found = self._search(text)
        if not cut:
            return found is not None
        return True if found is not None and found.end() < length else UNKNOWN


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern:
    """The pattern, ready for use. Raises PatternError with the reason if it is refused."""
    return Pattern(pattern)


def _compile(pattern: str) -> Any:
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"the pattern is longer than {LONGEST_PATTERN:,} characters")
    try:
        import re2
    except ImportError:
        raise PatternError("`matches` needs google-re2, which is not installed") from None
    options = re2.Options()
    options.log_errors = False  # else RE2 writes to the terminal
    options.never_capture = True
    options.max_mem = MEMORY_BYTES
    try:
        regexp = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "no reason given"
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(f"RE2 refuses the pattern: {text}") from None
    except UnicodeEncodeError:
        raise PatternError("the pattern is not valid text") from None
    if regexp.programsize > LARGEST_PROGRAM:
        raise PatternError(f"the pattern is too large: {regexp.programsize:,} steps, at most {LARGEST_PROGRAM:,}")
    return regexp
