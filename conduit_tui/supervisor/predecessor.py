"""Gateways whose daemon died: they drain by themselves, and the next one waits for the one that has the database."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from conduit_tui.control.plane import ControlError
from conduit_tui.paths import StateDir
from conduit_tui.store.locks import is_locked
from conduit_tui.supervisor.identity import ProcessIdentity
from conduit_tui.supervisor.journal import Journal
from conduit_tui.supervisor.policy import Policy

_LOCK_POLL_SECONDS = 0.05
_STREAMS_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LastGateways:
    """What a daemon remembers of its gateways for the one after it: a hint, believed only as far as identities hold.

    `generation` is the newest number that was given, `processes` are the gateways that run, by their generations.
    """

    generation: int = 0
    processes: Mapping[int, ProcessIdentity] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "LastGateways":
        """The hint at the path; an empty one when there is none that can be read."""
        try:
            given = json.loads(path.read_text())
            processes = {
                int(one["generation"]): ProcessIdentity(
                    int(one["pid"]), str(one["started"]), str(one["boot"]), str(one["nonce"])
                )
                for one in given["processes"]
            }
            return cls(int(given["generation"]), processes)
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, path: Path) -> None:
        """Write the hint, atomically."""
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        processes = [{"generation": number, **asdict(process)} for number, process in sorted(self.processes.items())]
        with os.fdopen(descriptor, "w") as file:
            json.dump({"generation": self.generation, "processes": processes}, file)
        draft.replace(path)

    @property
    def alive(self) -> dict[int, ProcessIdentity]:
        """Those that still run."""
        return {number: process for number, process in self.processes.items() if process.alive}

    def kill(self) -> bool:
        """SIGKILL those that are still the processes that were meant; whether there were any."""
        return sum(process.signal(signal.SIGKILL) for process in self.processes.values()) > 0


def hint_path(state_dir: StateDir) -> Path:
    """Where the hint lies."""
    return state_dir.root / "gateway.json"


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


class Predecessor:
    """Waits until nobody has the database any more.

    `because` shows what is waited for, `wanted` says whether it still is, `wait` waits until an instant of the loop's
    clock or for something to happen.
    """

    def __init__(
        self,
        state_dir: StateDir,
        policy: Policy,
        journal: Journal,
        *,
        because: Callable[[str], bool],
        wanted: Callable[[], bool],
        wait: Callable[[float], Awaitable[float]],
    ) -> None:
        self._state_dir = state_dir
        self._policy = policy
        self._journal = journal
        self._because = because
        self._wanted = wanted
        self._wait = wait

    async def gone(self, left: LastGateways) -> bool:
        """Wait for it; `left` are killed when they take too long. False when it was given up, or not wanted any more.

        Raises TimeoutError when another program keeps the lock.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._policy.drain_seconds + self._policy.settle_seconds
        ask_at, killed = loop.time() + _LOCK_POLL_SECONDS, False
        while is_locked(self._state_dir.writer_lock):
            now = loop.time()
            if not self._wanted():
                return False
            if now >= until and not killed:
                killed = left.kill()
                if killed:
                    self._journal.write("signal", "SIGKILL: the previous gateway did not end in time")
                    until = now + self._policy.abort_seconds
            if now >= until:
                raise TimeoutError
            if now >= ask_at:
                ask_at = now + _STREAMS_POLL_SECONDS
                count = await streams_left(self._state_dir)
                waiting = f"{count} stream{'' if count == 1 else 's'} of" if count is not None else ""
                reason = " ".join(f"waiting for {waiting} the previous gateway".split())
                if self._because(reason):
                    self._journal.write("note", reason)
            await self._wait(loop.time() + _LOCK_POLL_SECONDS)
        return True
