"""What the daemon writes down: `events.jsonl` for programs, `process.log` for people, both private and bounded."""

import json
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.observe.redact import redact_text

EVENTS_BYTES = 1024 * 1024
LOG_BYTES = 8 * 1024 * 1024
FLOOD_BYTES = 1024 * 1024  # of unstructured lines at once; what is more is dropped and counted
FLOOD_BYTES_PER_SECOND = 256 * 1024


class BoundedFile:
    """A private file of lines. When `limit` bytes are reached it becomes `<name>.1`, and a new one begins."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._limit = limit
        self._open()

    def write(self, line: bytes) -> None:
        """Append a whole line. A full disk loses the line, never the daemon."""
        try:
            if self._size and self._size + len(line) > self._limit:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
                full = self._descriptor
                self._open()
                os.close(full)
            self._size += os.write(self._descriptor, line)
        except OSError:
            return

    def close(self) -> None:
        os.close(self._descriptor)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o600)
        os.fchmod(self._descriptor, 0o600)
        self._size = os.fstat(self._descriptor).st_size


class EventLog:
    """The daemon's events, one JSON object per line, for the gateway to copy into the database."""

    def __init__(self, path: Path, limit: int = EVENTS_BYTES) -> None:
        self._file = BoundedFile(path, limit)

    def append(self, event: ProcessEvent) -> None:
        self._file.write(event.model_dump_json(exclude_defaults=True).encode() + b"\n")

    def close(self) -> None:
        self._file.close()


class ProcessLog(logging.Handler):
    """The lines of daemon and gateway. Untrusted text goes through JSON, so no control character reaches the file."""

    def __init__(self, path: Path, limit: int = LOG_BYTES) -> None:
        self._file = BoundedFile(path, limit)
        super().__init__(logging.WARNING)  # which `logging` closes at exit, so that it must be whole
        self._allowance = float(FLOOD_BYTES)
        self._refilled = time.monotonic()
        self._dropped = 0

    def say(self, process: str, level: str, text: str) -> None:
        """Write a line of our own."""
        line = {
            "process": process,
            "event": redact_text(text),
            "level": level,
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
        self._file.write(json.dumps(line).encode() + b"\n")

    def gateway_line(self, line: bytes) -> None:
        """Write what the gateway wrote: its log lines as they are, anything else (tracebacks, dumps) wrapped."""
        if line.startswith(b"{") and line.endswith(b"}") and line.isascii() and line.decode().isprintable():
            self._file.write(line + b"\n")
        elif line.strip() and self._affords(len(line)):
            self.say("gateway", "error", line.decode("utf-8", "backslashreplace"))

    def _affords(self, size: int) -> bool:
        """Whether cleaning a line still fits into what the daemon spends on it."""
        now = time.monotonic()
        earned = (now - self._refilled) * FLOOD_BYTES_PER_SECOND
        self._allowance, self._refilled = min(float(FLOOD_BYTES), self._allowance + earned), now
        if self._allowance < size:
            self._dropped += 1
            return False
        self._allowance -= size
        if self._dropped:
            self.say("daemon", "warning", f"{self._dropped} lines of the gateway dropped: it wrote too fast")
            self._dropped = 0
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """The daemon's own use of `logging`."""
        self.say("daemon", record.levelname.lower(), self.format(record))

    def close(self) -> None:
        self._file.close()
        super().close()
