"""The tails of the daemon's own files: its log and its events."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from conduit_tui.domain.processes import ProcessEvent

TAIL_BYTES = 128 * 1024
LEVELS = ("debug", "info", "warning", "error")
_RANK = {"debug": 0, "info": 1, "warning": 2, "warn": 2, "error": 3, "critical": 3, "exception": 3, "fatal": 3}
_SPOKEN_LEVEL = re.compile(r"\b(debug|info|warning|error|critical)\b", re.IGNORECASE)
_LEADING = ("timestamp", "level", "process", "event")


class LogLine(NamedTuple):
    """A line of the process log. `time` is as it was written, `rank` the index of its level in `LEVELS`."""

    time: str
    rank: int
    process: str
    text: str

    def has(self, words: str) -> bool:
        """Whether every word stands in the line, in whatever case."""
        told = f"{self.process} {self.text}".casefold()
        return all(word in told for word in words.casefold().split())


class Tail:
    """The end of a file that grows; `read` tells whether there is anything new. For use in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None

    def read(self) -> list[str] | None:
        """The last lines, or None when nothing has changed since the last call."""
        try:
            with self._path.open("rb") as file:
                facts = os.fstat(file.fileno())
                seen = (facts.st_ino, facts.st_size)
                if seen == self._seen:
                    return None
                self._seen = seen
                start = max(0, facts.st_size - TAIL_BYTES)
                file.seek(start)
                data = file.read(TAIL_BYTES)
        except OSError:
            if self._seen is None:
                return None
            self._seen = None
            return []
        lines = data.decode("utf-8", "replace").split("\n")
        if start:
            del lines[0]  # most likely half a line
        return [line for line in lines if line.strip()]


def parse_log(lines: Sequence[str]) -> list[LogLine]:
    """The lines as the processes meant them; what is not JSON (a library's outcry) is kept as it is."""
    return [_parse_line(line) for line in lines]


def _parse_line(line: str) -> LogLine:
    if line.startswith("{"):
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if isinstance(told, dict):
            rest = " ".join(f"{key}={_short(value)}" for key, value in told.items() if key not in _LEADING)
            text = " ".join(part for part in (str(told.get("event", "")), rest) if part)
            rank = _RANK.get(str(told.get("level", "info")).lower(), 1)
            return LogLine(str(told.get("timestamp", "")), rank, str(told.get("process", "")), text)
    spoken = _SPOKEN_LEVEL.search(line[:80])
    return LogLine("", _RANK[spoken[1].lower()] if spoken else 1, "", line)


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parse_events(lines: Sequence[str]) -> list[ProcessEvent]:
    """The daemon's events; a line that is none (cut off by a crash) is passed over."""
    events = []
    for line in lines:
        try:
            events.append(ProcessEvent.model_validate_json(line))
        except ValidationError:
            continue
    return events


def merge_events(*sources: Sequence[ProcessEvent]) -> list[ProcessEvent]:
    """The events of all sources, each once, oldest first."""
    by_id = {event.id: event for events in sources for event in events}
    return sorted(by_id.values(), key=lambda event: event.at)
