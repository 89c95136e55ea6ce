"""Files of the user's own making: read with care, replaced at one stroke, private from their first moment."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conduit_tui.config.errors import ConfigError, Problem

LARGEST_BYTES = 256 * 1024


def read_text(path: Path) -> str:
    """The text of the file, empty where there is none. Raises ConfigError if it cannot be used as it lies there."""
    try:
        return read(path)[0]
    except FileNotFoundError:
        return ""


def write(path: Path, text: str) -> None:
    """Put a text into the file's place at one stroke, readable by this user alone. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(FileNotFoundError):
        temporary.unlink()  # of a process with this id that was killed
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # whatever the umask took away
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path, *, follow: bool = False) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and what is to be said of who may read it; `follow` reads through a symbolic link.

    Raises FileNotFoundError, and ConfigError for a file that cannot be used as it lies there.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        link = not follow and os.path.islink(path)  # which never raises
        raise _unusable(
            path, "is a symbolic link; put the file itself there" if link else f"cannot be read: {error.strerror}"
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise _unusable(path, "is not a file")
        if not follow and facts.st_uid not in (os.getuid(), 0):
            raise _unusable(path, f"belongs to another user (uid {facts.st_uid}); take it away or over")
        if facts.st_size > LARGEST_BYTES:
            raise _unusable(path, f"is larger than {LARGEST_BYTES // 1024} KB; that is no configuration")
        data = file.read(LARGEST_BYTES + 1)
    mode = stat.S_IMODE(facts.st_mode)
    warnings = (f"{path} is open to others (mode {mode:04o}); `chmod 600 {path}` closes it",) if mode & 0o077 else ()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        raise ConfigError((Problem("is not UTF-8 text", "", line, column),), path) from None
    return text, () if follow else warnings


def _unusable(path: Path, why: str) -> ConfigError:
    return ConfigError((Problem(why),), path)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Two who change the file at once do so one after the other."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
