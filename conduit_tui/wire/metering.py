"""What every meter does: take an answer's bytes apart into events or one body, and keep what was said.

A meter reads a copy of the answer and never raises. What it cannot read sets `malformed`.
"""

import zlib
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import msgspec

from conduit_tui.domain.activity import Activity
from conduit_tui.domain.usage import NO_EXTRAS, Extras, Usage
from conduit_tui.wire.content_coding import BombError, Inflater
from conduit_tui.wire.sse import SSEEvent, SSEParser

BODY_LIMIT = 32 * 1024 * 1024  # bytes of an answer that is not a stream
COUNT_LIMIT = 100_000_000  # tokens; a count above this is an error of the provider
NOTHING = msgspec.Raw()  # the default of a member that is read by itself, so that what is odd in it costs no usage
NAME_LIMIT = 128  # characters of an error's type, a message's id, a model's name
DOUBTS_LIMIT = 8
USUAL_TIERS = frozenset({"", "standard", "default", "auto", "not_available", "none"})


class Doubt(NamedTuple):
    """A count that a provider reported and that cannot be meant: `output_tokens` `is negative`."""

    name: str
    words: str

    @property
    def of_output(self) -> bool:
        """Whether it leaves open what was generated, and not what was sent."""
        return self.name.startswith(("output", "completion"))

    def __str__(self) -> str:
        return f"{self.name} {self.words}"


class Meter(ABC):
    """Reads the usage of one answer while it passes.

    `usage` is None until the provider says something about it. `complete` tells whether the answer came to its own end
    without an error; until then a stream's `usage` is what was known so far: for Anthropic the whole input and the
    output's first token. `output_characters` are those generated (text, thinking, tool arguments). With `malformed` the
    usage is a lower bound: negative counts read as 0, impossible ones as not said; `doubts` names these. `extras` is
    what was reported to be charged beyond tokens. `activity` is what a stream has come to, None until it says;
    `stop_reason` why the answer ended, in the dialect's own word.
    """

    def __init__(self, *, stream: bool, inflater: Inflater | None = None, readable: bool = True) -> None:
        self.usage: Usage | None = None
        self.extras: Extras = NO_EXTRAS
        self.doubts: list[Doubt] = []
        self.output_characters = 0
        self.complete = False
        self.error_type = ""
        self.message_id = ""
        self.model = ""
        self.stop_reason = ""
        self.activity: Activity | None = None
        self.malformed = False
        self._parser = SSEParser() if stream else None
        self._pieces: list[bytes] = []  # of a body that is no stream
        self._size = 0
        self._inflater = inflater
        self._readable = readable

    @property
    def is_stream(self) -> bool:
        """Whether the answer is an event stream."""
        return self._parser is not None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the answer's body, as they came from the provider."""
        if not self._readable:
            return
        if self._inflater is None:
            self._take(data)
            return
        try:
            for piece in self._inflater.feed(data):
                self._take(piece)
        except (zlib.error, BombError):
            self._give_up()

    def finish(self) -> None:
        """The body has ended, or was cut."""
        if not self._readable:
            return
        if self._parser is not None:
            self._read_events(self._parser.finish())
            self.malformed |= self._parser.malformed
        elif self._pieces:
            self._read_whole(b"".join(self._pieces))
            self._pieces.clear()

    @abstractmethod
    def _read_event(self, data: bytes) -> None:
        """Take in the data of one event. May raise; the event then counts as malformed."""

    @abstractmethod
    def _read_body(self, body: bytes) -> None:
        """Take in a whole JSON answer. May raise; the answer then counts as malformed."""

    def _take(self, data: bytes) -> None:
        if self._parser is not None:
            self._read_events(self._parser.feed(data))
            return
        self._size += len(data)
        if self._size <= BODY_LIMIT:
            self._pieces.append(data)
        else:
            self._give_up()

    def _give_up(self) -> None:
        self.malformed = True
        self._readable = False
        self._pieces.clear()

    def _read_events(self, events: list[SSEEvent]) -> None:
        for event in events:
            if event.data:
                try:
                    self._read_event(event.data)
                except Exception:
                    self.malformed = True

    def _read_whole(self, body: bytes) -> None:
        if body.lstrip().startswith((b"data:", b"event:")):  # a stream under another content type
            parser = SSEParser()
            self._read_events(parser.feed(body) + parser.finish())
            return
        try:
            self._read_body(body)
        except Exception:
            self.malformed = True

    # What the dialects share

    def _identify(self, message_id: object, model: object) -> None:
        self.message_id = self.message_id or clean(message_id)
        self.model = self.model or clean(model)

    def _read_error(self, error: Any) -> bool:
        """Note the type of an `error` member, if there is one."""
        if not error:
            return False
        names = (error.get("type"), error.get("code")) if isinstance(error, dict) else ()
        self.complete = False
        self.error_type = next((clean(name) for name in names if name), "error")
        return True

    def _counts(self, usage: Any) -> dict[str, Any]:
        """The members of a `usage` object; empty when it is missing or null."""
        if isinstance(usage, dict):
            return usage
        if usage is not None:
            self._doubt(("usage",), "is no object")
        return {}

    def _doubt(self, path: tuple[str, ...], words: str) -> None:
        self.malformed = True
        doubt = Doubt(".".join(path), words)
        if doubt not in self.doubts and len(self.doubts) < DOUBTS_LIMIT:
            self.doubts.append(doubt)

    def _tokens(self, counts: dict[str, Any], *path: str) -> int | None:
        """A count of tokens; None if it is not said, or cannot be meant."""
        said: Any = counts.get(path[0])
        if type(said) is int and 0 <= said <= COUNT_LIMIT:
            return said
        said = counts
        for name in path:
            if said is None:
                return None
            if not isinstance(said, dict):
                self._doubt(path, "is not where it should be")
                return None
            said = said.get(name)
        if said is None:
            return None
        if isinstance(said, float) and said.is_integer():
            said = int(said)
        if type(said) is not int:
            self._doubt(path, "is no whole number")
            return None
        if said > COUNT_LIMIT:
            self._doubt(path, "is impossibly large")
            return None
        if said < 0:
            self._doubt(path, "is negative")
            return 0
        return said


def tier_of(name: object) -> str:
    """A service tier that has rates of its own, by the provider's name; empty for the usual one."""
    text = clean(name).lower() if name else ""
    return "" if text in USUAL_TIERS else text


def clean(name: object) -> str:
    """A name that a provider gave, fit for a row and a screen; empty for none."""
    text = name if isinstance(name, str) else "" if name is None else str(name)
    text = text[:NAME_LIMIT]
    return text if text.isprintable() else "".join(character for character in text if character.isprintable())
