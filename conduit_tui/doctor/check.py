"""One line of the doctor's findings."""

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"  # it works, with a risk or a limit that is named
    FAIL = "fail"  # something will not work


class Check(NamedTuple):
    """What was looked at, what was found, and what to do about it where something is to be done."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(subject: str, found: str) -> Check:
    return Check(subject, Verdict.OK, found)


def warn(subject: str, found: str, advice: str) -> Check:
    return Check(subject, Verdict.WARN, found, advice)


def fail(subject: str, found: str, advice: str) -> Check:
    return Check(subject, Verdict.FAIL, found, advice)
