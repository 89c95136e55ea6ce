"""New files that are whole or not there: written beside their place, flushed, then moved into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_DRAFT = ".part"


def private_folder(folder: Path) -> Path:
    """Make sure that the folder is there, this user's alone (0700), and no symbolic link. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)
    return folder


@contextmanager
def publishing(path: Path) -> Iterator[Path]:
    """The path of an empty private draft (0600), which takes the place of `path` when the block ends well.

    A block that raises leaves nothing; what a killed process left is cleared by the next one. Raises OSError.
    """
    _sweep(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}{_DRAFT}")
    with suppress(FileNotFoundError):
        draft.unlink()
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    try:
        yield draft
        _flush(draft, os.O_RDWR)
        draft.rename(path)
        _flush(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    finally:
        for leftover in (draft, *(Path(f"{draft}{suffix}") for suffix in ("-journal", "-wal", "-shm"))):
            with suppress(FileNotFoundError):
                leftover.unlink()


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def drafts(folder: Path) -> list[Path]:
    """The drafts that lie in a folder, of running processes and of dead ones."""
    return [path for path in folder.glob(f".*{_DRAFT}*") if path.is_file()]


def _sweep(folder: Path) -> None:
    for draft in drafts(folder):
        pid = draft.name.partition(_DRAFT)[0].rpartition(".")[2]
        if pid.isdigit() and not _lives(int(pid)):
            with suppress(OSError):
                draft.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
