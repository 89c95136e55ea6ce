"""A gateway whose daemon died: it drains by itself, and the next one waits for it."""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from conduit_tui.control.plane import ControlError
from conduit_tui.paths import StateDir
from conduit_tui.supervisor.identity import ProcessIdentity


@dataclass(frozen=True, slots=True)
class LastGateway:
    """What an earlier daemon left behind: a hint, believed only as far as the identity holds."""

    generation: int = 0
    identity: ProcessIdentity | None = None

    @classmethod
    def load(cls, path: Path) -> "LastGateway":
        """The hint at the path; an empty one when there is none that can be read."""
        try:
            given = json.loads(path.read_text())
            process = given["process"]
            identity = process and ProcessIdentity(
                int(process["pid"]), str(process["started"]), str(process["boot"]), str(process["nonce"])
            )
            return cls(int(given["generation"]), identity)
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, path: Path) -> None:
        """Write the hint, atomically."""
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"generation": self.generation, "process": self.identity and asdict(self.identity)}, file)
        draft.replace(path)

    @property
    def alive(self) -> bool:
        return self.identity is not None and self.identity.alive

    def kill(self) -> bool:
        """SIGKILL it if it is still the process that was meant; whether it was."""
        return self.identity is not None and self.identity.signal(signal.SIGKILL)


def hint_path(state_dir: StateDir) -> Path:
    """Where the hint lies."""
    return state_dir.root / "gateway.json"


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock. A lock that cannot be asked counts as free: who needs it will say why."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


async def streams_left(state_dir: StateDir) -> int | None:
    """How many exchanges the draining gateway still has; None if it does not say."""
    from conduit_tui.control.remote import RemoteControl

    with contextlib.suppress(ControlError, StopAsyncIteration):
        live = RemoteControl(state_dir, timeout=0.5).live()
        async with asyncio.timeout(1.0):
            count = (await anext(live)).in_flight_count
        await live.aclose()  # type: ignore[attr-defined]
        return count
    return None
