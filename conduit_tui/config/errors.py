"""What is wrong with a configuration: file, line, key, and what would do."""

from pathlib import Path
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong. `line` and `column` count from 1; they are 0 where a value came from elsewhere.

    `key` is the dotted path (`gateway.port`) and empty where the whole file is meant; `nearest` is a key that exists.
    """

    message: str
    key: str = ""
    line: int = 0
    column: int = 0
    nearest: str = ""

    def text(self, path: Path | None) -> str:
        """In one line, with the place first."""
        where = f"{path or 'config.toml'}"
        place = f"{where}:{self.line}:{self.column}" if self.line else str(path or "")
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return ": ".join(part for part in (place, self.key, f"{self.message}{hint}") if part)


class ConfigError(Exception):
    """A configuration that cannot be used; all of its problems, the first one as the message."""

    def __init__(self, problems: tuple[Problem, ...], path: Path | None = None) -> None:
        self.problems = problems
        self.path = path
        more = len(problems) - 1
        told = f" (and {more} more; `conduit-tui config check` tells all)" if more else ""
        super().__init__(problems[0].text(path) + told)
