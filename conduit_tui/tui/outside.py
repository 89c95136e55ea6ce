"""Other programs in this terminal: a pager to read in, an editor to write with. The screens wait behind them."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

PAGERS = ("less", "more")
EDITORS = ("nano", "vi")
LONGEST_BYTES = 1_000_000

Suspend = Callable[[], AbstractContextManager[None]]


class NoProgram(Exception):
    """The program cannot be run; the message says why and what to set."""


def page(text: str, suspend: Suspend, environ: Mapping[str, str] = os.environ) -> None:
    """Show a text in $PAGER. Raises NoProgram."""
    with _private_file(text, ".txt") as path:
        # a pager that leaves at once when all fits would show nothing that lasts
        _run(_command("PAGER", PAGERS, environ), path, suspend, {"LESS": "", **environ, "LESSSECURE": "1"})


def edit(text: str, suffix: str, suspend: Suspend, environ: Mapping[str, str] = os.environ) -> str:
    """Let a text be changed with $VISUAL or $EDITOR; returns it, unchanged if the editor failed. Raises NoProgram."""
    name = "VISUAL" if environ.get("VISUAL") else "EDITOR"
    with _private_file(text, suffix) as path:
        if _run(_command(name, EDITORS, environ), path, suspend, environ):
            return text
        with path.open("rb") as file:
            return file.read(LONGEST_BYTES).decode("utf-8", "replace")


@contextmanager
def _private_file(text: str, suffix: str) -> Iterator[Path]:
    """A file of this user's alone, gone afterwards."""
    descriptor, name = tempfile.mkstemp(prefix="conduit-", suffix=suffix)  # made with mode 0600
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _command(variable: str, others: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    given = environ.get(variable, "")
    try:
        words = shlex.split(given)
    except ValueError:
        raise NoProgram(f"{variable} cannot be read: {given}") from None
    for name in [words] if words else [[other] for other in others]:
        if shutil.which(name[0], path=environ.get("PATH")):
            return name
    if words:
        raise NoProgram(f"{variable} names {words[0]}, which is not installed")
    raise NoProgram(f"neither {' nor '.join(others)} is installed; set {variable}")


def _run(command: list[str], path: Path, suspend: Suspend, environ: Mapping[str, str]) -> int:
    try:
        with suspend():
            return subprocess.run([*command, str(path)], env=dict(environ), check=False).returncode
    except OSError as error:
        raise NoProgram(f"{command[0]} cannot be run: {error.strerror}") from None
