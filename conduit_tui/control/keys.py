"""Keys that are kept here: each provider's in a file of its own, for its owner's eyes only, and never given back."""

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.paths import StateDir, private_folder

LONGEST = 8_000  # characters
ENDING = 4
SHORTEST_SHOWN = 16  # characters; of a shorter key its ending would tell too much


def keep(state_dir: StateDir, name: str, key: str) -> KeySource:
    """Write a provider's key into its file, in place of what was there. Raises ControlError, which never repeats it."""
    check(key)
    private_folder(state_dir.keys)
    path = state_dir.keys / name
    draft = path.with_name(f".{name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key.strip()}\n")
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync(path.parent)
    return KeySource(kind=KeyKind.FILE, reference=str(path))


def check(key: str) -> None:
    """Raises ControlError if a key cannot be sent in a header."""
    key = key.strip()
    problem = ""
    if not key:
        problem = "the key is empty"
    elif key.lower().startswith("bearer "):
        problem = "give the key alone, without the word Bearer"
    elif not key.isascii() or any(character <= " " or character == "\x7f" for character in key):
        problem = "a key has no blanks and none but ASCII characters"
    elif len(key) > LONGEST:
        problem = f"a key has at most {LONGEST:,} characters"
    if problem:
        raise ControlError("bad-input", problem, "key")


def is_kept_here(state_dir: StateDir, provider: Provider) -> bool:
    """Whether the provider's key is in the file that `keep` writes."""
    return provider.key.kind is KeyKind.FILE and Path(provider.key.reference) == state_dir.keys / provider.name


def forget(state_dir: StateDir, provider: Provider) -> None:
    """Delete the file that `keep` wrote for a provider; files of the user's own are left alone."""
    if is_kept_here(state_dir, provider):
        Path(provider.key.reference).unlink(missing_ok=True)
        _sync(state_dir.keys)


def ending(source: KeySource, environment: Mapping[str, str]) -> str | None:
    """How the key ends, at most its last four characters; None where there should be a key and is none."""
    if source.kind is KeyKind.ENVIRONMENT:
        key = environment.get(source.reference, "").strip()
    elif source.kind is KeyKind.FILE:
        key = _read_private(Path(source.reference))
    else:
        return ""
    if not key:
        return None
    return key[-ENDING:] if len(key) >= SHORTEST_SHOWN else ""


def _read_private(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="ascii") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or stat.S_IMODE(facts.st_mode) & 0o077:
                return ""
            return file.read(LONGEST + 1).strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
