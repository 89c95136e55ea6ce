"""The gateway at work, from the opened database to the end of its last stream."""

import asyncio
import contextlib
import gc
import os
import time

from conduit_tui.control import token
from conduit_tui.control.local import LocalControl
from conduit_tui.control.reports import ReportType
from conduit_tui.control.server import ControlServer, control_methods
from conduit_tui.gateway.background import background
from conduit_tui.gateway.door import Door
from conduit_tui.gateway.event_copy import EventCopy
from conduit_tui.gateway.forwarding import ForwardingStore
from conduit_tui.gateway.guesses import Guesses
from conduit_tui.gateway.handover import let_go, show_next
from conduit_tui.gateway.house import House
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.http.proxies import Proxies
from conduit_tui.gateway.http.server import Server
from conduit_tui.gateway.live import LiveBoard
from conduit_tui.gateway.metrics import Figures
from conduit_tui.gateway.metrics_port import serve_metrics
from conduit_tui.gateway.older import OlderGenerations
from conduit_tui.gateway.options import Options
from conduit_tui.gateway.orders import Orders
from conduit_tui.gateway.probe import probe
from conduit_tui.gateway.projects import in_force
from conduit_tui.gateway.registry import Registry
from conduit_tui.gateway.runs import ActiveRuns
from conduit_tui.gateway.service import Service
from conduit_tui.gateway.upkeep import BudgetWarnings, copy_regularly, expire, keep_clients_awake, tend
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.observe.logs import Logger
from conduit_tui.observe.redact import keep_secret
from conduit_tui.observe.tracing import span
from conduit_tui.pricing.prices import Prices
from conduit_tui.routing import tokens
from conduit_tui.store import price_overrides
from conduit_tui.store.interface import StoreError
from conduit_tui.store.locks import WriterLock
from conduit_tui.store.sqlite import SqliteStore

SETTLE_SECONDS = 5.0
LINGER_SECONDS = 1.0  # after a hand-over, for clients that still send on the connections they have
_LOOK_SECONDS = 0.02
BYPASS = "CONDUIT_BYPASS"

log = Logger("gateway")


class Serving:
    """One gateway while it has something to serve: at first with the database, after a hand-over without."""

    def __init__(self, options: Options, orders: Orders, store: SqliteStore, lock: WriterLock, prices: Prices) -> None:
        """Raises StateDirError."""
        configured = options.config.gateway
        limits = Limits(body_bytes=configured.max_body_bytes, upstream_idle_seconds=configured.upstream_idle_seconds)
        self._options = options
        self._orders = orders
        self._store = store
        self._lock = lock
        self._board = LiveBoard(lambda: store.last_usage_id)
        self._ledger = Ledger(store, options.generation, on_warning=BudgetWarnings(store).say)
        self._upstreams = Upstreams(limits, proxies=Proxies.from_environment())
        self._runs = ActiveRuns(store, options.state_dir)
        self._guesses = Guesses()
        self._house = House(
            door=self._door(),
            registry=Registry([]),
            runs=self._runs,
            upstreams=self._upstreams,
            store=store,
            prices=prices,
            ledger=self._ledger,
            board=self._board,
            prices_loaded=asyncio.create_task(asyncio.to_thread(prices.warm)),
        )
        self._service = Service(self._house)
        self._server = Server(self._service, limits)
        self._older = OlderGenerations(store, self._ledger, self._board)
        self._figures = Figures(self._house.tally, self._board, options.state_dir.database, options.generation)
        control = LocalControl(store, options.state_dir, probe=probe, on_change=self._reload, on_runs=self._runs.reload)
        self._sockets = ControlServer(
            options.state_dir.gateway_socket,
            role="gateway",
            methods=control_methods(control) | self._older.methods | {"metrics": self._figures.text},
            streams={"live": self._board.watch},
        )
        self._works = contextlib.AsyncExitStack()  # what needs the database
        self._forwarding: ForwardingStore | None = None
        self._handed_over = asyncio.Event()
        options.reporter.in_flight = lambda: self._board.in_flight

    async def run(self, living: tuple[int, ...]) -> None:
        """Serve, drain, end. Of the generations before this one those `living` are not recovered yet.

        Raises StoreError.
        """
        options, orders, store = self._options, self._orders, self._store
        with span("conduit.setup", generation=options.generation) as note:
            recovered = await self._ledger.recover(set(range(options.generation)) - set(living))
            note(recovered=recovered)
            await self._reload()
            await self._runs.reload()
        if recovered:
            log.warning("holds of ended gateways charged at their estimate", attempts=recovered)
        orders.tell_ended(self._older.ended)
        await self._sockets.start()
        try:
            always = [tend(self._ledger, self._problem, options.reporter)]
            if seconds := options.config.gateway.ping_seconds:
                always.append(keep_clients_awake(self._house.relays, seconds))
            async with background(*always):
                events = EventCopy(options.state_dir.events, store)
                works = [events.follow(), expire(store, options.config.retention), self._older.bury()]
                works.append(copy_regularly(options.state_dir, options.config.backup))
                if port := options.config.metrics.port:
                    works.append(serve_metrics(self._figures.text, port))
                await self._works.enter_async_context(background(*works))
                await self._server.start(options.listener, tls=options.tls)
                self._house.prices_loaded.add_done_callback(lambda _: self._prices_are_here())
                options.reporter.report(ReportType.READY)  # what wants a price waits for the list; nothing else does
                log.info("ready", url=options.url)
                await orders.drain.wait()
                async with background(self._hand_over_when_told()):
                    await self._drain()
        finally:
            await self._works.aclose()
            await self._sockets.close()
        await self._upstreams.close()

    def _prices_are_here(self) -> None:
        _settle_memory()
        prices, board = self._house.prices, self._board
        board.price_list_problem = prices.problem
        board.price_list_days = prices.days_old(int(time.time() * 1000))
        if prices.problem:
            log.error("the price list cannot be read, models cost the unknown-model rate", problem=prices.problem)
        board.touch()

    def _problem(self) -> str:
        """What is not well, in words."""
        return "; ".join(filter(None, (self._store.problem, self._house.provider_health.problem)))

    async def _hand_over_when_told(self) -> None:
        await self._orders.hand_over.wait()
        await self._works.aclose()
        self._forwarding = await let_go(
            state_dir=self._options.state_dir,
            sockets=self._sockets,
            server=self._server,
            ledger=self._ledger,
            store=self._store,
            lock=self._lock,
            reporter=self._options.reporter,
        )
        self._handed_over.set()
        await show_next(self._options.state_dir, self._options.generation, self._board)

    async def _drain(self) -> None:
        """Stop accepting, let streams end, cut those that do not, write down what they used."""
        service, server, orders = self._service, self._server, self._orders
        log.info("draining", in_flight=server.busy)
        if not orders.hand_over.is_set():
            server.close_listener()
            service.begin_drain()
        self._options.reporter.report(ReportType.DRAINING)
        ending = asyncio.create_task(self._streams_end())
        cutting = asyncio.create_task(orders.cut.wait())
        drain_seconds = self._options.config.supervision.drain_seconds
        await asyncio.wait({ending, cutting}, timeout=drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        cutting.cancel()
        if not ending.done():
            ending.cancel()
            service.begin_drain()
            service.cut()
            await service.finish(SETTLE_SECONDS)
        await server.drain(SETTLE_SECONDS)
        if self._forwarding is not None:
            with contextlib.suppress(StoreError):
                await self._ledger.tend()  # what the next gateway could not write at first
            if lost := await self._forwarding.close(SETTLE_SECONDS):
                log.error("not settled before the end: the next gateway charges the holds", attempts=lost)
        log.info("drained")

    async def _streams_end(self) -> None:
        if self._orders.hand_over.is_set():
            await self._handed_over.wait()
            await self._linger()
            self._service.begin_drain()
        await self._service.finish(None)

    async def _linger(self) -> None:
        """Serve those who still send on a connection that they have, each for its last time."""
        for _ in range(int(LINGER_SECONDS / _LOOK_SECONDS)):
            if not self._server.connections:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        await self._service.finish(None)

    async def _reload(self) -> None:
        store, house = self._store, self._house
        providers, projects = await store.providers(), await store.projects()
        bypass = os.environ.get(BYPASS) == "1" or await store.bypass()
        routed = await asyncio.to_thread(in_force, projects)
        if any("tokenCount" in project.rules.needs for project in routed.values()):
            await asyncio.to_thread(tokens.load)  # 0.3 s and 77 MB, for those who count
        self._service.use(providers, routed, bypass=bypass)
        house.stopped = {(stop.project, stop.session): stop.reason for stop in await store.stopped_sessions()}
        house.prices.use(await store.run(price_overrides.all_of))
        await self._ledger.reload()
        house.door = self._door()
        for upstream in house.registry.upstreams:
            keep_secret(upstream.key.decode())

    def _door(self) -> Door:
        secret = token.load_or_create(self._options.state_dir)
        keep_secret(secret)
        digest = token.digest(secret)
        address = self._options.listener.getsockname()[0]
        beyond_loopback = not (address.startswith("127.") or address == "::1")
        return Door(
            self._options.hosts,
            digest,
            token_always=beyond_loopback,
            is_run_token=self._runs.is_token,
            guesses=self._guesses,
        )


def _settle_memory() -> None:
    """What is loaded by now stays until the end: the collector need not look through it again with every thousand
    requests. An exchange leaves no rings behind, so it may also look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
