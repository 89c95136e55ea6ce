"""One clear line on stderr and an exit code that scripts can rely on."""

import os
from typing import IO, Any

import click

from conduit_tui.observe.printable import printable

FAILED = 1
BAD_INPUT = 2
REFUSED_BY_LIMIT = 75
BAD_CONFIGURATION = 78
INTERRUPTED = 130


class Failure(click.ClickException):
    """What went wrong, for the person at the prompt."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance, and declares it on the class

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"conduit-tui: {printable(self.message)}", err=True, file=file)


def as_failure(error: Exception) -> Failure:
    """The failure that an exception stands for. Imports rooms only now: a verb that succeeds does not pay for them."""
    from conduit_tui.paths import StateDirError

    if isinstance(error, StateDirError):
        return Failure(str(error), BAD_CONFIGURATION)

    from conduit_tui.config.errors import ConfigError

    if isinstance(error, ConfigError):
        return Failure(str(error), BAD_INPUT if error.problems[0].key.startswith("--") else BAD_CONFIGURATION)

    from conduit_tui.control.plane import ControlError
    from conduit_tui.store.interface import StoreError

    if isinstance(error, StoreError):
        return Failure(str(error), BAD_CONFIGURATION)
    if isinstance(error, ControlError):
        message = f"{error.field}: {error.message}" if error.field else error.message
        return Failure(message, BAD_INPUT if error.code in ("bad-input", "not-found", "conflict") else FAILED)
    if isinstance(error, OSError):
        place = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        return Failure(f"{error.strerror or error}{place}")
    if os.environ.get("CONDUIT_DEBUG"):
        raise error
    from conduit_tui.observe.redact import redact_text

    return Failure(redact_text(f"internal error: {type(error).__name__}: {error} (CONDUIT_DEBUG=1 shows where)"))
