"""The daemon: holds the lock, the listening socket and the control socket, and keeps the gateway running."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial

from conduit_tui import __version__
from conduit_tui.config.in_force import ConfigInForce
from conduit_tui.control.server import ControlServer
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.paths import StateDir, StateDirError
from conduit_tui.supervisor import health
from conduit_tui.supervisor.answerer import Answerer
from conduit_tui.supervisor.eventlog import EventLog, ProcessLog
from conduit_tui.supervisor.gateways import DaemonOptions, Gateways, reload
from conduit_tui.supervisor.journal import Journal, in_words
from conduit_tui.supervisor.listener import ListenError, bind, is_loopback, local_address, url_of
from conduit_tui.supervisor.notify import Notifier
from conduit_tui.supervisor.place import Place
from conduit_tui.supervisor.policy import EXIT_CONFIGURATION, EXIT_PERMISSION
from conduit_tui.supervisor.predecessor import LastGateways, hint_path
from conduit_tui.supervisor.replacement import SIGNALS, replace
from conduit_tui.supervisor.requests import Requests
from conduit_tui.supervisor.resumption import Carriage, Resumption
from conduit_tui.supervisor.supervisor import Supervisor

EXIT_RUNNING = 1

_BIND_POLL_SECONDS = 0.05


class DaemonError(Exception):
    """The daemon cannot run; `exit_code` is what it exits with."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


async def serve(
    options: DaemonOptions,
    *,
    tell: Callable[[ProcessEvent], None] | None = None,
    begun: Callable[[], None] | None = None,
    carriage: Carriage | None = None,
) -> None:
    """Run until SIGTERM, SIGINT or a `shutdown`; a second signal cuts streams. Raises DaemonError.

    `tell` gets each event; `begun` is called once nothing can refuse the start any more; `carriage` is what the program
    before this one left, in whose place this one was executed. Call it in the main thread.
    """
    try:
        options.state_dir.prepare()
    except StateDirError as error:
        raise DaemonError(str(error), EXIT_PERMISSION) from None
    with _daemon_lock(options.state_dir, carriage) as lock, contextlib.ExitStack() as stack:
        trust = _trust(options)
        listener = socket.socket(fileno=carriage.listener) if carriage is not None else await _bind(options)
        stack.enter_context(listener)
        events = stack.enter_context(contextlib.closing(EventLog(options.state_dir.events)))
        log = stack.enter_context(contextlib.closing(ProcessLog(options.state_dir.process_log)))
        logging.getLogger().addHandler(log)
        stack.callback(logging.getLogger().removeHandler, log)
        if begun is not None:
            begun()
        notifier = Notifier()
        journal = Journal(events, log, partial(_pass_on, notifier, tell))
        answerer = Answerer(listener, options.policy, tls=options.tls)
        gateways = Gateways(options, listener, log, journal)
        host, port = local_address(listener)
        supervisor = Supervisor(
            Place(
                state_dir=options.state_dir,
                url=url_of(listener, tls=options.tls),
                policy=options.policy,
                memory_limit=lambda: options.memory_limit,
                spawn=gateways.spawn,
                attend=gateways.attend,
                check=partial(health.check, host, port, options.policy.health_timeout_seconds, trust),
                answerer=answerer,
                journal=journal,
                daemon_pid=os.getpid(),
                ending=partial(notifier.ending, options.policy.end_seconds),
            )
        )
        stack.callback(supervisor.close)
        told = f"the daemon (PID {os.getpid()}) listens on {url_of(listener, tls=options.tls)}"
        journal.write("note", told if carriage is None else f"{told}, executed anew as version {__version__}")
        resumption = carriage.resumption if carriage is not None else None
        notifier.say(READY="1", STATUS=told)
        async with notifier.alive(), _signals(supervisor.requests, journal, options.config):
            while await _run(options.state_dir, supervisor, answerer, resumption):
                resumption = None
                await replace(supervisor, options.state_dir, journal, listener=listener.fileno(), lock=lock)


def _pass_on(notifier: Notifier, tell: Callable[[ProcessEvent], None] | None, event: ProcessEvent) -> None:
    if event.state is not None:
        notifier.say(STATUS=in_words(event))
    if tell is not None:
        tell(event)


async def _run(state_dir: StateDir, supervisor: Supervisor, answerer: Answerer, resumption: Resumption | None) -> bool:
    """Whether the daemon is to be executed anew; else it has ended."""
    async with _answering(state_dir, supervisor.requests):
        try:
            return await supervisor.run(resumption)
        finally:
            await answerer.close()


@contextlib.contextmanager
def _daemon_lock(state_dir: StateDir, carriage: Carriage | None) -> Iterator[int]:
    """Be the only daemon of this state directory; the lock ends with the process at the latest. Its descriptor."""
    if carriage is not None:
        try:
            yield carriage.lock
        finally:
            os.close(carriage.lock)
        return
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(state_dir.daemon_lock, flags, 0o600)
    except OSError as error:
        raise DaemonError(f"cannot open {state_dir.daemon_lock}: {error.strerror}", EXIT_PERMISSION) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            who = f"PID {holder}" if holder.isdecimal() else "PID unknown"
            raise DaemonError(
                f"a daemon runs already for {state_dir.root} ({who}); `conduit-tui status` shows it", EXIT_RUNNING
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())  # a hint for people; the lock is what counts
        yield descriptor
    finally:
        os.close(descriptor)


async def _bind(options: DaemonOptions) -> socket.socket:
    """The listening socket. A gateway whose daemon was killed has a moment to close its copy."""
    last = LastGateways.load(hint_path(options.state_dir))
    loop = asyncio.get_running_loop()
    until = loop.time() + options.policy.predecessor_listener_seconds
    while True:
        try:
            listener = bind(options.listen, options.port)
            break
        except ListenError as error:
            if not error.taken or not last.alive:
                raise DaemonError(str(error), error.exit_code) from None
            if loop.time() >= until:
                last.kill()  # its daemon is dead and it has not noticed: it hangs
        await asyncio.sleep(_BIND_POLL_SECONDS)
    if not is_loopback(listener) and not options.tls and not options.insecure_listen:
        listener.close()
        raise DaemonError(
            f"{options.listen} can be reached from other machines, and the token would cross the network unencrypted; "
            "give --tls-cert and --tls-key, or --insecure-listen if something else encrypts",
            EXIT_CONFIGURATION,
        )
    return listener


def _trust(options: DaemonOptions) -> ssl.SSLContext | None:
    if options.tls_cert is None:
        return None
    try:
        return health.trusting(options.tls_cert)
    except (OSError, ValueError) as error:
        raise DaemonError(f"cannot use the certificate {options.tls_cert}: {error}", EXIT_CONFIGURATION) from None


@contextlib.asynccontextmanager
async def _answering(state_dir: StateDir, requests: Requests) -> AsyncIterator[None]:
    server = ControlServer(
        state_dir.daemon_socket,
        role="daemon",
        methods={
            "status": requests.status,
            "start": requests.start,
            "restart": requests.restart,
            "stop": requests.stop,
            "shutdown": requests.shutdown,
        },
        streams={"status": requests.watch},
    )
    await server.start()
    try:
        yield
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def _signals(requests: Requests, journal: Journal, config: ConfigInForce | None) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    told = 0
    tasks: set[asyncio.Task[None]] = set()

    def end(number: signal.Signals) -> None:
        nonlocal told
        told += 1
        journal.write("signal", f"{number.name}: the daemon {'drains and ends' if told == 1 else 'ends now'}")
        task = asyncio.create_task(requests.shutdown(now=told > 1))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)

    def hang_up() -> None:
        journal.write("signal", "SIGHUP: the daemon stays, and reads its configuration again")
        reload(config, journal)

    # a handler and not SIG_IGN: a gateway would inherit that
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # a program that executed this one held them back
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
