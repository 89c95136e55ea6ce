"""The service managers: whether one is there, and how it takes a service on, tells of it and lets it go."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Protocol

from conduit_tui.config.disk import write
from conduit_tui.service.unit import (
    LABEL,
    LAUNCHD_LABEL,
    Service,
    launchd_path,
    launchd_plist,
    systemd_path,
    systemd_unit,
)

COMMAND_SECONDS = 60.0


class ServiceError(Exception):
    """The service manager did not do what it was asked; the message has its words."""


class Standing(NamedTuple):
    """How a service stands with its manager."""

    manager: str
    path: Path
    installed: bool
    state: str  # in the manager's own word
    survives_logout: bool


class Manager(Protocol):
    """A service manager of the user's session."""

    name: str

    def install(self, service: Service) -> list[str]:
        """Write, check and start the service; returns what a person should know. Raises ServiceError, OSError."""
        ...

    def uninstall(self) -> bool:
        """Stop the service and take its file away; whether there was one. Raises ServiceError, OSError."""
        ...

    def standing(self) -> Standing: ...


class Systemd:
    """systemd's user manager. `linger` lets it run without a session, so that a logout ends nothing."""

    name = "systemd"

    def install(self, service: Service) -> list[str]:
        path = systemd_path()
        _write(path, systemd_unit(service))
        told = self._verify(path)
        _run("systemctl", "--user", "daemon-reload")
        _run("systemctl", "--user", "enable", "--now", path.name)
        if not lingers():
            told.append("`loginctl enable-linger` lets it go on after you log out, and start with the machine")
        told.append(
            "it does not see your shell's variables: keep keys in files (`conduit-tui providers edit NAME --key-file`) "
            f"or name an EnvironmentFile with `systemctl --user edit {LABEL}`"
        )
        return told

    def uninstall(self) -> bool:
        path = systemd_path()
        if not path.exists():
            return False
        _run("systemctl", "--user", "disable", "--now", path.name)
        path.unlink()
        _run("systemctl", "--user", "daemon-reload")
        return True

    def standing(self) -> Standing:
        path = systemd_path()
        state = _ask("systemctl", "--user", "is-active", path.name) or "unknown"
        return Standing(self.name, path, path.exists(), state, lingers())

    def _verify(self, path: Path) -> list[str]:
        if shutil.which("systemd-analyze") is None:
            return []
        done = _call("systemd-analyze", "--user", "verify", str(path))
        words = [line for line in done.stderr.splitlines() if path.name in line]
        if done.returncode and words:
            raise ServiceError(f"systemd does not accept {path}: {words[0]}")
        return words


class Launchd:
    """launchd's agents of a user, on macOS."""

    name = "launchd"

    def install(self, service: Service) -> list[str]:
        path = launchd_path()
        _write(path, launchd_plist(service).decode())
        _run("plutil", "-lint", str(path))
        _call("launchctl", "bootout", f"gui/{os.getuid()}/{LAUNCHD_LABEL}")  # an older one, if there is one
        _run("launchctl", "bootstrap", f"gui/{os.getuid()}", str(path))
        return ["it does not see your shell's variables: keep keys in files"]

    def uninstall(self) -> bool:
        path = launchd_path()
        if not path.exists():
            return False
        _call("launchctl", "bootout", f"gui/{os.getuid()}/{LAUNCHD_LABEL}")
        path.unlink()
        return True

    def standing(self) -> Standing:
        path = launchd_path()
        told = _ask("launchctl", "print", f"gui/{os.getuid()}/{LAUNCHD_LABEL}")
        state = next((line.split("=")[1].strip() for line in told.splitlines() if "state =" in line), "not loaded")
        return Standing(self.name, path, path.exists(), state, survives_logout=False)


def manager() -> Manager | None:
    """The service manager of this user's session; None where there is none that could be asked."""
    if sys.platform == "darwin":
        return Launchd()
    if shutil.which("systemctl") and _call("systemctl", "--user", "show-environment").returncode == 0:
        return Systemd()
    return None


def lingers() -> bool:
    """Whether systemd keeps this user's services running without a session."""
    return _ask("loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value") == "yes"


def kills_at_logout() -> bool:
    """Whether a logout ends every process of this user that no service holds (`KillUserProcesses=yes`)."""
    return (
        _ask("busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1",
             "org.freedesktop.login1.Manager", "KillUserProcesses") == "b true"
    )  # fmt: skip


def without_manager(service: Service) -> str:
    """What to do where no service manager is."""
    words = " ".join(f"'{word}'" if " " in word else word for word in service.command)
    return (
        "no service manager of this user answers. The daemon runs without one: `conduit-tui up` starts it and returns. "
        f"To start it with the machine, `crontab -e` takes the line: @reboot {words}"
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, text)


def _run(*command: str) -> None:
    done = _call(*command)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise ServiceError(f"`{' '.join(command)}` failed: {words[-1] if words else f'exit code {done.returncode}'}")


def _ask(*command: str) -> str:
    return _call(*command).stdout.strip()


def _call(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {COMMAND_SECONDS:g} s")
