"""Where everything lies: one state directory holds the database, the sockets, the locks and the logs."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import platformdirs

SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 104 on macOS and 108 on Linux


class StateDirError(Exception):
    """The state directory cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class StateDir:
    """The paths under one state directory. Nothing is created before `prepare`."""

    root: Path

    @classmethod
    def locate(cls, given: str | None = None) -> "StateDir":
        """The directory given, else `CONDUIT_STATE_DIR`, else the platform's user state directory."""
        chosen = given or os.environ.get("CONDUIT_STATE_DIR")
        return cls(Path(chosen).expanduser().absolute() if chosen else platformdirs.user_state_path("conduit-tui"))

    @property
    def is_usual(self) -> bool:
        """Whether it is the platform's, so that nobody need name it."""
        return self.root == platformdirs.user_state_path("conduit-tui")

    @property
    def database(self) -> Path:
        return self.root / "conduit.db"

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def themes(self) -> Path:
        return self.root / "themes"

    @property
    def backups(self) -> Path:
        """The folder of safety copies; whoever writes the first one makes it."""
        return self.root / "backups"

    @property
    def keys(self) -> Path:
        """Holds the keys that were typed into the control centre, a private file for each provider."""
        return self.root / "keys"

    @property
    def daemon_lock(self) -> Path:
        return self.root / "daemon.lock"

    @property
    def writer_lock(self) -> Path:
        return self.root / "writer.lock"

    @property
    def token(self) -> Path:
        return self.root / "token"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def process_log(self) -> Path:
        return self.root / "process.log"

    @property
    def tui_log(self) -> Path:
        return self.root / "tui.log"

    @property
    def daemon_socket(self) -> Path:
        return self._socket("daemon.sock")

    @property
    def gateway_socket(self) -> Path:
        return self._socket("gateway.sock")

    def _socket(self, name: str) -> Path:
        return (self.socket_folder if self._path_is_too_long else self.root) / name

    @property
    def _path_is_too_long(self) -> bool:
        return len(os.fsencode(self.root / "gateway.sock")) > SOCKET_PATH_LIMIT  # the longest name of a socket

    @property
    def socket_folder(self) -> Path:
        """Where the sockets lie when the state directory's path is too long for one, named by user and state directory.

        In /tmp whatever TMPDIR says: a shell with another one must find the same sockets, and it may be long itself.
        Not in XDG_RUNTIME_DIR: logind deletes that at logout.
        """
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path("/tmp") / f"conduit-{os.getuid()}-{digest}"  # noqa: S108 - made private, its owner checked

    def prepare(self) -> None:
        """Create what is missing, private to this user. Raises StateDirError."""
        private_folder(self.root)
        if self._path_is_too_long:
            private_folder(self.socket_folder)


def private_folder(path: Path) -> None:
    """A folder for this user alone, made where it is missing. Raises StateDirError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = path.lstat()
    except OSError as error:
        raise StateDirError(f"cannot create {path}: {error.strerror}; choose another with --state-dir") from None
    if not stat.S_ISDIR(facts.st_mode):
        raise StateDirError(f"{path} is not a directory; choose another with --state-dir")
    if facts.st_uid != os.getuid():
        raise StateDirError(f"{path} belongs to another user (uid {facts.st_uid}); choose another with --state-dir")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        path.chmod(0o700)
    if not os.access(path, os.W_OK | os.X_OK):
        raise StateDirError(f"{path} is not writable; choose another with --state-dir")
