"""The lock that a launched run holds for life: whoever asks whether the run is still there looks at it.

It ends with the process at the latest, however that ends, so what a run was given can be taken back without it.
"""

from pathlib import Path

from conduit_tui.paths import StateDir
from conduit_tui.store.locks import WriterLock, is_locked

_FOLDER = "runs"


def lock_path(state_dir: StateDir, run_id: str) -> Path:
    """The file that a run locks."""
    return state_dir.root / _FOLDER / f"{run_id}.lock"


def take(state_dir: StateDir, run_id: str) -> WriterLock:
    """Lock the run's file. Raises StoreError, OSError."""
    path = lock_path(state_dir, run_id)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lock = WriterLock(path)
    lock.try_acquire()
    return lock


def is_alive(state_dir: StateDir, run_id: str) -> bool:
    """Whether the process that launched the run still holds its lock."""
    return is_locked(lock_path(state_dir, run_id))
