"""Everything that happens to the gateway is an event: kept for programs, written for people, told to listeners."""

import time
import uuid
from collections.abc import Callable

from conduit_tui.domain.processes import GatewayState, ProcessEvent
from conduit_tui.supervisor.eventlog import EventLog, ProcessLog

_TROUBLE = frozenset({GatewayState.BACKOFF, GatewayState.COOLDOWN, GatewayState.FAILED, GatewayState.DEGRADED})


def milliseconds() -> int:
    """Now, since the epoch."""
    return time.time_ns() // 1_000_000


class Journal:
    """Writes events to both logs and hands each to `tell`."""

    def __init__(self, events: EventLog, log: ProcessLog, tell: Callable[[ProcessEvent], None] | None = None) -> None:
        self._events = events
        self._tell = tell
        self.log = log

    def write(
        self,
        kind: str,
        reason: str,
        *,
        state: GatewayState | None = None,
        pid: int | None = None,
        generation: int | None = None,
    ) -> None:
        """Write down one event; `kind` is one of those of `ProcessEvent`."""
        event = ProcessEvent(
            id=uuid.uuid4().hex,
            at=milliseconds(),
            kind=kind,
            state=state,
            reason=reason,
            pid=pid,
            generation=generation,
        )
        self._events.append(event)
        self.log.say("daemon", "warning" if state in _TROUBLE else "info", in_words(event))
        if self._tell is not None:
            self._tell(event)


def in_words(event: ProcessEvent) -> str:
    """One line for people."""
    what = event.state.value if event.state is not None else event.kind
    whom = f" [gateway {event.pid}]" if event.pid is not None else ""
    return f"{what}: {event.reason}{whom}"
