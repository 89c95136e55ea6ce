"""What went wrong with the database, in one line for people."""

import errno
import os
import sqlite3
from pathlib import Path

from conduit_tui.store.interface import StoreError


class UnwritableError(StoreError):
    """The database as a whole cannot be written now, whatever is written."""


class PassingError(UnwritableError):
    """The database cannot be used now, and may be again without anybody's doing, or when the machine is well again."""


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
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})
_PASSING_ERRNO = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO})


def store_error(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """The StoreError for an error of SQLite or of the file system."""
    if isinstance(error, OSError):
        kind = PassingError if error.errno in _PASSING_ERRNO else StoreError
        return kind(f"cannot open database {path}: {os.strerror(error.errno) if error.errno else error}")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary code
    if clear := _CLEAR.get(code):
        return (PassingError if code in _PASSING else UnwritableError)(clear.format(path=path))
    return StoreError(f"database {path}: {error}")
