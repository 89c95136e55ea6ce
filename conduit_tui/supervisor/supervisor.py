"""Keeps one gateway running: starts it, watches it, drains it, hands over to the next."""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

from conduit_tui.control.orders import Order, OrderType
from conduit_tui.control.reports import Report, ReportType
from conduit_tui.domain.processes import GatewayState
from conduit_tui.supervisor.backoff import Backoff
from conduit_tui.supervisor.board import StatusBoard
from conduit_tui.supervisor.child import Carried
from conduit_tui.supervisor.generation import Generation
from conduit_tui.supervisor.journal import milliseconds
from conduit_tui.supervisor.place import Place
from conduit_tui.supervisor.policy import NOT_RETRIED
from conduit_tui.supervisor.predecessor import Predecessor
from conduit_tui.supervisor.register import Register
from conduit_tui.supervisor.requests import Requests
from conduit_tui.supervisor.resumption import Resumption
from conduit_tui.supervisor.retiring import Retiring
from conduit_tui.supervisor.states import SERVING
from conduit_tui.supervisor.steps import Steps
from conduit_tui.supervisor.succession import Succession
from conduit_tui.supervisor.watching import Watching
from conduit_tui.supervisor.wishes import Wishes

_LATE_SECONDS = 1.0

S = GatewayState


class Supervisor:
    """The state machine at work. `requests` is what may be asked of it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        policy, journal = place.policy, place.journal
        self._policy = policy
        self._journal = journal
        self._wishes = Wishes()
        self._backoff = Backoff(policy, time.monotonic, random.uniform)
        self._register = Register(place.state_dir, policy)
        self._board = StatusBoard(place.url, place.daemon_pid, self._register.number, policy, journal)
        self._life: Generation | None = None  # the gateway that has its turn
        self._retiring = Retiring(policy, journal, self._retirees_changed, self._retiree_ended)
        self._succession = Succession(
            policy, self._wishes, self._board, journal, lambda: self._launch(waits=True), self._to
        )
        self._steps = Steps(policy, self._wishes, self._board, self._backoff, self._retiring, journal, self._to)
        self.requests = Requests(self._wishes, self._board, self._backoff, self._retiring, place.ending)
        self._watching = Watching(policy, place.memory_limit, place.check, self._board, journal, self._wishes)

    # The life of the gateway

    async def run(self, resumption: Resumption | None = None) -> bool:
        """Keep the gateway running until the daemon is told to end. True when the daemon is to be executed anew."""
        wishes = self._wishes
        if resumption is not None:
            self._resume(resumption)
        if self._life is not None and await self._live():
            return True
        while wishes.gateway or not wishes.ends:
            if wishes.anew is not None:
                return True
            if wishes.gateway:
                if await self._start():
                    return True
            else:
                await self._stopped("stopped on request")
                wishes.cut = False
                await wishes.until(None)
        await self._stopped("the daemon ends")
        return False

    def close(self) -> None:
        """Watch nothing any more."""
        self._watching.follow(None)
        self._retiring.close()
        self._board.close()

    async def _stopped(self, why: str) -> None:
        while (older := self._retiring.words) and (not self._wishes.gateway or self._wishes.ends):
            self._board.because(older)
            await self._wishes.until(None)
        if self._board.state is not S.STOPPED and not self._wishes.gateway:
            self._to(S.STOPPED, why)

    async def _start(self) -> bool:
        wishes = self._wishes
        again = self._board.state in (S.BACKOFF, S.COOLDOWN) and not wishes.hurried
        self._to(S.STARTING, "next try" if again else wishes.renew or "start")
        wishes.renew, wishes.hurried, wishes.cut = "", False, False
        if not await self._predecessor_gone():
            return False
        try:
            self._life = self._launch(waits=False)
        except OSError as error:
            await self._recover(f"the gateway cannot be started: {error.strerror}")
            return False
        return await self._live()

    def _launch(self, *, waits: bool) -> Generation:
        life = self._register.new()
        life.process = self._place.spawn(
            life.number, self._retiring.generations, lambda report: self._take(life, report), waits=waits
        )
        life.process.on_ended = self._wishes.wake
        self._journal.write("note", f"spawned generation {life.number}", pid=life.process.pid, generation=life.number)
        self._board.update(starts=self._board.facts.starts + 1)
        self._remember(life)
        return life

    async def _live(self) -> bool:
        """From the spawn of a gateway, through hand-overs to others, to the end of the last. True as for `run`."""
        loop = asyncio.get_running_loop()
        while self._life is not None:
            life = self._life
            self._remember()
            self._board.update(gateway_pid=life.child.pid, generation=life.number, in_flight=life.in_flight)
            while self._life is life and not life.child.ended.is_set():
                self._steps.take(life, loop.time())
                self._show(life)
                self._succession.step(life, loop.time())
                if life.handed_over and (coming := self._succession.take()) is not None:
                    self._retiring.take(life)
                    self._promote(coming, f"generation {life.number} has handed over")
                if self._life is life and self._may_be_left(life):
                    return True
                if self._life is life:
                    await self._until_due(life)
            if self._life is life:
                await self._after(life)
        return False

    def _may_be_left(self, life: Generation) -> bool:
        return self._wishes.anew is not None and self._board.state in SERVING and self._succession.coming is None

    def _show(self, life: Generation) -> None:
        self._watching.follow(life if self._board.state in SERVING else None)
        draining = self._board.state is S.DRAINING
        self._board.update(in_flight=life.in_flight, drain_until=life.drain_until_ms if draining else None)

    async def _until_due(self, life: Generation) -> None:
        loop = asyncio.get_running_loop()
        times = life.due(self._board.state, self._policy), self._succession.due
        if await self._wishes.until(min((at for at in times if at is not None), default=None)) > _LATE_SECONDS:
            # the daemon itself did not run: the gateway's reports wait in the pipe
            life.heard_at = loop.time()

    async def _after(self, life: Generation) -> None:
        how = ": ".join(part for part in (life.verdict, f"the gateway {life.child.how_it_ended}", life.failure) if part)
        self._journal.write("exit", how, pid=life.child.pid, generation=life.number)
        if self._wishes.gateway and (coming := self._succession.take()) is not None:
            self._promote(coming, how)
            return
        self._life = None
        self._watching.follow(None)
        self._board.update(gateway_pid=None, ready_since=None, in_flight=0, drain_until=None)
        self._remember()
        if life.asked:
            if self._board.state in SERVING:
                self._to(S.DRAINING, how)
            if self._board.state is not S.STOPPING:
                self._to(S.STOPPING, how)
        elif life.child.returncode in NOT_RETRIED and not life.verdict:
            await self._fail(life.failure or how)
        else:
            await self._recover(how)

    async def _recover(self, why: str) -> None:
        loop, wishes = asyncio.get_running_loop(), self._wishes
        wishes.hurried = False
        delay = self._backoff.ended()
        self._board.update(retry_at=milliseconds() + int(delay.seconds * 1000))
        self._to(delay.state, f"{why}; {delay.reason}")
        until = loop.time() + delay.seconds
        while wishes.gateway and not wishes.hurried and loop.time() < until:
            await wishes.until(until)
        self._board.update(retry_at=None)

    async def _fail(self, why: str) -> None:
        self._wishes.hurried = False
        self._to(S.FAILED, why)
        while self._wishes.gateway and not self._wishes.hurried:
            await self._wishes.until(None)

    # Hand-over

    def _promote(self, coming: Generation, why: str) -> None:
        now = asyncio.get_running_loop().time()
        coming.start_until = now + self._policy.start_seconds
        coming.heard_at = now
        self._life = coming
        self._board.update(gateway_pid=coming.child.pid, generation=coming.number, ready_since=None)
        self._to(S.STARTING, f"generation {coming.number} takes over: {why}")
        coming.child.order(Order(type=OrderType.TAKE_OVER, living=self._retiring.generations))

    async def _predecessor_gone(self) -> bool:
        """Wait until nobody has the database; False when that is no longer wanted, or was in vain."""
        predecessor = Predecessor(
            self._place.state_dir,
            self._policy,
            self._journal,
            because=self._board.because,
            wanted=lambda: self._wishes.gateway,
            wait=self._wishes.until,
        )
        try:
            gone = await predecessor.gone(self._register.left)
        except TimeoutError:
            await self._fail(f"{self._place.state_dir.writer_lock} is held by another program")
            return False
        if not gone:
            self._to(S.STOPPING, "stop on request")
            return False
        self._adopt(ours=set())
        return True

    def _adopt(self, ours: set[int]) -> None:
        """Take over what gateways an earlier daemon left, but for those that are children of this process."""
        for number, identity in self._register.take_left().items():
            if number not in ours:
                self._retiring.adopt(number, identity)

    def _retirees_changed(self) -> None:
        self._board.update(retiring=self._retiring.shown)
        self._wishes.wake()

    def _retiree_ended(self, number: int) -> None:
        if self._life is not None:
            self._life.child.order(Order(type=OrderType.ENDED, generation=number))

    # The daemon executed anew

    @property
    def environment(self) -> Mapping[str, str]:
        """What the environment of the next program is to be; empty for that of this one."""
        return self._wishes.anew or {}

    @property
    def settled(self) -> bool:
        """Whether the gateway that has its turn, if one has, runs: then this program can be left."""
        return self._life is None or not self._life.child.ended.is_set()

    def carry(self) -> Resumption:
        """What the next program of this process needs to go on; nothing is read of the gateways any more."""
        return Resumption(
            status=self._board.status(),
            wanted=self._wishes.gateway,
            life=self._life.carry() if self._life is not None else None,
            retiring=self._retiring.carry(),
        )

    def stay(self, why: str) -> None:
        """No other program could be executed: this one goes on."""
        self._wishes.anew, self._wishes.renew = None, ""
        self._board.update(renewal_failure=why)
        self._retiring.resume()
        if self._life is not None:
            self._life.child.resume()

    def _resume(self, resumption: Resumption) -> None:
        self._wishes.gateway = resumption.wanted
        self._board.resume(resumption.status)
        self._place.answerer.follow(self._board.state)
        older = [self._revive(facts) for facts in resumption.retiring]
        for life in older:
            self._retiring.take(life)
        if resumption.life is not None:
            self._life = self._revive(resumption.life)
            self._wishes.renew = "the daemon was replaced, and so is its gateway"
        ours = {life.number for life in (*older, *([self._life] if self._life else []))}
        self._adopt(ours)

    def _revive(self, facts: dict[str, Any]) -> Generation:
        life = Generation(**{**facts, "process": None, "heard_at": asyncio.get_running_loop().time()})
        life.process = self._place.attend(Carried(**facts["process"]), lambda report: self._take(life, report))
        life.process.on_ended = self._wishes.wake
        return life

    # What comes in and what goes out

    def _take(self, life: Generation, report: Report) -> None:
        life.hear(report, asyncio.get_running_loop().time())
        if life is self._life:
            if report.type is ReportType.EXTEND and self._board.state is S.STARTING and report.reason:
                self._board.because(report.reason)
        elif life is not self._succession.coming:
            self._board.update(retiring=self._retiring.shown)
        self._wishes.wake()

    def _to(self, state: GatewayState, reason: str) -> None:
        self._board.to(state, reason)
        self._place.answerer.follow(state)

    def _remember(self, *others: Generation | None) -> None:
        self._register.save((self._life, self._succession.coming, *others), self._retiring.identities)
