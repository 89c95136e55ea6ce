"""How the daemon starts gateways."""

import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conduit_tui.config.in_force import ConfigInForce
from conduit_tui.control.reports import Report
from conduit_tui.paths import StateDir
from conduit_tui.supervisor.child import Carried, Child
from conduit_tui.supervisor.eventlog import ProcessLog
from conduit_tui.supervisor.journal import Journal
from conduit_tui.supervisor.listener import url_of
from conduit_tui.supervisor.notify import without_variables
from conduit_tui.supervisor.policy import Policy

# -P: the directory that the daemon was started in does not get to replace modules
GATEWAY_COMMAND = (sys.executable, "-P", "-m", "conduit_tui.gateway")

_MEGABYTE = 1024 * 1024


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

    @property
    def memory_limit(self) -> int:
        """Bytes that a gateway may have before another one follows; 0 for no limit."""
        if self.config is None:
            return self.policy.memory_limit_bytes
        return self.config.config.gateway.memory_limit_mb * _MEGABYTE


class Gateways:
    """Starts gateways on the daemon's listener."""

    def __init__(self, options: DaemonOptions, listener: socket.socket, log: ProcessLog, journal: Journal) -> None:
        self._options = options
        self._listener = listener
        self._log = log
        self._journal = journal

    def spawn(
        self, generation: int, living: tuple[int, ...], on_report: Callable[[Report], None], *, waits: bool
    ) -> Child:
        """Start one. Raises OSError. Call it in the main thread."""
        options, listener = self._options, self._listener
        reload(options.config, self._journal, starting=True)
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
            pairs += [("--living", str(number)) for number in living]
            words = [word for pair in pairs for word in pair]
            return [*options.gateway_command, *words, *(("--wait",) if waits else ())]

        return Child.spawn(
            command,
            keep=(listener.fileno(),),
            environment=without_variables(os.environ),
            on_report=on_report,
            on_line=self._log.gateway_line,
        )

    def attend(self, carried: Carried, on_report: Callable[[Report], None]) -> Child:
        """Attend to one that this process started before it executed this program."""
        return Child(carried, on_report, self._log.gateway_line)


def reload(config: ConfigInForce | None, journal: Journal, *, starting: bool = False) -> None:
    """Read config.toml again, where there is one, and write down what is new or wrong; `starting` a gateway or not."""
    if config is not None and (news := config.reload(starting=starting)):
        journal.write("note", news)
