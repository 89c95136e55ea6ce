"""Gateways that have handed over and end their streams; also those that a dead daemon left so."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from conduit_tui.domain.processes import Retiree
from conduit_tui.supervisor.generation import Generation
from conduit_tui.supervisor.identity import ProcessIdentity
from conduit_tui.supervisor.journal import Journal, milliseconds
from conduit_tui.supervisor.policy import Policy

_LOOK_SECONDS = 0.1


class Retiring:
    """Sees older gateways off: each has its time, then it is killed.

    `changed` is called when one comes, goes, or has fewer streams, `ended` with the generation of one that has gone.
    """

    def __init__(
        self, policy: Policy, journal: Journal, changed: Callable[[], None], ended: Callable[[int], None]
    ) -> None:
        self._policy = policy
        self._journal = journal
        self._changed = changed
        self._ended = ended
        self._ours: dict[int, Generation] = {}
        self._strangers: dict[int, tuple[ProcessIdentity, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def generations(self) -> tuple[int, ...]:
        """Those that still drain, oldest first."""
        return tuple(sorted((*self._ours, *self._strangers)))

    @property
    def identities(self) -> dict[int, ProcessIdentity]:
        """Which processes they are."""
        ours = {number: life.child.identity for number, life in self._ours.items() if life.child.identity is not None}
        return ours | {number: identity for number, (identity, _) in self._strangers.items()}

    @property
    def shown(self) -> tuple[Retiree, ...]:
        """What is shown of them."""
        ours = [
            Retiree(generation=number, pid=life.child.pid, streams=life.in_flight, until=life.drain_until_ms)
            for number, life in self._ours.items()
        ]
        now = asyncio.get_running_loop().time()
        others = [
            Retiree(generation=number, pid=identity.pid, until=milliseconds() + int((until - now) * 1000))
            for number, (identity, until) in self._strangers.items()
        ]
        return tuple(sorted(ours + others, key=lambda one: one.generation))

    @property
    def words(self) -> str:
        """`generation 3 drains 2 streams`; empty when there is none."""
        told = [f"generation {number} drains {life.streams}" for number, life in sorted(self._ours.items())]
        return ", ".join([*told, *(f"generation {number} drains" for number in sorted(self._strangers))])

    def take(self, life: Generation) -> None:
        """See off a child of ours."""
        self._ours[life.number] = life
        self._begin(self._see_off(life))

    def adopt(self, number: int, identity: ProcessIdentity) -> None:
        """See off a gateway of a daemon that died."""
        until = asyncio.get_running_loop().time() + self._policy.drain_seconds + self._policy.settle_seconds
        self._strangers[number] = identity, until
        self._begin(self._see_stranger_off(number, identity, until))

    def cut(self) -> None:
        """Do not wait for their streams any longer."""
        for life in self._ours.values():
            self._journal.write("signal", "SIGTERM: streams are cut on request", pid=life.child.pid)
            life.child.signal(signal.SIGTERM)
        for identity, _ in self._strangers.values():
            identity.signal(signal.SIGTERM)

    def carry(self) -> list[dict[str, Any]]:
        """What a program that the daemon executes needs to know of those that are its children."""
        return [life.carry() for life in self._ours.values()]

    def resume(self) -> None:
        """Attend to them again, after all."""
        for life in self._ours.values():
            life.child.resume()

    def close(self) -> None:
        """Leave them alone."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._changed()

    async def _see_off(self, life: Generation) -> None:
        child = life.child
        kill_at = life.kill_at or 0.0
        if not await child.wait(max(0.0, kill_at - asyncio.get_running_loop().time())):
            self._journal.write("signal", "SIGKILL: it did not end in time", pid=child.pid)
            child.kill()
            await child.wait()
        del self._ours[life.number]
        if child.returncode == 0:
            self._gone(life.number, child.pid, "note", f"generation {life.number} has ended its streams")
        else:
            self._gone(life.number, child.pid, "exit", f"the gateway {child.how_it_ended}")

    async def _see_stranger_off(self, number: int, identity: ProcessIdentity, until: float) -> None:
        while identity.alive:
            if asyncio.get_running_loop().time() >= until and identity.signal(signal.SIGKILL):
                self._journal.write("signal", "SIGKILL: it did not end in time", pid=identity.pid)
            await asyncio.sleep(_LOOK_SECONDS)
        del self._strangers[number]
        self._gone(number, identity.pid, "note", "the gateway of the previous daemon has ended")

    def _gone(self, number: int, pid: int, kind: str, how: str) -> None:
        self._journal.write(kind, how, pid=pid, generation=number)
        self._ended(number)
        self._changed()
