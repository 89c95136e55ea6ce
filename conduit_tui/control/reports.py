"""What a gateway tells the daemon over the report pipe, one JSON object per line."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError

HEARTBEAT_SECONDS = 1.0
REPORT_LIMIT = 16 * 1024  # bytes of one line


class ReportType(StrEnum):
    """The kinds of report."""

    PREPARED = "prepared"  # all is loaded; waits to be told that the gateway before it has let go
    READY = "ready"  # the database is open, prices are loaded, a request to itself was answered
    HEARTBEAT = "heartbeat"  # the event loop turns
    EXTEND = "extend"  # the start takes `seconds` more, counted from now
    DEGRADED = "degraded"  # serving, but not well
    RECOVERED = "recovered"  # no longer degraded
    DRAINING = "draining"  # admission has stopped
    HANDED_OVER = "handed-over"  # listener and database belong to the next gateway; streams go on
    FAILED = "failed"  # why it is about to exit


class Report(BaseModel):
    """One report. `seconds` belongs to `EXTEND`, `reason` to `EXTEND`, `DEGRADED` and `FAILED`, `in_flight` (exchanges
    under way) to `HEARTBEAT`."""

    model_config = ConfigDict(frozen=True)

    type: ReportType
    reason: str = ""
    seconds: float = 0.0
    in_flight: int = 0

    def encode(self) -> bytes:
        """The line to write, newline included; one `write` of it to a pipe is atomic."""
        return self.model_dump_json(exclude_defaults=True).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Report | None":
        """The report in a line; None for what is none, so that a newer gateway cannot upset an older daemon."""
        try:
            return cls.model_validate_json(line)
        except ValidationError:
            return None
