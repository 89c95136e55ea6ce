"""The gateway token: what clients show when the gateway holds the providers' keys."""

import contextlib
import errno
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from conduit_tui.paths import StateDir, StateDirError

PREFIX = "conduit-"
RUN_PREFIX = f"{PREFIX}run-"  # of a token that one launched run has to itself


def load_or_create(state_dir: StateDir) -> str:
    """The token in force, made at the first call. Raises StateDirError when its file is not ours to trust."""
    while True:
        try:
            return _read(state_dir.token)
        except FileNotFoundError:
            draft = _draft(state_dir.token)
            # a link fails where a rename would replace: of two first calls one wins, and both read its token
            with contextlib.suppress(FileExistsError):
                os.link(draft, state_dir.token)
            draft.unlink()


def rotate(state_dir: StateDir) -> str:
    """Replace the token atomically and return the new one."""
    _draft(state_dir.token).rename(state_dir.token)
    _sync_folder(state_dir.token.parent)
    return _read(state_dir.token)


def digest(token: str) -> bytes:
    """What to keep in memory for `matches`."""
    return hashlib.sha256(token.encode()).digest()


def matches(given: bytes, token_digest: bytes) -> bool:
    """Whether a client's token is the one with this digest, in time that does not depend on the answer."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), token_digest)


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        what = "is a symbolic link" if error.errno == errno.ELOOP else f"cannot be read ({error.strerror})"
        raise StateDirError(f"{path} {what}; remove it, and a new token is made") from None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.getuid():
            raise StateDirError(f"{path} is not a file of this user; remove it, and a new token is made")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
        token = file.read(1024).strip()
    if not token.startswith(PREFIX.encode()) or not token.isascii():
        raise StateDirError(f"{path} does not hold a gateway token; remove it, and a new one is made")
    return token.decode("ascii")


def _draft(path: Path) -> Path:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(f"{PREFIX}{secrets.token_urlsafe(32)}\n".encode())
        file.flush()
        os.fsync(descriptor)
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
