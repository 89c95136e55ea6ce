"""`logs`: the process log, as it is and as it grows."""

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

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
    if not follow and not path.exists():
        raise Failure(f"there is no process log yet at {path}; `conduit-tui up` starts one")
    for line in _last_lines(path, lines):
        _show(line, as_json)
    if follow:
        for line in _new_lines(path):
            _show(line, as_json)


def _last_lines(path: Path, count: int) -> list[bytes]:
    kept: deque[bytes] = deque(maxlen=count)
    for file in (path.with_name(f"{path.name}.1"), path):
        if file.exists():
            with file.open("rb") as lines:
                kept.extend(lines)
    return list(kept)


def _new_lines(path: Path) -> Iterator[bytes]:
    """Lines from the end of the file on, for ever; a log that was replaced is read out, then the new one begun."""
    file = _opened(path, at_end=True)
    rest = b""
    while True:
        if file is not None:
            while line := file.readline():
                rest += line
                if rest.endswith(b"\n"):
                    yield rest
                    rest = b""
        if file is None or _replaced(file, path):
            fresh = _opened(path, at_end=False)
            if fresh is not None:
                if file is not None:
                    yield from file.readlines()
                    file.close()
                file, rest = fresh, b""
                continue
        time.sleep(POLL_SECONDS)


def _opened(path: Path, *, at_end: bool) -> BinaryIO | None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    if at_end:
        file.seek(0, os.SEEK_END)
    return file


def _replaced(file: BinaryIO, path: Path) -> bool:
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    then = os.fstat(file.fileno())
    return (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino) or now.st_size < file.tell()


def _show(raw: bytes, as_json: bool) -> None:
    line = raw.decode("utf-8", "replace").rstrip("\n")
    click.echo(printable(line if as_json else readable(line), keep="\n\t"))


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
    return "\n".join([head, *(f"    {row}" for row in trace.splitlines())])
