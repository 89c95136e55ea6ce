"""Keeps one gateway running: starts it, watches it, drains it, starts it again."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from conduit_tui.control.plane import ControlError, ProcessControl
from conduit_tui.control.reports import Report, ReportType
from conduit_tui.domain.processes import GatewayState, HealthCheck, ProcessStatus
from conduit_tui.paths import StateDir
from conduit_tui.supervisor.answerer import Answerer
from conduit_tui.supervisor.backoff import Backoff
from conduit_tui.supervisor.board import StatusBoard
from conduit_tui.supervisor.child import Child
from conduit_tui.supervisor.generation import Generation
from conduit_tui.supervisor.health import Health
from conduit_tui.supervisor.journal import Journal, milliseconds
from conduit_tui.supervisor.policy import NOT_RETRIED, Policy
from conduit_tui.supervisor.predecessor import LastGateway, hint_path, is_locked, streams_left
from conduit_tui.supervisor.states import SERVING

_LOCK_POLL_SECONDS = 0.05
_STREAMS_POLL_SECONDS = 1.0
_LATE_SECONDS = 1.0

S = GatewayState

Spawn = Callable[[int, Callable[[Report], None]], Awaitable[Child]]  # generation, what takes the reports
Check = Callable[[], Awaitable[HealthCheck]]


class Supervisor(ProcessControl):
    """The state machine at work.

    `run` returns after `shutdown`. `spawn` starts a gateway, `check` asks its `/health` once.
    """

    def __init__(
        self,
        *,
        state_dir: StateDir,
        url: str,
        policy: Policy,
        spawn: Spawn,
        check: Check,
        answerer: Answerer,
        journal: Journal,
        daemon_pid: int,
    ) -> None:
        self._state_dir = state_dir
        self._policy = policy
        self._spawn = spawn
        self._check = check
        self._answerer = answerer
        self._journal = journal
        self._backoff = Backoff(policy, time.monotonic, random.uniform)
        self._last = LastGateway.load(hint_path(state_dir))
        self._board = StatusBoard(url, daemon_pid, self._last.generation, policy, journal)
        self._life: Generation | None = None
        self._retiring: dict[asyncio.Task[None], Child] = {}
        self._wanted = True  # a gateway is wanted
        self._renew = False  # and not this one
        self._cut = False  # do not wait for streams
        self._hurried = False  # do not wait out a delay
        self._ends = False
        self._happened = asyncio.Event()

    # What the control socket asks

    async def status(self) -> ProcessStatus:
        return self._board.status()

    def watch(self) -> AsyncIterator[ProcessStatus]:
        return self._board.watch()

    async def start(self) -> None:
        self._want()

    async def restart(self) -> None:
        self._want()
        self._renew = True

    async def stop(self, *, now: bool = False) -> None:
        self._wanted, self._cut = False, self._cut or now
        if now:
            for child in self._retiring.values():
                self._signal(child, signal.SIGTERM, "streams are cut on request")
        self._happened.set()

    async def shutdown(self, *, now: bool = False) -> None:
        self._ends = True
        await self.stop(now=now)

    # The life of the gateway

    async def run(self) -> None:
        """Keep the gateway running until `shutdown`."""
        try:
            while self._wanted or not self._ends:
                if self._wanted:
                    await self._one_generation()
                else:
                    if self._board.state is not S.STOPPED:
                        self._to(S.STOPPED, "stopped on request")
                    self._cut = False
                    await self._until(None)
            if self._board.state is not S.STOPPED:
                self._to(S.STOPPED, "the daemon ends")
            await asyncio.gather(*self._retiring)
        finally:
            self._board.close()

    async def _one_generation(self) -> None:
        again = self._board.state in (S.BACKOFF, S.COOLDOWN) and not self._hurried
        self._to(S.STARTING, "next try" if again else "restart on request" if self._renew else "start")
        self._renew = self._hurried = self._cut = False
        if not await self._predecessor_gone():
            return
        loop = asyncio.get_running_loop()
        number = self._last.generation + 1
        life = self._life = Generation(number, loop.time() + self._policy.start_seconds, loop.time())
        try:
            # the number is used up before the gateway can write it anywhere
            self._remember(LastGateway(number))
            child = await self._spawn(number, lambda report: self._take(life, report))
            self._remember(LastGateway(number, child.identity))
        except OSError as error:
            await self._recover(f"the gateway cannot be started: {error.strerror}")
            return
        self._board.update(gateway_pid=child.pid, generation=number, starts=self._board.facts.starts + 1)
        self._journal.write("note", f"spawned generation {number}", pid=child.pid, generation=number)
        ended = asyncio.create_task(child.ended.wait())
        ended.add_done_callback(lambda _task: self._happened.set())
        checking: asyncio.Task[None] | None = None
        try:
            while not child.ended.is_set():
                self._advance(life, child, loop.time())
                if checking is None and self._board.state in SERVING:
                    checking = asyncio.create_task(self._check_health(life))
                if self._handed_over(life):
                    self._retire(child, life)
                    return
                await self._until_due(life)
        finally:
            ended.cancel()
            if checking is not None:
                checking.cancel()
            self._life = None
            self._board.update(gateway_pid=None, ready_since=None)
        await self._after(life, child)

    def _advance(self, life: Generation, child: Child, now: float) -> None:
        """What the present facts ask for: at most one transition, and signals."""
        policy, state = self._policy, self._board.state
        unwanted = not self._wanted or self._renew
        why = "stop on request" if not self._wanted else "restart on request"
        if state is S.STARTING:
            if unwanted:
                self._to(S.STOPPING, why)
                self._ask_to_end(life, child)
                life.kill_at = now + policy.cut_seconds
            elif life.ready:
                self._backoff.ready()
                self._board.update(ready_since=milliseconds())
                self._to(S.READY, f"serving at {self._board.facts.url}")
            elif now >= life.start_until and not life.verdict:
                life.verdict, life.kill_at = f"not READY within {policy.start_seconds:g} s", now
        elif state in SERVING:
            if unwanted or life.draining:
                self._to(S.DRAINING, why if unwanted else "the gateway was told to drain by another program")
                if unwanted:
                    self._ask_to_end(life, child)
                life.drain_until = now + policy.drain_seconds
                life.kill_at = life.drain_until + policy.settle_seconds
            elif now - life.heard_at >= policy.heartbeat_seconds and not life.verdict:
                life.verdict = f"no heartbeat for {policy.heartbeat_seconds:g} s"
                self._signal(child, signal.SIGABRT, f"{life.verdict}: its stacks go to the process log")
                life.kill_at = now + policy.abort_seconds
            else:
                self._show_trouble(life)
        elif state is S.DRAINING and now >= life.drain_until:
            self._to(S.STOPPING, f"the drain's {policy.drain_seconds:g} s are over")
        if self._cut and not life.cut and self._board.state in (S.DRAINING, S.STOPPING):
            life.cut = True
            if self._board.state is S.DRAINING:
                self._to(S.STOPPING, "streams are cut on request")
            self._signal(child, signal.SIGTERM)
            life.kill_at = now + policy.cut_seconds
        if life.kill_at is not None and now >= life.kill_at:
            self._signal(child, signal.SIGKILL, life.verdict or "it did not end in time")
            life.kill_at = None

    async def _until_due(self, life: Generation) -> None:
        now = asyncio.get_running_loop().time()
        due = life.due(self._board.state, self._policy)
        if self._board.state is S.DRAINING and life.asked and self._wanted:
            due = min(due or now, now + _LOCK_POLL_SECONDS)
        if await self._until(due) > _LATE_SECONDS:
            # the daemon itself did not run: the gateway's reports wait in the pipe
            life.heard_at = asyncio.get_running_loop().time()

    async def _after(self, life: Generation, child: Child) -> None:
        how = ": ".join(part for part in (life.verdict, f"the gateway {child.how_it_ended}", life.failure) if part)
        self._journal.write("exit", how, pid=child.pid, generation=life.number)
        if life.asked:
            if self._board.state in SERVING:
                self._to(S.DRAINING, how)
            if self._board.state is not S.STOPPING:
                self._to(S.STOPPING, how)
        elif child.returncode in NOT_RETRIED and not life.verdict:
            await self._fail(life.failure or how)
        else:
            await self._recover(how)

    async def _recover(self, why: str) -> None:
        self._hurried = False
        delay = self._backoff.ended()
        self._board.update(retry_at=milliseconds() + int(delay.seconds * 1000))
        self._to(delay.state, f"{why}; {delay.reason}")
        until = asyncio.get_running_loop().time() + delay.seconds
        while self._wanted and not self._hurried and asyncio.get_running_loop().time() < until:
            await self._until(until)
        self._board.update(retry_at=None)

    async def _fail(self, why: str) -> None:
        self._hurried = False
        self._to(S.FAILED, why)
        while self._wanted and not self._hurried:
            await self._until(None)

    # Hand-over

    def _handed_over(self, life: Generation) -> bool:
        """At a restart: whether the old gateway has passed the writer's lock on while its streams drain."""
        due = self._board.state is S.DRAINING and life.asked and self._wanted
        return due and not is_locked(self._state_dir.writer_lock)

    def _retire(self, child: Child, life: Generation) -> None:
        async def see_off() -> None:
            remaining = (life.kill_at or 0.0) - asyncio.get_running_loop().time()
            if not await child.wait(max(0.0, remaining)):
                self._signal(child, signal.SIGKILL, "it did not end in time")
                await child.wait()
            self._journal.write("exit", f"the gateway {child.how_it_ended}", pid=child.pid, generation=life.number)

        task = asyncio.create_task(see_off())
        self._retiring[task] = child
        task.add_done_callback(self._retiring.pop)

    async def _predecessor_gone(self) -> bool:
        """Wait until nobody holds the writer's lock; False when that is no longer wanted, or was in vain."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._policy.drain_seconds + self._policy.settle_seconds
        ask_at, killed = loop.time() + _LOCK_POLL_SECONDS, False
        while is_locked(self._state_dir.writer_lock):
            now = loop.time()
            if not self._wanted:
                self._to(S.STOPPING, "stop on request")
                return False
            if now >= until and not killed:
                killed = self._last.kill()
                if killed:
                    self._journal.write("signal", "SIGKILL: the previous gateway did not end in time")
                    until = now + self._policy.abort_seconds
            if now >= until:
                await self._fail(f"{self._state_dir.writer_lock} is held by another program")
                return False
            if now >= ask_at:
                ask_at = now + _STREAMS_POLL_SECONDS
                count = await streams_left(self._state_dir)
                waiting = f"{count} stream{'' if count == 1 else 's'} of" if count is not None else ""
                reason = " ".join(f"waiting for {waiting} the previous gateway".split())
                if self._board.because(reason):
                    self._journal.write("note", reason)
            await self._until(loop.time() + _LOCK_POLL_SECONDS)
        return True

    # What comes in

    def _take(self, life: Generation, report: Report) -> None:
        if life is not self._life:
            return  # it drains while the next one has its place
        life.hear(report, asyncio.get_running_loop().time())
        if report.type is ReportType.EXTEND and self._board.state is S.STARTING and report.reason:
            self._board.because(report.reason)
        if report.type is not ReportType.HEARTBEAT:
            self._happened.set()

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
                self._happened.set()
            await asyncio.sleep(health.interval)

    def _show_trouble(self, life: Generation) -> None:
        if life.trouble and self._board.state is S.READY:
            self._to(S.DEGRADED, life.trouble)
        elif life.trouble:
            self._board.because(life.trouble)
        elif self._board.state is S.DEGRADED:
            self._to(S.READY, "well again")

    # What goes out

    def _to(self, state: GatewayState, reason: str) -> None:
        self._board.to(state, reason)
        self._answerer.follow(state)

    def _remember(self, gateway: LastGateway) -> None:
        self._last = gateway
        gateway.save(hint_path(self._state_dir))

    def _ask_to_end(self, life: Generation, child: Child) -> None:
        life.asked = True
        self._signal(child, signal.SIGTERM)

    def _signal(self, child: Child, number: signal.Signals, why: str = "") -> None:
        self._journal.write("signal", f"{number.name}{f': {why}' if why else ''}", pid=child.pid)
        if number is signal.SIGKILL:
            child.kill()
        else:
            child.signal(number)

    def _want(self) -> None:
        if self._ends:
            raise ControlError("unavailable", "the daemon is ending")
        self._wanted = True
        if self._board.state in (S.STOPPED, S.BACKOFF, S.COOLDOWN, S.FAILED):
            self._hurried = True
            self._backoff.reset()
        self._happened.set()

    async def _until(self, deadline: float | None) -> float:
        """Wait until something happens or the deadline; by how many seconds it was missed."""
        loop = asyncio.get_running_loop()
        if deadline is None or deadline > loop.time():
            try:
                async with asyncio.timeout_at(deadline):
                    await self._happened.wait()
            except TimeoutError:
                return max(0.0, loop.time() - (deadline or 0.0))
        else:
            await asyncio.sleep(0)
        self._happened.clear()
        return 0.0
