"""`logs`: the process log, as it is and as it grows."""

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import click

from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import Failure
from conduit_tui.cli.settings import Settings, pass_settings
from conduit_tui.observe.printable import printable

POLL_SECONDS = 0.2
SHOWN_FIRST = ("timestamp", "level", "process", "event")


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on showing lines as they come.")
@click.option("-n", "--lines", type=click.IntRange(0), default=50, show_default=True, help="How many to begin with.")
@click.option("--json", "as_json", is_flag=True, help="The lines as they are written, one JSON object each.")
@pass_settings
def logs(settings: Settings, *, follow: bool, lines: int, as_json: bool) -> None:
    """Show the process log of daemon and gateway."""
    path = settings.locate().process_log
    with closing(_Log(path)) as log:
        if not follow and not log.exists:
            raise Failure(f"there is no process log yet at {path}; `conduit-tui up` starts one")
        for line in log.last_lines(lines):
            _show(line, as_json)
        while follow:
            for line in log.new_lines():
                _show(line, as_json)
            time.sleep(POLL_SECONDS)


class _Log:
    """A log that grows, and that another one may take the place of at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        self._rest = b""

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def exists(self) -> bool:
        return self._file is not None

    def last_lines(self, count: int) -> list[bytes]:
        """The newest lines, those of the log before this one included. New lines are counted from here on."""
        kept: deque[bytes] = deque(maxlen=count)
        before = self._path.with_name(f"{self._path.name}.1")
        if before.exists():
            with before.open("rb") as lines:
                kept.extend(lines)
        kept.extend(self._lines())
        return list(kept)

    def new_lines(self) -> Iterator[bytes]:
        """Whole lines written since the last call; a log that was replaced is read out first, then the new one."""
        replaced = self._replaced()
        yield from self._lines()
        if replaced:
            if self._file is not None:
                self._file.close()
            self._file, self._rest = self._open(), b""
            yield from self._lines()

    def _lines(self) -> Iterator[bytes]:
        if self._file is None:
            return
        while piece := self._file.readline():
            self._rest += piece
            if self._rest.endswith(b"\n"):
                yield self._rest
                self._rest = b""

    def _open(self) -> BinaryIO | None:
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            return None

    def _replaced(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        mine = os.fstat(self._file.fileno())
        return (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino) or now.st_size < self._file.tell()


def _show(raw: bytes, as_json: bool) -> None:
    line = raw.decode("utf-8", "replace").rstrip("\n")
    echo(line if as_json else readable(line), keep="\n\t")


def readable(line: str) -> str:
    """A JSON log line as `time level process event name=value ...`; any other line as it is."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict):
        return line
    at, level, process, what = (str(event.pop(name, "")) for name in SHOWN_FIRST)
    trace = str(event.pop("exception", ""))
    details = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in event.items()]
    head = "  ".join(
        part for part in (at[:19].replace("T", " "), f"{level:<7}", f"{process:<7}", what, *details) if part
    )
    return "\n".join([printable(head), *(f"    {row}" for row in trace.splitlines())])
