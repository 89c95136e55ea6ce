"""Log lines: one JSON object each, without credentials and without control characters, of bounded length."""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from conduit_tui.observe.printable import printable
from conduit_tui.observe.redact import is_credential_name, mask, redact_text

FIELD_CHARACTERS = 8192
DEEPEST = 6


class Output(Protocol):
    """Where lines go."""

    def write(self, data: bytes, /) -> object: ...


class Descriptor:
    """A pipe or file that somebody else opened. A reader that went away loses the lines, nothing else."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes, /) -> None:
        """Write whole lines, as far as anybody reads them."""
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except (BrokenPipeError, BlockingIOError):
            return


class Logger:
    """A logger whose calls say what happened, and name what it happened to: `log.info("ready", url=url)`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, **fields: Any) -> None:
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error, with the traceback of the exception that is being handled."""
        self._log(logging.ERROR, event, fields, traceback=True)

    def _log(self, level: int, event: str, fields: dict[str, Any], *, traceback: bool = False) -> None:
        self._logger.log(level, "%s", event, extra={"fields": fields}, exc_info=traceback)


def configure_logs(output: Output, *, process: str) -> None:
    """Send this process's log lines, those of the standard library's `logging` and warnings to `output`.

    Lines of `Logger(process)` are written from level info on, those of libraries from warning on. Redaction comes
    last, after everything that adds text.
    """
    handler = _Handler(output)
    handler.setFormatter(_JSONFormatter(process))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(process).setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.raiseExceptions = False


class _JSONFormatter(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"process": self._process, "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.name != self._process:
            line["logger"] = record.name
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        line["level"] = record.levelname.lower()
        line["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        return json.dumps({_clean_text(name): _clean_value(name, value, 0) for name, value in line.items()})


class _Handler(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._output.write(self.format(record).encode("utf-8") + b"\n")
        except Exception:
            sys.stderr.write("a log line was lost\n")


def _clean_value(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if is_credential_name(name):
        return mask(str(value))
    if depth < DEEPEST:
        if isinstance(value, Mapping):
            return {_clean_text(str(key)): _clean_value(str(key), item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [_clean_value("", item, depth + 1) for item in value]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return _clean_text(value if isinstance(value, str) else str(value))


def _clean_text(text: str) -> str:
    return printable(redact_text(text)[:FIELD_CHARACTERS], keep="\n\t")  # cut last: half a key would not look like one
