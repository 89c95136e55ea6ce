"""What the workers tell the app. A message carries results; handlers do no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:  # the first paint does not wait for pydantic
    from conduit_tui.domain.live import LiveView
    from conduit_tui.domain.processes import ProcessStatus


@dataclass
class StatusChanged(Message):
    """The daemon told its state."""

    status: ProcessStatus


@dataclass
class LiveChanged(Message):
    """The gateway told what it is doing; several changes may have become one."""

    live: LiveView


@dataclass
class LiveLost(Message):
    """The gateway does not answer."""

    reason: str


@dataclass
class DaemonStarting(Message):
    """No daemon answered; one is being started."""


@dataclass
class DaemonLost(Message):
    """No daemon answers. `failed`: one was to be started and was not."""

    reason: str
    failed: bool = False


@dataclass
class StoreUnreadable(Message):
    """There is a database, but it cannot be read."""

    reason: str


@dataclass
class StoreOpened(Message):
    """The database can be read."""
