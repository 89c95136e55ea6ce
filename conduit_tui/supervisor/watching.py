"""What is looked at now and then while a gateway serves: its /health, and its memory."""

import asyncio
from collections.abc import Awaitable, Callable

from conduit_tui.domain.processes import HealthCheck
from conduit_tui.supervisor.board import StatusBoard
from conduit_tui.supervisor.generation import Generation
from conduit_tui.supervisor.health import Health
from conduit_tui.supervisor.journal import Journal
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.usage import resident_bytes
from conduit_tui.supervisor.wishes import Wishes

Check = Callable[[], Awaitable[HealthCheck]]

_MEGABYTE = 1024 * 1024
_SELDOM = 10


class Watching:
    """Looks at one gateway after the other: the one that was given to `follow` last.

    `memory_limit` gives bytes, 0 for none.
    """

    def __init__(
        self,
        policy: Policy,
        memory_limit: Callable[[], int],
        check: Check,
        board: StatusBoard,
        journal: Journal,
        wishes: Wishes,
    ) -> None:
        self._policy = policy
        self._memory_limit = memory_limit
        self._check = check
        self._board = board
        self._journal = journal
        self._wishes = wishes
        self._life: Generation | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def follow(self, life: Generation | None) -> None:
        """Look at this gateway, or at none; the same one as before is looked at as before."""
        if life is self._life:
            return
        for task in self._tasks:
            task.cancel()
        self._life = life
        works = (self._check_health, self._mind_memory) if life is not None else ()
        self._tasks = [asyncio.create_task(work(life)) for work in works if life is not None]

    async def _check_health(self, life: Generation) -> None:
        health = Health(self._policy)
        while True:
            result = await self._check()
            self._board.checked(result)
            if health.observe(result.ok):
                self._journal.write("health", "up" if result.ok else f"down: {result.detail}", generation=life.number)
                if result.ok:
                    life.troubles.pop("health", None)
                else:
                    life.troubles["health"] = f"/health fails: {result.detail}"
                self._wishes.wake()
            await asyncio.sleep(health.interval)

    async def _mind_memory(self, life: Generation) -> None:
        """Want another gateway, at a quiet moment, when this one has grown beyond the limit."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        policy = self._policy
        while True:
            await asyncio.sleep(policy.memory_seconds)
            used, limit = resident_bytes(life.child.pid), self._memory_limit()
            if not limit or used <= limit:
                life.heavy_since = None
                continue
            words = f"memory: {used // _MEGABYTE} MB pass the limit of {limit // _MEGABYTE} MB"
            if life.heavy_since is None:
                life.heavy_since = loop.time()
                self._journal.write("note", f"{words}; another gateway follows", generation=life.number)
            # one that needs as much from its beginning is seldom helped by another
            early = life.heavy_since - begun < policy.steady_seconds
            if loop.time() - begun < policy.steady_seconds * (_SELDOM if early else 1):
                continue
            if not life.in_flight or loop.time() - life.heavy_since >= policy.quiet_seconds:
                self._wishes.renew = self._wishes.renew or words
                self._wishes.wake()
                return
