"""What went wrong with the database, in one line for people."""

import os
import sqlite3
from pathlib import Path

from conduit_tui.store.interface import StoreError


class UnwritableError(StoreError):
    """The database as a whole cannot be written now, whatever is written."""


BUSY_SECONDS = 2  # how long a writer waits for another process's lock

_CLEAR = {
    sqlite3.SQLITE_BUSY: f"database {{path}} is locked by another process (waited {BUSY_SECONDS} s)",
    sqlite3.SQLITE_LOCKED: "database {path} is locked",
    sqlite3.SQLITE_FULL: "no space left for database {path}; free some, the gateway goes on by itself",
    sqlite3.SQLITE_READONLY: "database {path} is read-only; check its owner and mode, or use another --state-dir",
    sqlite3.SQLITE_CANTOPEN: "database {path} cannot be opened; check its owner and mode, or use another --state-dir",
    sqlite3.SQLITE_PERM: "database {path} may not be opened; check its owner and mode, or use another --state-dir",
    sqlite3.SQLITE_NOTADB: "{path} is not an SQLite database; move it away or use another --state-dir",
    sqlite3.SQLITE_CORRUPT: "database {path} is damaged; restore a backup, or move it away to begin anew",
    sqlite3.SQLITE_IOERR: "input/output error on database {path}; check the disk",
}


def store_error(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """The StoreError for an error of SQLite or of the file system."""
    if isinstance(error, OSError):
        return StoreError(f"cannot open database {path}: {os.strerror(error.errno) if error.errno else error}")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
    if clear := _CLEAR.get(code):
        return UnwritableError(clear.format(path=path))
    return StoreError(f"database {path}: {error}")
