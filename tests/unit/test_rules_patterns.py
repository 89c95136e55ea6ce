"""Patterns of rules: what RE2 does with them, what is refused, and how long the worst of them take."""

import random
import subprocess
import sys
import time
from functools import lru_cache

import pytest

from conduit_tui.routing.facts import UNKNOWN
from conduit_tui.routing.patterns import FIRST_PART, LARGEST_PROGRAM, Pattern, PatternError, compiled

LIMIT_SECONDS = 0.1
TEXT_BYTES = 1_000_000


@lru_cache
def text_of(alphabet: str) -> bytes:
    draw = random.Random(alphabet)
    return "".join(draw.choices(alphabet, k=TEXT_BYTES)).encode()[:TEXT_BYTES]


def hostile() -> list[tuple[str, str]]:
    """Patterns with the alphabets of the texts that are worst for them."""
    found = []
    for inner in ("a+", "a*", "a|aa", "a|a?", "[ab]+", ".*", "(?:ab?)+", "a+b*", "a|b|ab"):  # what backtracking dies of
        for outer in ("({0})+$", "({0})*c", "^({0})+$", "(({0})+)+!", "({0}){{20}}c", "({0}){{3,30}}!"):
            found += [(outer.format(inner), "a"), (outer.format(inner), "ab")]
    for count in (5, 10, 15, 20, 50, 100, 200, 500, 1000):  # what blows up a deterministic automaton
        for shape in (
            "(?:a|b)*a(?:a|b){{{0}}}c",
            "[ab]{{{0}}}c",
            "a.{{{0}}}c",
            "(a?){{{0}}}a{{{0}}}c",
            ".*a.{{0,{0}}}c",
        ):
            found += [(shape.format(count), "ab"), (shape.format(count), "a")]
    for count in (10, 30, 100):
        for shape in (r"(?:.{{0,{0}}}a){{9}}c", r"(?:[ab]{{0,{0}}}){{{0}}}c", r"(?i)(?:\w{{1,{0}}}\s?){{5}}!"):
            found += [(shape.format(count), "ab"), (shape.format(count), "ab ")]
    return [*found, (r"\pL*a\pL{50}c", "aäb"), (r"(?:\p{L}+\s+)+\d{9}$", "aä ")]


HOSTILE = hostile()


def usable(pattern: str) -> Pattern | None:
    try:
        return Pattern(pattern)
    except PatternError:
        return None


def test_there_are_enough_of_them_that_are_not_refused() -> None:
    assert len({(pattern, alphabet) for pattern, alphabet in HOSTILE if usable(pattern)}) >= 200


@pytest.mark.fault
@pytest.mark.parametrize("start", range(0, len(HOSTILE), 10))
def test_hostile_patterns_answer_in_time_or_are_refused(start: int) -> None:
    """X7. Processor time of this thread, so that a busy machine does not fail the test."""
    for pattern, alphabet in HOSTILE[start : start + 10]:
        ready = usable(pattern)
        if ready is not None:
            text = text_of(alphabet)
            began = time.thread_time()
            ready.search(text)
            assert time.thread_time() - began < LIMIT_SECONDS, (pattern, alphabet)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("(?i)ANALY[SZ]E", "please analyse", True),
        ("c$", "abc", True),
        (r"\bword\b", "a word here", True),
        ("ä", "Käse", True),
        (".", "", False),
        ("", "", True),
    ],
)
def test_matching_is_searching(pattern: str, text: str, found: bool) -> None:
    assert Pattern(pattern).search(text.encode()) is found


@pytest.mark.parametrize("length", [FIRST_PART - 1, FIRST_PART, FIRST_PART + 1, 10 * FIRST_PART, 300_000])
def test_a_long_text_is_searched_to_its_end_and_anchors_hold_only_there(length: int) -> None:
    text = b"x" * length
    assert Pattern("y$").search(text + b"y") is True
    assert Pattern("y$").search(text + b"y" + text) is False
    assert Pattern("x$").search(text + b"y" * length) is False
    assert Pattern(r"x\b").search(text + b"z") is False
    assert Pattern(r"^x+y").search(text + b"y" + text) is True
    assert Pattern("xx").search(text) is True


def test_what_would_take_too_long_is_unknown_not_false() -> None:
    assert Pattern("(?:a|b)*a(?:a|b){1000}c").search(text_of("ab")) is UNKNOWN


def test_a_cut_text_is_unknown_where_its_end_matters() -> None:
    assert Pattern("b").search(b"abc", cut=True) is True
    assert Pattern("c$").search(b"abc", cut=True) is UNKNOWN
    assert Pattern("d").search(b"abc", cut=True) is UNKNOWN


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a" * 1001, "the pattern is longer than 1,000 characters"),
        ("(a", "RE2 refuses the pattern: missing ): (a"),
        (r"(a)\1", r"RE2 refuses the pattern: invalid escape sequence: \1"),
        ("(?<=a)b", "RE2 refuses the pattern: invalid perl operator: (?<="),
        ("a{1001}", "RE2 refuses the pattern: invalid repetition size: {1001}"),
        ("(?:.{0,100}a){9}c", f"the pattern is too large: 8,114 steps, at most {LARGEST_PROGRAM:,}"),
        ("\ud800", "the pattern is not valid text"),
    ],
)
def test_what_is_refused_and_why(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError) as caught:
        compiled(pattern)
    assert str(caught.value) == reason


def test_a_refused_pattern_writes_nothing_to_the_terminal() -> None:
    code = "from conduit_tui.routing.conditions import *; print(fault_of_value('message', 'matches', '(a').message)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "RE2 refuses the pattern: missing ): (a\n"
    assert done.stderr == ""


def test_without_the_library_the_reason_is_told() -> None:
    code = """
import sys
sys.modules["re2"] = None
from conduit_tui.routing.expression import ExpressionError, parse
try:
    parse('message matches "a"')
except ExpressionError as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout == "`matches` needs google-re2, which is not installed\n"
