"""The numbers of generations, and what the next daemon finds of the gateways that ran."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

from conduit_tui.paths import StateDir
from conduit_tui.supervisor.generation import Generation
from conduit_tui.supervisor.identity import ProcessIdentity
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.predecessor import LastGateways, hint_path


class Register:
    """Gives each gateway a number that none had before. `left` is what an earlier daemon left."""

    def __init__(self, state_dir: StateDir, policy: Policy) -> None:
        self._path = hint_path(state_dir)
        self._policy = policy
        self.left = LastGateways.load(self._path)
        self.number = self.left.generation
        self._known: Mapping[int, ProcessIdentity] = self.left.processes

    def new(self) -> Generation:
        """A gateway that is about to be started. Raises OSError."""
        now = asyncio.get_running_loop().time()
        self.number += 1
        LastGateways(self.number, self._known).save(self._path)  # used up before anything is written under it
        return Generation(self.number, now + self._policy.start_seconds, now)

    def save(self, lives: Iterable[Generation | None], others: Mapping[int, ProcessIdentity]) -> None:
        """Remember which gateways run; a full disk forgets it."""
        ours = {life.number: life.process.identity for life in lives if life is not None and life.process is not None}
        known = {**self.left.processes, **others, **{number: one for number, one in ours.items() if one is not None}}
        if known != self._known:
            self._known = known
            with suppress(OSError):
                LastGateways(self.number, known).save(self._path)

    def take_left(self) -> Mapping[int, ProcessIdentity]:
        """The gateways of an earlier daemon that still run; from now on they are somebody else's."""
        alive = self.left.alive
        self.left = LastGateways(self.number)
        return alive
