"""What the daemon shows of the gateway: its state, and everything that goes with it."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from conduit_tui import __version__
from conduit_tui.control.latest import Latest
from conduit_tui.domain.processes import GatewayState, HealthCheck, ProcessStatus
from conduit_tui.supervisor.journal import Journal, milliseconds
from conduit_tui.supervisor.policy import Policy
from conduit_tui.supervisor.states import Machine
from conduit_tui.supervisor.usage import UsageMeter

_HEALTH_KEPT = 60


class StatusBoard:
    """Holds the state machine; every transition is written down and shown to the watchers."""

    def __init__(self, url: str, daemon_pid: int, generation: int, policy: Policy, journal: Journal) -> None:
        self._journal = journal
        self._interval = policy.usage_seconds
        self._machine = Machine(milliseconds)
        self._meter = UsageMeter(time.monotonic, policy.usage_seconds)
        self._health: deque[HealthCheck] = deque(maxlen=_HEALTH_KEPT)
        self._watching = 0
        self._ticker: asyncio.Task[None] | None = None
        self._facts = ProcessStatus(
            url=url,
            daemon_pid=daemon_pid,
            gateway_pid=None,
            state=self._machine.state,
            since=self._machine.since,
            daemon_started=milliseconds(),
            generation=generation,
            version=__version__,
        )
        self._latest = Latest(self._facts)

    @property
    def state(self) -> GatewayState:
        return self._machine.state

    @property
    def reason(self) -> str:
        return self._machine.reason

    @property
    def facts(self) -> ProcessStatus:
        """The facts that `update` sets; the state is in `state`."""
        return self._facts

    def to(self, state: GatewayState, reason: str) -> None:
        """Change the state. Raises IllegalTransition."""
        self._machine.to(state, reason)
        facts = self._facts
        self._journal.write("state", reason, state=state, pid=facts.gateway_pid, generation=facts.generation or None)
        self.publish()

    def resume(self, status: ProcessStatus) -> None:
        """Go on where another program of the same process was; it is a daemon of this version now."""
        kept = {name: getattr(status, name) for name in ("gateway_pid", "ready_since", "generation", "starts")}
        self._machine.resume(status.state, status.reason, status.since)
        self._health.extend(status.health)
        self.update(**kept)

    def because(self, reason: str) -> bool:
        """Give the present state another reason; whether it is another."""
        changed = self._machine.because(reason)
        if changed:
            self.publish()
        return changed

    def update(self, **facts: Any) -> None:
        """Change fields of the status."""
        if all(getattr(self._facts, name) == fact for name, fact in facts.items()):
            return
        self._facts = self._facts.model_copy(update=facts)
        self.publish()

    def checked(self, check: HealthCheck) -> None:
        """Add a readiness check to the history."""
        self._health.append(check)
        self.publish()

    def publish(self, *, look: bool = False) -> None:
        """Show the watchers how things stand; `look` also at the gateway's memory and CPU."""
        machine = self._machine
        usage = self._meter.of(self._facts.gateway_pid) if look else self._meter.last
        self._latest.set(
            self._facts.model_copy(
                update={
                    "state": machine.state,
                    "reason": machine.reason,
                    "since": machine.since,
                    "health": tuple(self._health),
                    "gateway_memory_bytes": usage.memory_bytes,
                    "gateway_cpu_percent": usage.cpu_percent,
                }
            )
        )

    def status(self) -> ProcessStatus:
        """How things stand now."""
        self.publish(look=True)
        return self._latest.value

    async def watch(self) -> AsyncIterator[ProcessStatus]:
        """How things stand, now and after every change; with memory and CPU every second while somebody watches."""
        self._watching += 1
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick())
        try:
            async for status in self._latest.watch():
                yield status
        finally:
            self._watching -= 1

    def close(self) -> None:
        """Look no more."""
        if self._ticker is not None:
            self._ticker.cancel()

    async def _tick(self) -> None:
        while self._watching:
            self.publish(look=True)
            await asyncio.sleep(self._interval)
