"""The daemon: holds the lock, the listening socket and the control socket, and keeps the gateway running."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from conduit_tui.config.in_force import ConfigInForce
from conduit_tui.control.reports import Report
from conduit_tui.control.server import ControlServer
from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.paths import StateDir, StateDirError
from conduit_tui.supervisor import health
from conduit_tui.supervisor.answerer import Answerer
from conduit_tui.supervisor.child import Child
from conduit_tui.supervisor.eventlog import EventLog, ProcessLog
from conduit_tui.supervisor.journal import Journal
from conduit_tui.supervisor.listener import ListenError, bind, is_loopback, local_address, url_of
from conduit_tui.supervisor.policy import EXIT_CONFIGURATION, EXIT_PERMISSION, Policy
from conduit_tui.supervisor.predecessor import LastGateway, hint_path
from conduit_tui.supervisor.supervisor import Supervisor

# -P: the directory that the daemon was started in does not get to replace modules
GATEWAY_COMMAND = (sys.executable, "-P", "-m", "conduit_tui.gateway")
EXIT_RUNNING = 1

_BIND_POLL_SECONDS = 0.05


class DaemonError(Exception):
    """The daemon cannot run; `exit_code` is what it exits with."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """What the daemon is told at its start. `allow_hosts` are names that clients may use in the Host header.

    `config` is read again before each gateway and at SIGHUP; without it gateways get the defaults.
    """

    state_dir: StateDir
    port: int
    listen: str = "127.0.0.1"
    allow_hosts: Sequence[str] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure_listen: bool = False
    gateway_command: Sequence[str] = GATEWAY_COMMAND
    policy: Policy = field(default_factory=Policy)
    config: ConfigInForce | None = None

    @property
    def tls(self) -> bool:
        return self.tls_cert is not None


async def serve(
    options: DaemonOptions,
    *,
    tell: Callable[[ProcessEvent], None] | None = None,
    begun: Callable[[], None] | None = None,
) -> None:
    """Run until SIGTERM, SIGINT or a `shutdown`; a second signal cuts streams. Raises DaemonError.

    `tell` gets each event; `begun` is called once nothing can refuse the start any more. Call it in the main thread.
    """
    try:
        options.state_dir.prepare()
    except StateDirError as error:
        raise DaemonError(str(error), EXIT_PERMISSION) from None
    with _daemon_lock(options.state_dir), contextlib.ExitStack() as stack:
        trust = _trust(options)
        listener = stack.enter_context(await _bind(options))
        events = stack.enter_context(contextlib.closing(EventLog(options.state_dir.events)))
        log = stack.enter_context(contextlib.closing(ProcessLog(options.state_dir.process_log)))
        logging.getLogger().addHandler(log)
        stack.callback(logging.getLogger().removeHandler, log)
        if begun is not None:
            begun()
        journal = Journal(events, log, tell)
        answerer = Answerer(listener, options.policy, tls=options.tls)
        host, port = local_address(listener)
        supervisor = Supervisor(
            state_dir=options.state_dir,
            url=url_of(listener, tls=options.tls),
            policy=options.policy,
            spawn=partial(_spawn, options, listener, log, journal),
            check=partial(health.check, host, port, options.policy.health_timeout_seconds, trust),
            answerer=answerer,
            journal=journal,
            daemon_pid=os.getpid(),
        )
        async with _answering(options.state_dir, supervisor), _signals(supervisor, journal, options.config):
            journal.write("note", f"the daemon (PID {os.getpid()}) listens on {url_of(listener, tls=options.tls)}")
            try:
                await supervisor.run()
            finally:
                await answerer.close()


async def _spawn(
    options: DaemonOptions,
    listener: socket.socket,
    log: ProcessLog,
    journal: Journal,
    generation: int,
    on_report: Callable[[Report], None],
) -> Child:
    reload(options.config, journal, starting=True)
    hosts = options.config.config.gateway.allow_hosts if options.config is not None else options.allow_hosts

    def command(report: int, life: int) -> list[str]:
        arguments = {
            "--state-dir": options.state_dir.root,
            "--listen-fd": listener.fileno(),
            "--report-fd": report,
            "--life-fd": life,
            "--generation": generation,
            "--url": url_of(listener, tls=options.tls),
            "--tls-cert": options.tls_cert,
            "--tls-key": options.tls_key,
            "--config": options.config.for_gateway() if options.config is not None else None,
        }
        pairs = [(name, str(value)) for name, value in arguments.items() if value is not None]
        pairs += [("--allow-host", host) for host in hosts]
        return [*options.gateway_command, *(word for pair in pairs for word in pair)]

    return await Child.spawn(
        command,
        keep=(listener.fileno(),),
        environment=os.environ,
        on_report=on_report,
        on_line=log.gateway_line,
    )


def reload(config: ConfigInForce | None, journal: Journal, *, starting: bool = False) -> None:
    """Read config.toml again, where there is one, and write down what is new or wrong; `starting` a gateway or not."""
    if config is not None and (news := config.reload(starting=starting)):
        journal.write("note", news)


@contextlib.contextmanager
def _daemon_lock(state_dir: StateDir) -> Iterator[None]:
    """Be the only daemon of this state directory; the lock ends with the process at the latest."""
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
        yield
    finally:
        os.close(descriptor)


async def _bind(options: DaemonOptions) -> socket.socket:
    """The listening socket. A gateway whose daemon was killed has a moment to close its copy."""
    last = LastGateway.load(hint_path(options.state_dir))
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
async def _answering(state_dir: StateDir, supervisor: Supervisor) -> AsyncIterator[None]:
    server = ControlServer(
        state_dir.daemon_socket,
        role="daemon",
        methods={
            "status": supervisor.status,
            "start": supervisor.start,
            "restart": supervisor.restart,
            "stop": supervisor.stop,
            "shutdown": supervisor.shutdown,
        },
        streams={"status": supervisor.watch},
    )
    await server.start()
    try:
        yield
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def _signals(supervisor: Supervisor, journal: Journal, config: ConfigInForce | None) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    told = 0
    tasks: set[asyncio.Task[None]] = set()

    def end(number: signal.Signals) -> None:
        nonlocal told
        told += 1
        journal.write("signal", f"{number.name}: the daemon {'drains and ends' if told == 1 else 'ends now'}")
        task = asyncio.create_task(supervisor.shutdown(now=told > 1))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)

    def hang_up() -> None:
        journal.write("signal", "SIGHUP: the daemon stays, and reads its configuration again")
        reload(config, journal)

    # a handler and not SIG_IGN: a gateway would inherit that
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
