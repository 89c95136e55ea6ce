"""What goes into files and comes out of them, in words: differences, questions, safety copies."""

from typing import NamedTuple


class Line(NamedTuple):
    """One line of a difference: `+` is new, `~` changes, `-` goes, `!` is to be looked at, `=` only tells."""

    sign: str
    text: str


class Question(NamedTuple):
    """Something that happens only where it is approved by its id: a limit is loosened, or a key goes somewhere.

    Ids begin with `caps:` or `providers:`; `otherwise` is what happens without approval.
    """

    id: str
    text: str
    otherwise: str


class ImportPlan(NamedTuple):
    """What taking a file in would do, or has done. `digest` is the file's."""

    version: str  # of the format
    digest: str
    lines: list[Line]
    questions: list[Question]
    warnings: list[str]
    requests: int  # usage rows that come
    present: int  # usage rows that are here already

    @property
    def changes(self) -> bool:
        """Whether anything is different afterwards."""
        return bool(self.requests) or any(line.sign in "+~-" for line in self.lines)


class RestorePlan(NamedTuple):
    """What bringing a copy back would change."""

    lines: list[Line]

    @property
    def changes(self) -> bool:
        """Whether anything is different afterwards."""
        return any(line.sign in "+~-" for line in self.lines)


class Backup(NamedTuple):
    """A safety copy. `at` is in milliseconds since the epoch, `why` empty where somebody asked for it.

    `contents` counts what is in it (projects, rules, requests, ...); `problem` says why that cannot be told.
    """

    name: str
    at: int
    size: int  # bytes
    kind: str  # `database` or `export`
    why: str = ""
    version: str = ""
    contents: dict[str, int] = {}  # noqa: RUF012 - nobody changes it
    problem: str = ""

    @property
    def automatic(self) -> bool:
        """Whether nobody asked for it."""
        return bool(self.why)
