"""Writing what a database holds into a file of either format."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple

from conduit_tui.store.copies import open_read_only
from conduit_tui.store.errors import store_error
from conduit_tui.store.migrate import SCHEMA, check_schema
from conduit_tui.store.publish import publishing
from conduit_tui.transfer import version_1, version_2
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.stored import stored_projects


class Wanted(NamedTuple):
    """What is exported: one project or, if empty, everything; in which format; with captured texts or without."""

    project: str = ""
    format: str = version_2.VERSION
    texts: bool = False


def export(database: Path, out: BinaryIO, wanted: Wanted) -> int:
    """Write the database as it is at this instant; how many bytes. A thousand rows are in memory at a time.

    Raises TransferError, StoreError, OSError.
    """
    if wanted.format not in (version_1.VERSION, version_2.VERSION):
        raise TransferError(f"Unsupported backup version: {wanted.format}")
    if not database.exists():
        raise TransferError(f"there is nothing to export: no database yet at {database}")
    try:
        with closing(open_read_only(database)) as connection:
            if check_schema(connection, database) != SCHEMA:
                raise TransferError(f"database {database} has an older schema; start the gateway once, it migrates it")
            if wanted.project and not stored_projects(connection, wanted.project):
                raise TransferError(f"there is no project {wanted.project!r}")
            if wanted.format == version_1.VERSION:
                return version_1.write(connection, out, wanted.project)
            return version_2.write(connection, out, version_2.Scope(wanted.project, wanted.texts))
    except sqlite3.Error as error:
        raise store_error(database, error) from error


def export_to(database: Path, path: Path, wanted: Wanted) -> int:
    """Write a private file (0600) that is whole or not there, in the place of one that is; how many bytes."""
    path = path.resolve()
    with publishing(path) as draft, draft.open("r+b") as out:
        return export(database, out, wanted)
