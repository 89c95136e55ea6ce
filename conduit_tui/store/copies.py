"""Copies of a database that others go on writing, by SQLite's backup API."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from conduit_tui.store.clock import now_ms
from conduit_tui.store.errors import BUSY_SECONDS
from conduit_tui.store.interface import StoreError
from conduit_tui.store.publish import private_folder, publishing

STEP_PAGES = 512
PAUSE_SECONDS = 0.001  # between two steps, for whoever serves meanwhile

AUTOMATIC = "before-"  # what the reason of a copy begins with that is made before something
REGULAR = "regular"  # the reason of one that is made because it is time

_SUMS = """
    SELECT value AS id, sum(coalesce(cost_nanodollars, 0)) AS spent,
        sum(iif(state = 'held', hold_nanodollars, 0)) AS held
    FROM ledger_entries, json_each(windows) GROUP BY 1
"""


def copy_name(at: int, why: str = "") -> str:
    """What a copy of this instant is called, without a suffix."""
    stamp = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"backup-{stamp}{f'-{why}' if why else ''}"


def free_path(folder: Path, name: str, suffix: str) -> Path:
    """A path in a folder that nothing has yet, numbered where the name is taken."""
    path, number = folder / f"{name}{suffix}", 2
    while path.exists():
        path, number = folder / f"{name}-{number}{suffix}", number + 1
    return path


def save_copy(database: Path, folder: Path, why: str = "", *, pause: float = PAUSE_SECONDS) -> Path:
    """A copy of a database as it is now, checked, private, whole or not there; its path. Raises StoreError, OSError.

    The copy is of one instant: it is read in one transaction, which holds no writer up.
    """
    path = free_path(private_folder(folder), copy_name(now_ms(), why), ".db")
    with publishing(path) as draft:
        with closing(open_read_only(database)) as source:
            copy_pages(source, draft, pause=pause)
        with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE").fetchone()  # one file, nothing beside it
            check_sound(copy, path.name)
    return path


def open_read_only(database: Path) -> sqlite3.Connection:
    """A connection that can write nothing and sees one instant until it is closed. Raises sqlite3.Error."""
    uri = f"{database.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def copy_pages(source: sqlite3.Connection, target: Path, *, pause: float = 0.0) -> None:
    """Copy every page of a database into a file, a few at a time."""
    rest: Callable[[int, int, int], None] = lambda *_: time.sleep(pause)  # noqa: E731
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # it is flushed once, when it is whole
        source.backup(copy, pages=STEP_PAGES, progress=rest if pause else None)


def check_sound(connection: sqlite3.Connection, name: str) -> None:
    """Raises StoreError where pages are damaged, or where the ledger's sums are not those of its entries."""
    try:
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
    except sqlite3.DatabaseError as error:
        problems = [str(error)]
    if problems != ["ok"]:
        raise StoreError(f"{name} is damaged: {'; '.join(map(str, problems))}")
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'budgets'").fetchone() is None:
        return  # older than the ledger
    # Entries are deleted when their windows have ended: what was spent in those cannot be added up again.
    wrong = connection.execute(
        f"SELECT window.id FROM budget_windows AS window LEFT JOIN ({_SUMS}) AS sums ON sums.id = window.id "  # noqa: S608
        "WHERE held_nanodollars <> coalesce(held, 0) OR (ends_at > ? AND spent_nanodollars <> coalesce(spent, 0)) "
        "LIMIT 1",
        (now_ms(),),
    ).fetchone()
    if wrong:
        raise StoreError(f"{name} is inconsistent: the sums of budget window {wrong[0]} are not those of its entries")


def save_before_migration(database: Path) -> Path | None:
    """A copy of a database that is about to be migrated. A copy that cannot be made stops the migration: StoreError."""
    try:
        with closing(open_read_only(database)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        return save_copy(database, database.parent / "backups", f"{AUTOMATIC}migration-from-{version}", pause=0)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"{database} needs a migration, and no safety copy of it can be made first: {error}; make room or move it"
        ) from None


def rotate(folder: Path, keep: int, spare: Path | None = None) -> list[Path]:
    """Delete the oldest automatic copies beyond `keep`; those that somebody asked for stay. Which were deleted."""
    reasons = (f"Z-{AUTOMATIC}", f"Z-{REGULAR}")
    automatic = [
        path for path in folder.glob("backup-*.db") if any(why in path.name for why in reasons) and path != spare
    ]
    automatic.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
    doomed = automatic[: max(0, len(automatic) - keep)]
    for path in doomed:
        with suppress(FileNotFoundError):
            path.unlink()
    return doomed
