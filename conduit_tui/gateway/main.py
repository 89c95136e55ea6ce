"""The gateway process: takes the writer's lock, opens the store, serves the inherited socket, drains when told to."""

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from conduit_tui.config.check import validate
from conduit_tui.config.errors import ConfigError
from conduit_tui.config.model import BoxConfig
from conduit_tui.config.precedence import from_environment
from conduit_tui.control import token
from conduit_tui.control.local import LocalControl
from conduit_tui.control.reports import ReportType
from conduit_tui.control.server import ControlServer, control_methods
from conduit_tui.gateway.door import Door
from conduit_tui.gateway.event_copy import EventCopy
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.http.proxies import Proxies
from conduit_tui.gateway.http.server import Server
from conduit_tui.gateway.live import LiveBoard
from conduit_tui.gateway.probe import probe
from conduit_tui.gateway.projects import in_force
from conduit_tui.gateway.registry import Registry
from conduit_tui.gateway.reporter import Reporter, die_with_parent, watch_life
from conduit_tui.gateway.road import House
from conduit_tui.gateway.runs import ActiveRuns
from conduit_tui.gateway.service import Service
from conduit_tui.gateway.upkeep import BudgetWarnings, expire, tend
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.observe.logs import Descriptor, Logger, configure_logs
from conduit_tui.observe.redact import keep_secret
from conduit_tui.paths import StateDir, StateDirError
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.pricing.prices import Prices
from conduit_tui.routing import tokens
from conduit_tui.store import price_overrides
from conduit_tui.store.interface import StoreError
from conduit_tui.store.locks import WriterLock
from conduit_tui.store.sqlite import SqliteStore

OPEN_SECONDS = 30.0
SETTLE_SECONDS = 5.0
LOCK_SECONDS = 60.0  # a predecessor may drain that long
BYPASS = "CONDUIT_BYPASS"

EXIT_INTERNAL = 70
EXIT_PERMISSION = 77
EXIT_CONFIGURATION = 78

log = Logger("gateway")


class Misconfigured(Exception):
    """The gateway cannot start as it was told to; the message says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the daemon says at the start."""

    state_dir: StateDir
    listener: socket.socket
    reporter: Reporter
    life_fd: int
    generation: int
    url: str
    hosts: tuple[str, ...]
    tls: ssl.SSLContext | None
    config: BoxConfig


def main() -> None:
    """Run until drained; the exit code says how it ended (see `EXIT_*`)."""
    arguments = _parse(sys.argv[1:])
    faulthandler.enable(all_threads=True)  # the daemon aborts a gateway that hangs, for its stacks
    die_with_parent()
    configure_logs(Descriptor(2), process="gateway")
    reporter = Reporter(arguments.report_fd)
    try:
        options = Options(
            state_dir=StateDir(Path(arguments.state_dir)),
            listener=socket.socket(fileno=arguments.listen_fd),
            reporter=reporter,
            life_fd=arguments.life_fd,
            generation=arguments.generation,
            url=arguments.url,
            hosts=tuple(arguments.allow_host),
            tls=_tls(arguments.tls_cert, arguments.tls_key),
            config=_config(arguments.config),
        )
        uvloop.run(serve(options))
    except (Misconfigured, ConfigError, StoreError, StateDirError) as error:
        reporter.report(ReportType.FAILED, str(error))
        log.error("the gateway cannot start", reason=str(error))
        sys.exit(EXIT_CONFIGURATION)
    except PermissionError as error:
        reporter.report(ReportType.FAILED, str(error))
        log.error("the gateway may not start", reason=str(error))
        sys.exit(EXIT_PERMISSION)


async def serve(options: Options) -> None:
    """Everything between the writer's lock and its release. Raises StoreError, StateDirError, Misconfigured."""
    reporter = options.reporter
    stop = Stop()
    watch_life(options.life_fd, stop.drain.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.request)
    async with _background(reporter.beat()):
        reporter.report(ReportType.EXTEND, "waiting for the writer's lock", LOCK_SECONDS)
        async with WriterLock(options.state_dir.writer_lock, LOCK_SECONDS):
            reporter.report(ReportType.EXTEND, "opening the database", OPEN_SECONDS)
            store = await SqliteStore.open(options.state_dir.database, durability=options.config.store.durability)
            try:
                await _serve_with(store, options, stop)
            finally:
                await store.close()


class Stop:
    """The wish to stop: told once to drain, told twice to cut.

    A daemon that dies says it twice, through the life pipe and by the signal at its death, and means it once.
    """

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.cut = asyncio.Event()
        self._daemon = os.getppid()

    def request(self) -> None:
        """SIGTERM came."""
        again = self.drain.is_set() and os.getppid() == self._daemon
        (self.cut if again else self.drain).set()


async def _serve_with(store: SqliteStore, options: Options, stop: Stop) -> None:
    reporter = options.reporter
    limits = Limits(body_bytes=options.config.gateway.max_body_bytes)
    upstreams = Upstreams(limits, proxies=Proxies.from_environment())
    board = LiveBoard(lambda: store.last_usage_id)
    prices = Prices(Catalog())
    ledger = Ledger(store, options.generation, on_warning=BudgetWarnings(store).say)
    if recovered := await ledger.recover(range(options.generation)):
        log.warning("holds of ended gateways charged at their estimate", attempts=recovered)
    house = House(
        door=_door(options, ActiveRuns()),
        registry=Registry([]),
        upstreams=upstreams,
        store=store,
        prices=prices,
        ledger=ledger,
        board=board,
        prices_loaded=asyncio.create_task(asyncio.to_thread(prices.warm)),
    )
    service = Service(house)

    runs = house.runs = ActiveRuns(store, options.state_dir)

    async def reload() -> None:
        providers, projects = await store.providers(), await store.projects()
        bypass = os.environ.get(BYPASS) == "1" or await store.bypass()
        routed = await asyncio.to_thread(in_force, projects)
        if any("tokenCount" in project.rules.needs for project in routed.values()):
            await asyncio.to_thread(tokens.load)  # 0.3 s and 77 MB, for those who count
        service.use(providers, routed, bypass=bypass)
        prices.use(await store.run(price_overrides.all_of))
        await ledger.reload()
        house.door = _door(options, runs)
        for upstream in house.registry.upstreams:
            keep_secret(upstream.key.decode())

    await reload()
    await runs.reload()
    control = LocalControl(store, options.state_dir, probe=probe, on_change=reload, on_runs=runs.reload)
    sockets = ControlServer(
        options.state_dir.gateway_socket,
        role="gateway",
        methods=control_methods(control),
        streams={"live": board.watch},
    )
    server = Server(service, limits)
    events = EventCopy(options.state_dir.events, store)
    background = (events.follow(), expire(store, options.config.retention), tend(ledger))
    async with _running(sockets), _background(*background):
        await server.start(options.listener, tls=options.tls)
        house.prices_loaded.add_done_callback(lambda _: _settle_memory())
        reporter.report(ReportType.READY)  # what wants a price waits for the list; nothing else does
        log.info("ready", url=options.url)
        await stop.drain.wait()
        await _drain(server, service, options, stop)
    await upstreams.close()


def _settle_memory() -> None:
    """What is loaded by now stays until the end: the collector need not look through it again with every thousand
    requests. An exchange leaves no rings behind, so it may also look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


async def _drain(server: Server, service: Service, options: Options, stop: Stop) -> None:
    """Stop accepting, let streams end, cut those that do not, write down what they used."""
    log.info("draining", in_flight=server.busy)
    server.close_listener()
    service.begin_drain()
    options.reporter.report(ReportType.DRAINING)
    ending = asyncio.create_task(service.finish(options.config.supervision.drain_seconds))
    cutting = asyncio.create_task(stop.cut.wait())
    await asyncio.wait({ending, cutting}, return_when=asyncio.FIRST_COMPLETED)
    cutting.cancel()
    if not (ending.done() and ending.result()):
        service.cut()
        ending.cancel()
        await service.finish(SETTLE_SECONDS)
    await server.drain(SETTLE_SECONDS)
    log.info("drained")


@contextlib.asynccontextmanager
async def _running(sockets: ControlServer) -> AsyncIterator[None]:
    await sockets.start()
    try:
        yield
    finally:
        await sockets.close()


@contextlib.asynccontextmanager
async def _background(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _door(options: Options, runs: ActiveRuns) -> Door:
    secret = token.load_or_create(options.state_dir)
    keep_secret(secret)
    digest = token.digest(secret)
    address = options.listener.getsockname()[0]
    beyond_loopback = not (address.startswith("127.") or address == "::1")
    return Door(options.hosts, digest, token_always=beyond_loopback, is_run_token=runs.is_token)


def _config(given: str | None) -> BoxConfig:
    """What the daemon says; the environment and the defaults where it says nothing. Raises ConfigError."""
    return from_environment() if given is None else validate(json.loads(given))


def _tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"cannot use the certificate {certificate}: {error}") from None
    return context


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m conduit_tui.gateway", description="Started by the daemon.")
    parser.add_argument("--state-dir", required=True)
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--report-fd", type=int, required=True)
    parser.add_argument("--life-fd", type=int, required=True)
    parser.add_argument("--generation", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--config")
    return parser.parse_args(arguments)
