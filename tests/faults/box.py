"""A small Debian under a systemd of its own, for what only real logins show.

It is made by debootstrap and run by systemd-nspawn, as root, on this machine's network. `BOX_FOLDER` names a folder
that keeps it between runs, else it is made anew, in about three minutes.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.ports import free_port
from tests.waiting import eventually

SUITE, PYTHON = "bookworm", "3.11"
PACKAGES = "systemd systemd-sysv dbus dbus-user-session libpam-systemd openssh-server python3 python3-venv polkitd"
USER = "ada"
BOOT_SECONDS = 90.0

_HERE = Path(__file__).parents[2]
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> str:
    """What a box needs and is not here; empty where nothing is missing."""
    if os.geteuid() != 0:
        return "a box needs root"
    tools = [
        name for name in ("debootstrap", "systemd-nspawn", "nsenter", "ssh", "ssh-keygen") if not shutil.which(name)
    ]
    return f"not installed: {' '.join(tools)}" if tools else ""


class Box:
    """The machine. `run` is root in it, `login` a session of its user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._ssh_port = free_port()

    def build(self) -> None:
        """Make the tree if there is none, and install what lies in this checkout."""
        if not (self.tree / "etc/debian_version").exists():
            _do("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES.split())}", SUITE, str(self.tree))
            self._chroot("python3", "-m", "venv", "/opt/conduit")
            self._chroot("ln", "-s", "/opt/conduit/bin/conduit-tui", "/usr/local/bin/conduit-tui")
            self._chroot("useradd", "--create-home", "--shell", "/bin/bash", USER)
            (self.folder / "key").unlink(missing_ok=True)
            _do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "key"))
            keys = self.tree / "home" / USER / ".ssh"
            keys.mkdir(mode=0o700)
            shutil.copy(self.folder / "key.pub", keys / "authorized_keys")
            self._chroot("chown", "-R", f"{USER}:{USER}", f"/home/{USER}/.ssh")
        wheels = self.tree / "opt/wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        _do(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(wheels), str(_HERE))
        (ours,) = wheels.iterdir()
        binary = ("--only-binary=:all:", "--python-version", PYTHON)
        _do(sys.executable, "-m", "pip", "download", *binary, "-d", str(wheels), str(ours))
        offline = ("--no-index", "--find-links", "/opt/wheels")
        self._chroot("/opt/conduit/bin/pip", "install", *offline, "--force-reinstall", f"/opt/wheels/{ours.name}")

    def boot(self, *, kills_at_logout: bool = False) -> None:
        """Start it, and wait until its systemd says that it is up."""
        (self.tree / "etc/ssh/sshd_config.d/port.conf").write_text(f"ListenAddress 127.0.0.1:{self._ssh_port}\n")
        logind = self.tree / "etc/systemd/logind.conf.d/kill.conf"
        logind.parent.mkdir(exist_ok=True)
        logind.write_text(f"[Login]\nKillUserProcesses={'yes' if kills_at_logout else 'no'}\n")
        alone = () if Path("/run/systemd/system").is_dir() else ("--register=no", "--keep-unit")
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", "--console=pipe", "--directory", str(self.tree), *alone],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )
        up = ("running", "degraded")
        eventually(lambda: self.run("systemctl", "is-system-running").stdout.strip() in up, seconds=BOOT_SECONDS)

    def power_off(self) -> None:
        """Shut it down as a machine is shut down."""
        if self._nspawn is None:
            return
        self._nspawn.send_signal(signal.SIGTERM)
        try:
            self._nspawn.wait(BOOT_SECONDS)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn = None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of root's, in no session."""
        first = self._first()
        if first is None:
            return subprocess.CompletedProcess(words, 1, "", "it does not run")
        # all namespaces, root and working directory, an environment of its own
        command = ("nsenter", "-t", str(first), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w")
        return subprocess.run(
            [*command, "env", "-i", f"PATH={_PATH}", *words], capture_output=True, text=True, timeout=60, check=False
        )

    def _first(self) -> int | None:
        """The pid, out here, of the box's first process."""
        if self._nspawn is None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            return next(
                (one.pid for one in psutil.Process(self._nspawn.pid).children() if one.name() == "systemd"), None
            )
        return None

    def login(self, command: str) -> subprocess.CompletedProcess[str]:
        """A session in which one command runs to its end."""
        return subprocess.run(self._ssh(command), capture_output=True, text=True, timeout=300, check=False)

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """A session that lasts as long as the block."""
        with subprocess.Popen(self._ssh("echo in; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ssh:
            assert ssh.stdout is not None
            assert ssh.stdout.readline() == b"in\n"
            yield
            ssh.communicate()  # the end of its input is its logout

    def _ssh(self, command: str) -> list[str]:
        return [
            "ssh", "-F", "none", "-i", str(self.folder / "key"), "-p", str(self._ssh_port), "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
            f"{USER}@127.0.0.1", command,
        ]  # fmt: skip

    def _chroot(self, *words: str) -> None:
        _do("chroot", str(self.tree), "env", "-i", f"PATH={_PATH}", *words)


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
