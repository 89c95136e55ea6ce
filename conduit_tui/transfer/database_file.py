"""A database file from elsewhere: looked at with care, and only in a private copy of its pages."""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from conduit_tui.store.copies import check_sound, copy_pages, open_read_only
from conduit_tui.store.interface import StoreError
from conduit_tui.store.migrate import MIGRATIONS, SCHEMA, migrate, statements
from conduit_tui.store.publish import private_folder
from conduit_tui.transfer import unknown, version_2
from conduit_tui.transfer.columns import as_value
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.json_file import in_batches
from conduit_tui.transfer.sections import SECTIONS, Row
from conduit_tui.transfer.source import Source, read_config, read_provider
from conduit_tui.transfer.stored import StoredProject, StoredProvider, stored_projects, stored_providers
from conduit_tui.transfer.unknown import Unknown

HEADER = b"SQLite format 3\x00"
APPLICATION = 1129202772

_SQL_NOISE = re.compile(r"--[^\n]*|\s+")


@contextmanager
def opened(path: Path, folder: Path) -> Iterator[sqlite3.Connection]:
    """A checked copy of a database file, brought to this version's schema; it lies in `folder` and goes at the end.

    Raises TransferError for a file that is damaged, newer, of another program, or holds anything but our own tables.
    """
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix=".look-", dir=private_folder(folder)) as private:
        draft = Path(private) / "copy.db"
        try:
            with closing(open_read_only(path)) as source:
                guard(source)
                copy_pages(source, draft)
            with closing(sqlite3.connect(draft, isolation_level=None, check_same_thread=False)) as copy:
                guard(copy)
                _check_ours(copy, path.name)
                check_sound(copy, path.name)
                migrate(copy, path)
                yield copy
        except StoreError as error:
            raise TransferError(str(error)) from None
        except sqlite3.DatabaseError as error:
            raise TransferError(f"{path.name} cannot be read as a database: {error}") from None


def guard(connection: sqlite3.Connection) -> None:
    """Trust nothing that the file says of itself."""
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "writable_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}").close()
    defensive = getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE", None)  # from Python 3.12 on
    if defensive is not None:
        connection.setconfig(defensive, True)  # type: ignore[attr-defined,unused-ignore]


def _check_ours(connection: sqlite3.Connection, name: str) -> None:
    """Whether the schema is, word by word, the one that its version of this program makes."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA:
        raise TransferError(f"Unsupported backup version: {name} has schema {version}, this conduit-tui knows {SCHEMA}")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION or version < 1:
        raise TransferError(f"{name} is a database of another program")
    here, ours = _schema(connection), _schema_of(version)
    if here != ours:
        odd = sorted({item[1] for item in here ^ ours})
        raise TransferError(f"{name} is not a database as this program makes it; see {', '.join(odd[:5])}")


def _schema(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str, str]]:
    rows = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master")
    return frozenset(
        (str(kind), str(name), str(table), _SQL_NOISE.sub(" ", str(sql)).strip()) for kind, name, table, sql in rows
        if not str(name).startswith("sqlite_stat")
    )  # fmt: skip


@lru_cache
def _schema_of(version: int) -> frozenset[tuple[str, str, str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for migration in MIGRATIONS[:version]:
            for statement in statements(migration.sql):
                connection.execute(statement)
        return _schema(connection)


class Database(Source):
    """The rows of a checked copy; each is checked again as if it stood in a file."""

    version = f"schema {SCHEMA}"
    prefix = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.project = ""
        self.warnings = []
        with _as_bad_file():
            self._projects = [
                one._replace(config=read_config(version_2.config_body(one.config), f"projects.{one.name}"))
                for one in stored_projects(connection)
            ]
            self._providers = stored_providers(connection)
        for one in self._providers:
            read_provider(version_2.provider_body(one.provider), f"providers.{one.provider.name}")

    def projects(self) -> list[StoredProject]:
        return self._projects

    def providers(self) -> list[StoredProvider]:
        return self._providers

    def rows(self, section: str) -> Iterator[Row]:
        one = SECTIONS[section]
        kept = unknown.kept(self._connection, section)
        cursor = self._connection.execute(one.select, {"project": ""})
        for number, row in enumerate(in_batches(cursor)):
            with _as_bad_file():
                checked = one.read(one.write(row), number)
            fields = {}
            if kept:
                values = checked.values
                fields = kept.get(unknown.lookup(values.get("project", ""), (values[key] for key in one.key)), {})
            yield Row(checked.values, fields)

    def unknown(self) -> Iterable[Unknown]:
        cursor = self._connection.execute("SELECT kind, project, key, body FROM unknown_fields ORDER BY kind, key")
        for kind, project, key, body in cursor:
            names, fields = as_value(key), as_value(body)
            if kind not in SECTIONS and isinstance(names, list) and isinstance(fields, dict):
                yield Unknown(kind, project, tuple(names), fields)


@contextmanager
def _as_bad_file() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        raise TransferError(f"the database holds what cannot be: {str(error).splitlines()[0]}") from None


def is_database(path: Path) -> bool:
    """Whether the file begins as SQLite's do. Raises OSError."""
    with path.open("rb") as file, suppress(ValueError):
        return file.read(len(HEADER)) == HEADER
    return False
