"""Texts of exchanges, kept apart from what is counted and for a shorter time."""

from enum import StrEnum
from typing import NamedTuple

PREVIEW_CHARACTERS = 2_000


class CaptureKind(StrEnum):
    """Which text of an exchange."""

    MESSAGE = "message"  # the fact `message`: what the user said last
    REQUEST = "request"  # the whole body
    ANSWER = "answer"


class Capture(NamedTuple):
    """A text of an exchange. `cut`: more was said than is kept. `created_at` is the exchange's, in milliseconds."""

    exchange_id: str
    project: str
    kind: CaptureKind
    cut: bool
    created_at: int
    text: str
