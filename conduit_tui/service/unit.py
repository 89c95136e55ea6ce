"""What a service manager is to run, and what each of them is told of it."""

import os
import plistlib
import sys
from dataclasses import dataclass
from pathlib import Path

LABEL = "conduit-tui"
LAUNCHD_LABEL = "io.conduit-tui.daemon"
WATCHDOG_SECONDS = 10
STOP_SECONDS = 45  # a drain of 30 s, then what is settled and checkpointed
RESTARTS = 3  # in RESTART_SECONDS: the daemon itself has the patience for its gateway
RESTART_SECONDS = 600
NOT_RETRIED = (77, 78)  # what the daemon exits with when only a person can help


@dataclass(frozen=True, slots=True)
class Service:
    """The daemon of one state directory, run by the interpreter that this command runs in."""

    state_dir: Path
    python: Path = Path(sys.executable)

    @property
    def command(self) -> tuple[str, ...]:
        return (str(self.python), "-P", "-m", "conduit_tui", "up", "--foreground", "--state-dir", str(self.state_dir))


def systemd_unit(service: Service) -> str:
    """A user unit. The daemon says when it is ready and that it lives, and takes SIGHUP as a reload.

    The options: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
    """
    return f"""\
# Written by `conduit-tui service install`. Changes of your own: `systemctl --user edit {LABEL}`.
[Unit]
Description=conduit-tui, gateway for LLM traffic
StartLimitIntervalSec={RESTART_SECONDS}
StartLimitBurst={RESTARTS}

[Service]
Type=notify
NotifyAccess=main
ExecStart={" ".join(map(_systemd_word, service.command))}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec={WATCHDOG_SECONDS}
Restart=on-failure
RestartPreventExitStatus={" ".join(map(str, NOT_RETRIED))}
KillMode=mixed
TimeoutStopSec={STOP_SECONDS}
UMask=0077

[Install]
WantedBy=default.target
"""


def launchd_plist(service: Service) -> bytes:
    """A launch agent, for macOS: `man launchd.plist`."""
    return plistlib.dumps(
        {
            "Label": LAUNCHD_LABEL,
            "ProgramArguments": list(service.command),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": RESTART_SECONDS // RESTARTS,
            "ExitTimeOut": STOP_SECONDS,
            "ProcessType": "Background",
            "Umask": 0o077,
            "StandardErrorPath": str(service.state_dir / "service.log"),
        }
    )


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
