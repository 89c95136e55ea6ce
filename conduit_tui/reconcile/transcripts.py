"""Claude Code's transcripts: what it wrote down of each answer. Read only, one line at a time, nothing believed.

A transcript is a file of JSON lines; an answer has a line for each of its blocks, and the last one counts. Subagents
have files of their own beside their session's, or lines marked as a side chain in it.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.usage import Extras, Usage
from conduit_tui.wire.meter import meter_for

CONFIG_DIR = "CLAUDE_CONFIG_DIR"
LONGEST_LINE = 32 * 1024 * 1024  # bytes
MOST_MESSAGES = 1_000_000
DEEPEST = 8  # folders below the projects folder
_CHUNK = 1024 * 1024
_SYNTHETIC = "<synthetic>"  # the model of what the command itself says, such as an error


class Answer(NamedTuple):
    """An answer as its transcript has it. `at` is in milliseconds since the epoch."""

    message_id: str
    request_id: str  # empty where the provider gave none
    session: str
    model: str
    usage: Usage
    extras: Extras
    at: int


@dataclass(slots=True)
class Reading:
    """What was read, and what was passed over and why."""

    files: int = 0
    lines: int = 0
    invalid: int = 0  # lines that are no JSON, or none of the expected shape
    unfinished: int = 0  # last lines that are still being written, or were cut
    too_long: int = 0
    links: int = 0  # symbolic links, which are not followed
    unreadable: list[str] = field(default_factory=list)
    cut: bool = False  # there were more answers than are taken


@dataclass(slots=True)
class Transcripts:
    """The answers by message and request id, and what Claude Code says a session cost, in dollars."""

    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    said: dict[str, float] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    usage: msgspec.Raw = msgspec.Raw()


class _Line(msgspec.Struct):
    type: Any = None
    sessionId: str | None = None  # noqa: N815 - Claude Code's name
    timestamp: str | None = None
    requestId: str | None = None  # noqa: N815
    message: msgspec.Raw = msgspec.Raw()
    totalCostUSD: Any = None  # noqa: N815
    hasUnknownModelCost: Any = None  # noqa: N815


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_encode = msgspec.json.Encoder().encode


def projects_folder(environment: "os._Environ[str] | dict[str, str]", path: Path | None = None) -> Path:
    """Where the transcripts are: in the folder given, or where Claude Code keeps them."""
    if path is None:
        path = Path(environment.get(CONFIG_DIR) or Path(environment.get("HOME") or "~").expanduser() / ".claude")
    inner = path / "projects"
    return inner if inner.is_dir() else path


def read_transcripts(
    folder: Path, *, since: int = 0, session: str = "", stop: Callable[[], bool] = lambda: False
) -> Transcripts:
    """What the transcripts under a folder say from an instant (milliseconds) on.

    `session` is the beginning of a session's name. `stop` is asked between files and now and then within one. Raises
    OSError if the folder itself cannot be read.
    """
    found = Transcripts()
    for path in _files(folder, found.reading):
        if stop() or found.reading.cut:
            break
        try:
            with _open(path) as file:
                if os.fstat(file.fileno()).st_mtime * 1000 < since:
                    continue
                found.reading.files += 1
                _read(file, found, since, session, stop)
        except OSError as error:
            found.reading.unreadable.append(f"{path}: {error.strerror or error}")
    return found


def _files(folder: Path, reading: Reading, depth: int = 0) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        if entry.is_symlink():
            reading.links += entry.name.endswith(".jsonl") or entry.is_dir()
        elif entry.is_dir(follow_symlinks=False):
            if depth < DEEPEST:
                try:
                    yield from _files(Path(entry.path), reading, depth + 1)
                except OSError as error:
                    reading.unreadable.append(f"{entry.path}: {error.strerror or error}")
        elif entry.name.endswith(".jsonl"):
            yield Path(entry.path)


def _open(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "not a regular file")
    return os.fdopen(descriptor, "rb", buffering=0)


def _read(file: BinaryIO, found: Transcripts, since: int, session: str, stop: Callable[[], bool]) -> None:
    reading = found.reading
    for line, whole in _lines(file, reading, stop):
        if not line.strip():
            continue
        reading.lines += 1
        try:
            _take(line, found, since, session)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            if whole:
                reading.invalid += 1
            else:
                reading.unfinished += 1
        if len(found.answers) >= MOST_MESSAGES:
            reading.cut = True
            return


def _lines(file: BinaryIO, reading: Reading, stop: Callable[[], bool]) -> Iterator[tuple[bytes, bool]]:
    """The lines, each with whether it ended; those that are too long are counted and left out."""
    rest, skipping = b"", False
    while (chunk := file.read(_CHUNK)) and not stop():
        *lines, last = chunk.split(b"\n")
        for line in lines:
            if not skipping:
                yield rest + line, True
            rest, skipping = b"", False
        if skipping:
            continue
        rest += last
        if len(rest) > LONGEST_LINE:
            reading.too_long += 1
            rest, skipping = b"", True
    if rest:
        yield rest, False


def _take(text: bytes, found: Transcripts, since: int, session: str) -> None:
    line = _decode_line(text)
    name = line.sessionId or ""
    if not name.startswith(session):
        return
    if line.type == "cost-state" and isinstance(line.totalCostUSD, float | int):
        if line.hasUnknownModelCost:
            found.said.pop(name, None)  # it makes up a price for a model that it does not know
        else:
            found.said[name] = line.totalCostUSD
    if line.type != "assistant":
        return
    message = _decode_message(line.message)
    if message.model == _SYNTHETIC or not message.id:
        return
    at = int(datetime.fromisoformat(line.timestamp or "").timestamp() * 1000)
    if at < since:
        return
    meter = meter_for(Dialect.ANTHROPIC, "application/json")  # it reads usage as the gateway does
    meter.feed(_encode({"id": message.id, "model": message.model, "content": [], "usage": message.usage}))
    meter.finish()
    if meter.usage is None:
        raise ValueError("an answer without usage")
    key = (message.id, line.requestId or "")
    before = found.answers.get(key)
    whose = before.session if before is not None else name  # a fork of a session repeats what was said before
    found.answers[key] = Answer(*key, whose, message.model, meter.usage, meter.extras, at)
