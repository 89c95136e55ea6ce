"""The service managers: whether one is there, and how it takes a service on, tells of it and lets it go."""

import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple, Protocol

from conduit_tui.config.disk import write
from conduit_tui.service.asking import START_SECONDS, STOP_SECONDS, ServiceError, ask, call, run
from conduit_tui.service.logout import lingers
from conduit_tui.service.unit import (
    LABEL,
    LAUNCHD_LABEL,
    Service,
    launchd_path,
    launchd_plist,
    launchd_serves,
    systemd_path,
    systemd_serves,
    systemd_unit,
)

_BOOTED_BY_SYSTEMD = Path("/run/systemd/system")


class Standing(NamedTuple):
    """How a service stands with its manager."""

    manager: str
    path: Path
    installed: bool
    state: str  # in the manager's own word
    survives_logout: bool
    pid: int | None  # of its daemon, while one runs
    says: str  # what its daemon said last, where the manager keeps that


class Manager(Protocol):
    """A service manager of the user's session."""

    name: str

    def install(self, service: Service) -> list[str]:
        """Check, write and start the service; returns what a person should know.

        A service that is not accepted or does not start leaves all as it was. Raises ServiceError, OSError.
        """
        ...

    def start(self) -> None:
        """Start the service that is installed, however often it was started before. Raises ServiceError."""
        ...

    def uninstall(self) -> bool:
        """Stop the service and take its file away; whether there was one. Raises ServiceError, OSError."""
        ...

    def standing(self) -> Standing: ...

    def keeps(self, service: Service) -> bool:
        """Whether the service that is installed is that of the same state directory."""
        ...


class Systemd:
    """systemd's user manager. `linger` lets it run without a session, so that a logout ends nothing."""

    name = "systemd"

    def install(self, service: Service) -> list[str]:
        path, unit = systemd_path(), systemd_unit(service)
        told = self._verify(path, unit)
        before = _text(path)
        active = self.standing().state == "active"
        _write(path, unit)
        try:
            _systemctl("daemon-reload")
            _systemctl("enable", path.name)
            self.start()
        except ServiceError as error:
            says = self.standing().says
            self._put_back(path, before)
            raise ServiceError(f"{error}{f' It said: {says}' if says else ''}") from None
        if active and before != unit:
            told.append(f"it runs as it was started before; `systemctl --user restart {LABEL}` drains and renews it")
        if not lingers():
            told.append("`loginctl enable-linger` lets it go on after you log out, and start with the machine")
        told.append(
            "it does not see your shell's variables: keep keys in files (`conduit-tui providers edit NAME --key-file`) "
            f"or name an EnvironmentFile with `systemctl --user edit {LABEL}`"
        )
        return told

    def start(self) -> None:
        name = systemd_path().name
        call("systemctl", "--user", "reset-failed", name)  # starts of before do not count against this one
        _systemctl("start", name)

    def uninstall(self) -> bool:
        path = systemd_path()
        if not path.exists():
            return False
        _systemctl("disable", "--now", path.name, seconds=STOP_SECONDS)
        self._take_away(path)
        return True

    def standing(self) -> Standing:
        path = systemd_path()
        told = ask("systemctl", "--user", "show", path.name, "--property=ActiveState,MainPID,Result,StatusText")
        facts = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
        state, pid, says = facts.get("ActiveState", "unknown"), facts.get("MainPID", ""), facts.get("StatusText", "")
        if state == "failed" and (how := facts.get("Result", "exit-code")) != "exit-code":
            says = how  # it was ended, by a signal or the watchdog, or too often: what it said before is no reason
        return Standing(
            self.name, path, path.exists(), state, lingers(),
            int(pid) if pid.isdecimal() and pid != "0" else None, says,
        )  # fmt: skip

    def keeps(self, service: Service) -> bool:
        return systemd_serves(_text(systemd_path()) or "", service)

    def _verify(self, path: Path, unit: str) -> list[str]:
        """What systemd has to say about the unit, before it lies where systemd looks. Raises ServiceError."""
        if shutil.which("systemd-analyze") is None:
            return []
        with tempfile.TemporaryDirectory(prefix="conduit-") as folder:
            draft = Path(folder) / path.name
            write(draft, unit)
            done = call("systemd-analyze", "--user", "verify", str(draft))
            words = [line.replace(str(draft), path.name) for line in done.stderr.splitlines() if path.name in line]
        if done.returncode and words:
            raise ServiceError(f"systemd does not accept {path}: {words[0]}")
        return words

    def _put_back(self, path: Path, before: str | None) -> None:
        if before is None:
            call("systemctl", "--user", "disable", "--now", path.name)
            self._take_away(path)
        else:
            _write(path, before)
            call("systemctl", "--user", "daemon-reload")

    def _take_away(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        call("systemctl", "--user", "daemon-reload")
        call("systemctl", "--user", "reset-failed", path.name)  # else it is listed as failed for ever


class Launchd:
    """launchd's agents of a user, on macOS."""

    name = "launchd"

    def install(self, service: Service) -> list[str]:
        path, before = launchd_path(), _text(launchd_path())
        _write(path, launchd_plist(service).decode())
        try:
            run("plutil", "-lint", str(path))
            call("launchctl", "bootout", _agent())  # an older one, if there is one
            run("launchctl", "bootstrap", _domain(), str(path))
        except ServiceError:
            if before is None:
                path.unlink(missing_ok=True)
            else:
                _write(path, before)
            raise
        return ["it does not see your shell's variables: keep keys in files"]

    def start(self) -> None:
        call("launchctl", "bootstrap", _domain(), str(launchd_path()))  # fails where it is loaded already
        run("launchctl", "kickstart", _agent())

    def uninstall(self) -> bool:
        path = launchd_path()
        if not path.exists():
            return False
        call("launchctl", "bootout", _agent(), seconds=STOP_SECONDS)
        path.unlink()
        return True

    def standing(self) -> Standing:
        path = launchd_path()
        lines = [line.strip() for line in ask("launchctl", "print", _agent()).splitlines()]
        state = next((line.split("=")[1].strip() for line in lines if line.startswith("state =")), "not loaded")
        pid = next((line.split("=")[1].strip() for line in lines if line.startswith("pid =")), "")
        return Standing(
            self.name, path, path.exists(), state, survives_logout=False,
            pid=int(pid) if pid.isdecimal() else None, says="",
        )  # fmt: skip

    def keeps(self, service: Service) -> bool:
        return launchd_serves(_text(launchd_path()) or "", service)


def manager() -> Manager | None:
    """The service manager of this user's session; None where there is none that could be asked."""
    if sys.platform == "darwin":
        return Launchd()
    if shutil.which("systemctl") and call("systemctl", "--user", "show-environment").returncode == 0:
        return Systemd()
    return None


def keeper(service: Service) -> Manager | None:
    """The manager that keeps the daemon of this state directory; None where no service of it is installed."""
    path = launchd_path() if sys.platform == "darwin" else systemd_path()
    found = manager() if path.exists() else None
    return found if found is not None and found.keeps(service) else None


def without_manager(service: Service) -> str:
    """What to do where no service manager is."""
    words = shlex.join(service.command).replace("%", r"\%")  # to cron a % is the end of the line
    answers = "no service manager of this user answers"
    if _BOOTED_BY_SYSTEMD.is_dir():
        answers += " (one does in a session of its own: log in with ssh instead of `su` or `sudo`)"
    return (
        f"{answers}. The daemon runs without one: `conduit-tui up` starts it and returns. "
        f"To start it with the machine, `crontab -e` takes the line: @reboot {words}"
    )


def _systemctl(*words: str, seconds: float = START_SECONDS) -> None:
    run("systemctl", "--user", *words, seconds=seconds)


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _agent() -> str:
    return f"{_domain()}/{LAUNCHD_LABEL}"


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, text)
