"""Log lines: one JSON object each, without credentials and without control characters, of bounded length."""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol

import structlog

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


def configure_logs(output: Output, *, process: str, level: str = "info") -> None:
    """Send this process's log lines, those of the standard library's `logging` and warnings to `output`.

    `process` names the writer in every line. Redaction comes last in the chain, after everything that adds text.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    first: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"process": process, **event},
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    last: list[structlog.typing.Processor] = [_clean, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _LineLogger(output),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False


class _LineLogger:
    def __init__(self, output: Output) -> None:
        self._output = output

    def msg(self, line: str) -> None:
        self._output.write(line.encode("utf-8") + b"\n")

    debug = info = warning = error = critical = exception = log = fatal = warn = msg


class _Handler(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._output.write(self.format(record).encode("utf-8") + b"\n")
        except Exception:
            sys.stderr.write("a log line was lost\n")


def _clean(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {_clean_text(str(key)): _clean_value(str(key), value, 0) for key, value in event.items()}


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
