"""A process whose children migrate copies of a database and are killed, each before the next statement.

    python run_migration.py DATABASE FOLDER

The copies are FOLDER/1.db, 2.db, ...; the last one is not killed. How many there are is said on stdout.
"""

import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

from conduit_tui.store.migrate import migrate


def killed_before(statement: int, path: Path) -> bool:
    """Migrate in a child that is killed before its n-th statement; whether it came that far."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(_statement: str) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA cache_size = 1")  # so that unfinished pages do reach the log
        connection.set_trace_callback(count)
        migrate(connection, path)
        connection.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main(database: Path, folder: Path) -> None:
    number = 1
    while True:
        path = folder / f"{number}.db"
        if database.exists():
            shutil.copyfile(database, path)
        if not killed_before(number, path):
            break
        number += 1
    print(number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
