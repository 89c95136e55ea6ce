"""Opening the database for writing: it is ours, private, of this version, and set up for one writer."""

import sqlite3
from pathlib import Path

from conduit_tui.config.choices import Durability
from conduit_tui.store.copies import save_before_migration
from conduit_tui.store.errors import BUSY_SECONDS
from conduit_tui.store.files import create_private
from conduit_tui.store.interface import StoreError
from conduit_tui.store.migrate import SCHEMA, check_schema, migrate


def connect(path: Path, durability: Durability) -> sqlite3.Connection:
    """Create or migrate the database at `path` and connect to it. Raises StoreError, sqlite3.Error, OSError."""
    refuse_foreign(path)
    create_private(path)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        check_schema(connection, path)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise StoreError(f"{path} lies on a disk that takes no write-ahead log; use another --state-dir")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power-loss' else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint = 8000")  # pages: copying 32 MB back holds callers up seldom
        connection.execute("PRAGMA journal_size_limit = 33554432")  # what a long reader let grow is cut to 32 MB
        if 0 < check_schema(connection, path) < SCHEMA:
            save_before_migration(path)
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def refuse_foreign(path: Path) -> None:
    """Look at an existing database without touching it. Raises StoreError for one that is newer or not ours."""
    if not path.exists() or not path.stat().st_size:
        return
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    try:
        check_schema(connection, path)
    finally:
        connection.close()
