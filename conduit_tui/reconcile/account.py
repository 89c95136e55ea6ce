"""The two accounts of a session side by side. Money is in nano-dollars, times are milliseconds since the epoch."""

from dataclasses import dataclass, field
from enum import StrEnum

from conduit_tui.domain.usage import Usage
from conduit_tui.reconcile.transcripts import Reading


@dataclass(slots=True)
class Account:
    """How many answers, what they used, what that costs."""

    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    nanodollars: int = 0

    def add(self, usage: Usage, nanodollars: int) -> None:
        """Enter an answer."""
        self.answers += 1
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cache_read_tokens += usage.cache_read_tokens
        self.nanodollars += nanodollars

    def include(self, other: "Account") -> None:
        """Enter all of another account."""
        self.answers += other.answers
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cache_read_tokens += other.cache_read_tokens
        self.nanodollars += other.nanodollars

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Verdict(StrEnum):
    """What there is to say of a session, the gravest first."""

    NOT_SEEN = "not seen"  # the gateway has nothing of it
    UNSEEN = "unseen"  # answers that the gateway has not seen
    DIFFERS = "differs"  # both have the answer, with other tokens
    NO_TRANSCRIPT = "no transcript"
    EXTRA = "extra"  # the ledger has requests that the transcript does not hold
    EQUAL = "equal"


@dataclass(slots=True)
class Compared:
    """A session in the transcript and in the ledger.

    `unseen` is what the transcript has and the ledger lacks, `extra` the other way round, by kind; `differing` counts
    the answers that both have with other tokens. `said_nanodollars` is Claude Code's own sum, where it left one.
    """

    session: str
    project: str = ""
    first_at: int = 0
    last_at: int = 0
    transcript: Account = field(default_factory=Account)
    ledger: Account = field(default_factory=Account)
    unseen: Account = field(default_factory=Account)
    extra: Account = field(default_factory=Account)
    extra_kinds: dict[str, int] = field(default_factory=dict)
    differing: int = 0
    said_nanodollars: int | None = None

    def seen_at(self, at: int) -> None:
        """Something of the session happened at an instant."""
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at, at)

    @property
    def verdict(self) -> Verdict:
        if not self.ledger.answers:
            return Verdict.NOT_SEEN
        if not self.transcript.answers:
            return Verdict.NO_TRANSCRIPT
        if self.unseen.answers:
            return Verdict.UNSEEN
        if self.differing:
            return Verdict.DIFFERS
        return Verdict.EXTRA if self.extra.answers else Verdict.EQUAL

    @property
    def token_drift(self) -> float | None:
        """By how many percent the ledger's tokens differ from the transcript's; None without a transcript."""
        return _drift(self.ledger.tokens, self.transcript.tokens)

    @property
    def cost_drift(self) -> float | None:
        """The same of what they cost."""
        return _drift(self.ledger.nanodollars, self.transcript.nanodollars)


def _drift(ours: int, theirs: int) -> float | None:
    if not theirs:
        return 0.0 if not ours else None
    return 100 * (ours - theirs) / theirs


@dataclass(slots=True)
class Reconciliation:
    """Every session, the newest first, their sum, and how much was read of the transcripts."""

    sessions: list[Compared]
    total: Compared
    reading: Reading
    folder: str
    since: int
