"""The gateway process: takes the writer's lock, opens the store, serves the inherited socket until told to end."""

import asyncio
import contextlib
import faulthandler
import signal
import sys

import uvloop

from conduit_tui.config.errors import ConfigError
from conduit_tui.control.reports import ReportType
from conduit_tui.gateway.background import background
from conduit_tui.gateway.options import Misconfigured, Options, report_descriptor
from conduit_tui.gateway.orders import Orders
from conduit_tui.gateway.reporter import Reporter, die_with_parent, follow_life
from conduit_tui.gateway.serving import Serving
from conduit_tui.gateway.telemetry import telemetry
from conduit_tui.observe.logs import Descriptor, Logger, configure_logs
from conduit_tui.paths import StateDirError
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.pricing.prices import Prices
from conduit_tui.routing import tokens
from conduit_tui.store.errors import PassingError
from conduit_tui.store.interface import StoreError
from conduit_tui.store.locks import WriterLock
from conduit_tui.store.opening import refuse_foreign
from conduit_tui.store.reader import SqliteReader
from conduit_tui.store.sqlite import SqliteStore

LOCK_SECONDS = 60.0  # a predecessor may drain that long
OPEN_SECONDS = 30.0  # for migrations

EXIT_PASSING = 75
EXIT_PERMISSION = 77
EXIT_CONFIGURATION = 78

log = Logger("gateway")


def main() -> None:
    """Run until drained; the exit code says how it ended (see `EXIT_*`)."""
    faulthandler.enable(all_threads=True)  # the daemon aborts a gateway that hangs, for its stacks
    die_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a logout hangs up on everybody; the daemon says when to end
    configure_logs(Descriptor(2), process="gateway")
    reporter = Reporter(report_descriptor(sys.argv[1:]))
    try:
        uvloop.run(serve(Options.parse(sys.argv[1:], reporter)))
    except PassingError as error:
        reporter.report(ReportType.FAILED, str(error))
        log.error("the gateway cannot start now", reason=str(error))
        sys.exit(EXIT_PASSING)
    except (Misconfigured, ConfigError, StoreError, StateDirError) as error:
        reporter.report(ReportType.FAILED, str(error))
        log.error("the gateway cannot start", reason=str(error))
        sys.exit(EXIT_CONFIGURATION)
    except PermissionError as error:
        reporter.report(ReportType.FAILED, str(error))
        log.error("the gateway may not start", reason=str(error))
        sys.exit(EXIT_PERMISSION)


async def serve(options: Options) -> None:
    """Everything from the start to the end of the last stream. Raises StoreError, StateDirError, Misconfigured."""
    reporter, orders = options.reporter, Orders()
    follow_life(options.life_fd, orders.drain.set, orders.take)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, orders.terminate)
    prices = Prices(Catalog())
    async with background(reporter.beat()), telemetry(options.config.telemetry):
        living: tuple[int, ...] | None = options.living
        if options.waits:
            await _warm(options, prices)
            reporter.report(ReportType.PREPARED)
            living = await orders.turn()
        if living is None:
            return
        reporter.report(ReportType.EXTEND, "waiting for the writer's lock", LOCK_SECONDS)
        async with WriterLock(options.state_dir.writer_lock, LOCK_SECONDS) as lock:
            reporter.report(ReportType.EXTEND, "opening the database", OPEN_SECONDS)
            store = await SqliteStore.open(options.state_dir.database, durability=options.config.store.durability)
            try:
                serving = Serving(options, orders, store, lock, prices)
                await serving.run(living)
            finally:
                await store.close()


async def _warm(options: Options, prices: Prices) -> None:
    """Load while the gateway before this one still serves, so that clients wait for milliseconds only.

    Raises StoreError for a database that this version cannot use: then the one before goes on.
    """
    await asyncio.to_thread(refuse_foreign, options.state_dir.database)
    await asyncio.to_thread(prices.warm)
    with contextlib.suppress(StoreError):  # an older schema is migrated when it is opened
        reader = await SqliteReader.open(options.state_dir.database)
        try:
            projects = await reader.projects()
        finally:
            await reader.close()
        if any("tokenCount" in str(project.config.routing_rules) for project in projects):
            await asyncio.to_thread(tokens.load)
