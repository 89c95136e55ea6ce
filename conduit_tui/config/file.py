"""config.toml on disk: read with care, changed with its comments and order kept, private from its first moment."""

import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conduit_tui.config.check import located, parse, validate
from conduit_tui.config.errors import ConfigError, Problem
from conduit_tui.config.model import FREE_TABLES, SETTINGS, BoxConfig
from conduit_tui.domain.nearest import nearest
from conduit_tui.paths import StateDir

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

LARGEST_BYTES = 256 * 1024


class Loaded(NamedTuple):
    """A valid file: what it says, as which text, and what is to be said about it (who may read it)."""

    config: BoxConfig
    values: dict[str, Any]
    text: str
    warnings: tuple[str, ...] = ()


def load(state_dir: StateDir) -> BoxConfig:
    """What the file says; the defaults where there is none. Raises ConfigError."""
    return load_whole(state_dir.config).config


def load_whole(path: Path, *, follow: bool = False) -> Loaded:
    """The file with all that is known of it; `follow` also reads through a symbolic link. Raises ConfigError."""
    try:
        text, warnings = _read(path, follow=follow)
    except FileNotFoundError:
        return Loaded(BoxConfig(), {}, "")
    values = parse(text, path)
    return Loaded(validate(values, text=text, path=path), values, text, warnings)


def change(state_dir: StateDir, key: str, value: Any) -> BoxConfig:
    """Set one key, such as `gateway.port`; None takes it out, so that its default holds. See `change_all`."""
    return change_all(state_dir, {key: value})


def change_all(state_dir: StateDir, changes: Mapping[str, Any]) -> BoxConfig:
    """Set several keys at once; comments, order and everything else stay as they are.

    Nothing is written unless the whole file is valid then. Raises ConfigError, OSError.
    """
    import tomlkit  # here: reading does not need it

    state_dir.prepare()
    path = state_dir.config
    with _alone(state_dir.root):
        text = read_text(path)
        parse(text, path)
        document = tomlkit.parse(text)
        for key, value in changes.items():
            _set(document, key, value, path)
        after = tomlkit.dumps(document)
        config = validate(parse(after, path), text=after, path=path)
        if after != text:
            write(path, after)
    return config


def read_text(path: Path) -> str:
    """The text of the file, empty where there is none. Raises ConfigError if it cannot be used as it lies there."""
    try:
        return _read(path, follow=False)[0]
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


def _read(path: Path, *, follow: bool) -> tuple[str, tuple[str, ...]]:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        link = not follow and path.is_symlink()
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
def _alone(folder: Path) -> Iterator[None]:
    """Two who change the file at once do so one after the other."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _set(document: "TOMLDocument", key: str, value: Any, path: Path) -> None:
    import tomlkit

    table, _, name = key.partition(".")
    if not name or (key not in SETTINGS and table not in FREE_TABLES):
        raise ConfigError((located(key, "there is no such key", "", nearest(key, SETTINGS)),), path)
    here = document.get(table)
    if here is not None and not isinstance(here, dict):
        raise ConfigError((Problem("must be a table", table),), path)
    if value is None:
        if here is not None and name in here:
            del here[name]
        return
    if here is None:
        if document.body:
            document.add(tomlkit.nl())
        here = tomlkit.table()
        document[table] = here
        here = document[table]
    here[name] = list(value) if isinstance(value, tuple) else value
