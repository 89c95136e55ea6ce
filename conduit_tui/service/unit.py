"""What a service manager is to run, and what each of them is told of it."""

import os
import plistlib
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.parsers.expat import ExpatError

LABEL = "conduit-tui"
LAUNCHD_LABEL = "io.conduit-tui.daemon"
WATCHDOG_SECONDS = 10
STOP_SECONDS = 45  # a drain of 30 s, then what is settled and checkpointed; for a longer one the daemon asks
STARTS = 5  # in START_SECONDS, those by hand included: the daemon itself has the patience for its gateway
START_SECONDS = 600
NOT_RETRIED = (2, 78)  # what the daemon exits with when only a person can help


@dataclass(frozen=True, slots=True)
class Service:
    """The daemon of one state directory, run by the interpreter that this command runs in."""

    state_dir: Path
    python: Path = Path(sys.executable)
    options: tuple[str, ...] = ()  # of the command, such as `--port 4142`

    @property
    def command(self) -> tuple[str, ...]:
        words = ("-m", "conduit_tui", *self.options, "up", "--foreground", "--state-dir", str(self.state_dir))
        return (str(self.python), "-P", *words)


def systemd_unit(service: Service) -> str:
    """A user unit. The daemon says when it is ready and that it lives, and takes SIGHUP as a reload.

    A gateway that runs out of memory is the daemon's to replace; a daemon that dies is replaced together with its
    gateway, because the next one could not serve while the old gateway drains.

    The options: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
    """
    return f"""\
# Written by `conduit-tui service install`. Changes of your own: `systemctl --user edit {LABEL}`.
[Unit]
Description=conduit-tui, gateway for LLM traffic
StartLimitIntervalSec={START_SECONDS}
StartLimitBurst={STARTS}

[Service]
Type=notify
NotifyAccess=main
ExecStart={" ".join(map(_systemd_word, service.command))}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec={WATCHDOG_SECONDS}
Restart=on-failure
RestartPreventExitStatus={" ".join(map(str, NOT_RETRIED))}
KillMode=mixed
OOMPolicy=continue
TimeoutStopSec={STOP_SECONDS}
UMask=0077

[Install]
WantedBy=default.target
"""


def systemd_serves(unit: str, service: Service) -> bool:
    """Whether a unit runs the daemon of the same state directory, by whatever interpreter."""
    ends = f" --state-dir {_systemd_word(str(service.state_dir))}"
    return any(line.startswith("ExecStart=") and line.endswith(ends) for line in unit.splitlines())


def launchd_plist(service: Service) -> bytes:
    """A launch agent, for macOS: `man launchd.plist`."""
    return plistlib.dumps(
        {
            "Label": LAUNCHD_LABEL,
            "ProgramArguments": list(service.command),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": START_SECONDS // STARTS,
            "ExitTimeOut": STOP_SECONDS,
            "ProcessType": "Background",
            "Umask": 0o077,
            "StandardErrorPath": str(service.state_dir / "service.log"),
        }
    )


def launchd_serves(plist: str, service: Service) -> bool:
    """Whether an agent runs the daemon of the same state directory, by whatever interpreter."""
    try:
        words = plistlib.loads(plist.encode()).get("ProgramArguments", [])
    except (ValueError, ExpatError):
        return False
    return list(words[-2:]) == ["--state-dir", str(service.state_dir)]


def systemd_path() -> Path:
    """Where a user's units lie."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if os.path.isabs(base) else Path.home() / ".config"
    return folder / "systemd" / "user" / f"{LABEL}.service"


def launchd_path() -> Path:
    """Where a user's launch agents lie."""
    return Path.home() / "Library" / "LaunchAgents" / f"{LAUNCHD_LABEL}.plist"


def _systemd_word(word: str) -> str:
    """A word of ExecStart: `%` and `$` would be replaced, and quotes keep blanks together."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(c in plain for c in " \t\"';\\") else plain
