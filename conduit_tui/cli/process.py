"""`up`, `down`, `restart`: the life of daemon and gateway."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from conduit_tui.cli.daemon_status import Daemon, find_daemon
from conduit_tui.cli.echo import echo
from conduit_tui.cli.errors import BAD_CONFIGURATION, FAILED, Failure
from conduit_tui.cli.output import print_json
from conduit_tui.cli.renewal import hand_over
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.domain.processes import ProcessStatus
    from conduit_tui.paths import StateDir

DAEMON_END_SECONDS = 60.0


class Listening(NamedTuple):
    """How the gateway is to be reached, as the options of `up` say it."""

    allow_hosts: tuple[str, ...]
    tls_cert: Path | None
    tls_key: Path | None
    insecure_listen: bool

    @property
    def given(self) -> dict[str, Any]:
        """What the options said, by the keys of config.toml."""
        said = {
            "gateway.allow_hosts": self.allow_hosts,
            "gateway.tls_cert": str(self.tls_cert) if self.tls_cert else None,
            "gateway.tls_key": str(self.tls_key) if self.tls_key else None,
            "gateway.insecure_listen": self.insecure_listen,
        }
        return {key: value for key, value in said.items() if value}


def _listening_options(function: Callable[..., Any]) -> Callable[..., Any]:
    file = click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)
    for decorate in (
        click.option("--insecure-listen", is_flag=True, help="Listen beyond loopback without TLS."),
        click.option("--tls-key", type=file, metavar="FILE", help="The certificate's key, if it lies elsewhere."),
        click.option("--tls-cert", type=file, metavar="FILE", help="Serve TLS with this certificate chain (PEM)."),
        click.option(
            "--allow-host", "allow_hosts", multiple=True, metavar="NAME",
            help="A name that clients may call this host by. May be repeated.",
        ),
    ):  # fmt: skip
        function = decorate(function)
    return function


@click.command()
@click.option("--foreground", is_flag=True, help="Be the daemon, in this terminal or under a service manager.")
@click.option("--json", "as_json", is_flag=True, help="The state as JSON instead of the URL.")
@_listening_options
@pass_settings
def up(settings: Settings, /, *, foreground: bool, as_json: bool, **options: Any) -> None:
    """Start the daemon and its gateway, and return when the gateway is READY.

    Prints the URL for clients. A daemon that runs already keeps its address; a gateway that was stopped is started.
    Where the service is installed, the service manager starts it, unless an option says how to listen.
    """
    listening = Listening(**options)
    if foreground:
        if as_json:
            raise click.UsageError("--foreground returns only at the end, so there is nothing for --json to print")
        raise click.exceptions.Exit(_be_daemon(settings, listening))
    _show(_start(settings, listening), as_json=as_json)


@click.command()
@click.option("--now", is_flag=True, help="Cut streams instead of waiting for them to end.")
@pass_settings
def down(settings: Settings, *, now: bool) -> None:
    """Drain the gateway and end the daemon."""
    state_dir = settings.locate()
    daemon = find_daemon(state_dir)
    if daemon is None:
        echo("no daemon is running", err=True)
        return
    _end(state_dir, daemon, now=now)
    echo("the daemon has ended", err=True)


@click.command()
@click.option("--daemon", "whole", is_flag=True, help="The daemon too, as the version that is installed now.")
@click.option("--json", "as_json", is_flag=True, help="The state as JSON instead of the URL.")
@pass_settings
def restart(settings: Settings, *, whole: bool, as_json: bool) -> None:
    """Hand over to a new gateway: the old one drains its streams, and no connection is refused.

    With --daemon the daemon is executed anew in its place before that, with the words it was started with and the
    environment of this shell; nothing is refused either. Only with --port or --listen it is stopped and started
    again, and between the two connections are refused.
    """
    state_dir = settings.locate()
    moves = settings.port is not None or settings.listen is not None
    if whole and moves:
        status = _replace_daemon(settings, state_dir)
    elif moves:
        raise click.UsageError("a new gateway keeps the address; only --daemon can change it")
    else:
        status = asyncio.run(hand_over(state_dir, whole=whole, tell=_Talk().about))
    _show(status, as_json=as_json)


def _show(status: "ProcessStatus", *, as_json: bool) -> None:
    if as_json:
        print_json(status.model_dump(mode="json"))
    else:
        echo(status.url)


def _be_daemon(settings: Settings, listening: Listening) -> int:
    from conduit_tui.config.errors import ConfigError
    from conduit_tui.config.in_force import ConfigInForce
    from conduit_tui.supervisor.gateways import DaemonOptions
    from conduit_tui.supervisor.main import run_foreground
    from conduit_tui.supervisor.notify import Notifier
    from conduit_tui.supervisor.policy import Policy

    try:
        in_force = ConfigInForce(lambda: settings.resolve(listening.given).config)
    except ConfigError as error:
        Notifier().say(STATUS=str(error))
        raise
    gateway = in_force.config.gateway
    return _documented(
        run_foreground(
            DaemonOptions(
                state_dir=settings.locate(),
                port=gateway.port,
                listen=gateway.listen,
                allow_hosts=gateway.allow_hosts,
                tls_cert=_file(gateway.tls_cert),
                tls_key=_file(gateway.tls_key),
                insecure_listen=gateway.insecure_listen,
                policy=Policy(drain_seconds=in_force.config.supervision.drain_seconds),
                config=in_force,
            )
        )
    )


def _file(name: str) -> Path | None:
    return Path(name).expanduser() if name else None


def start_daemon(settings: Settings) -> "ProcessStatus":
    """Start the daemon as `up` does, if none runs, and wait until its gateway is READY. Raises Failure."""
    return _start(settings, Listening((), None, None, insecure_listen=False))


def _start(settings: Settings, listening: Listening, command: Sequence[str] | None = None) -> "ProcessStatus":
    from conduit_tui.supervisor.launch import LaunchError, start_detached

    for warning in settings.resolve(listening.given).warnings:
        echo(warning, err=True)
    if command is None and settings.port is None and settings.listen is None and not listening.given:
        _start_service(settings.locate())
    try:
        status = start_detached(
            settings.locate(),
            port=settings.port,
            listen=settings.listen,
            command=command,
            **listening._asdict(),
        )
    except LaunchError as error:
        raise Failure(str(error), _documented(error.exit_code)) from None
    if settings.port and not status.url.endswith(f":{settings.port}"):
        echo(f"the daemon was running already, at {status.url}; `restart --daemon --port` moves it", err=True)
    return status


def _start_service(state_dir: "StateDir") -> None:
    """Have the daemon started by the service manager, where the service of this state directory is installed."""
    from conduit_tui.service.asking import ServiceError
    from conduit_tui.service.managers import keeper
    from conduit_tui.service.unit import Service
    from conduit_tui.store.locks import is_locked

    kept_by = None if is_locked(state_dir.daemon_lock) else keeper(Service(state_dir.root))
    if kept_by is None:
        return
    try:
        kept_by.start()
    except ServiceError as error:
        says = kept_by.standing().says
        raise Failure(f"{error}{f' It said: {says}' if says else ''}") from None


def _documented(exit_code: int) -> int:
    return exit_code if exit_code in (0, BAD_CONFIGURATION) else FAILED


def _replace_daemon(settings: Settings, state_dir: "StateDir") -> "ProcessStatus":
    daemon = find_daemon(state_dir)
    if daemon is None:
        raise Failure("no daemon is running; `conduit-tui up` starts one")
    _refuse_to_leave_the_service(state_dir, daemon)
    command = [*_command_line(daemon.pid), "--state-dir", str(state_dir.root)]
    port = urlsplit(daemon.status["url"]).port if daemon.status and settings.port is None else settings.port
    if port is not None:
        command += ["--port", str(port)]
    if settings.listen is not None:
        command += ["--listen", settings.listen]
    _end(state_dir, daemon, now=False)
    return _start(settings, Listening((), None, None, insecure_listen=False), command)


def _refuse_to_leave_the_service(state_dir: "StateDir", daemon: Daemon) -> None:
    from conduit_tui.service.managers import keeper
    from conduit_tui.service.unit import Service

    kept_by = keeper(Service(state_dir.root))
    if kept_by is not None and kept_by.standing().pid == daemon.pid:
        raise Failure(
            "this daemon is the service's: give the new address to `service install` "
            "(`conduit-tui --port N service install`), then `conduit-tui down` and `conduit-tui up`"
        )


def _command_line(pid: int) -> list[str]:
    import psutil

    words: list[str] = psutil.Process(pid).cmdline()
    if "--foreground" not in words:
        raise Failure(f"the daemon (pid {pid}) was started in a way not known here; use `down`, then `up`")
    return words


def _end(state_dir: "StateDir", daemon: Daemon, *, now: bool) -> None:
    """End the daemon and wait until it is gone."""
    if daemon.status is None:
        os.kill(daemon.pid, signal.SIGTERM)  # it speaks another protocol, but this it understands
    else:
        asyncio.run(_shut_down(state_dir, now=now))
    _wait_until_gone(state_dir)


async def _shut_down(state_dir: "StateDir", *, now: bool) -> None:
    from conduit_tui.control.plane import ControlError
    from conduit_tui.control.remote import DaemonClient

    client = DaemonClient(state_dir)
    await client.shutdown(now=now)
    talk = _Talk()
    try:
        async for status in client.watch():
            talk.about(status)
    except ControlError as error:
        if error.code != "unavailable":  # that is how its end looks
            raise


class _Talk:
    """Says each state once, on stderr."""

    def __init__(self) -> None:
        self._said = ""

    def about(self, status: "ProcessStatus") -> None:
        text = f"{status.state}: {status.reason}" if status.reason else str(status.state)
        if text != self._said:
            echo(text, err=True)
            self._said = text


def _wait_until_gone(state_dir: "StateDir") -> None:
    from conduit_tui.store.locks import is_locked

    until = time.monotonic() + DAEMON_END_SECONDS
    while is_locked(state_dir.daemon_lock):
        if time.monotonic() > until:
            raise Failure(f"the daemon did not end within {DAEMON_END_SECONDS:g} s; `conduit-tui logs` says why")
        time.sleep(0.02)
