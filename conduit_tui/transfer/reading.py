"""Opening a file for import, whatever it is: JSON of either version, a database, rules or projects of a repository."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conduit_tui.transfer import project_file, version_1, version_2
from conduit_tui.transfer.database_file import Database, is_database, opened
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.from_version_1 import Version1
from conduit_tui.transfer.project_file import ParseWhen
from conduit_tui.transfer.source import Source, Version2
from conduit_tui.transfer.strict_json import LARGEST_BYTES, Document, text_of


@contextmanager
def opening(path: Path, *, scratch: Path, project: str, parse_when: ParseWhen) -> Iterator[tuple[Source, str]]:
    """What a file, or a folder of files of projects, says, and its digest.

    `project` is whose rules a file of rules alone is; `scratch` is where a database is looked at. Raises TransferError,
    OSError.
    """
    if path.is_dir():
        texts = {one: _read(one) for one in project_file.of_folder(path)}
        digest = _digest(*(f"{one.name}\0".encode() + data for one, data in texts.items()))
        yield project_file.ProjectFiles(texts, project, parse_when), digest
        return
    _check_regular(path)
    if is_database(path):
        with opened(path, scratch) as connection:
            yield Database(connection), _digest_of_file(path)
        return
    data = _read(path)
    yield _source(path, data, project, parse_when), _digest(data)


def _source(path: Path, data: bytes, project: str, parse_when: ParseWhen) -> Source:
    if path.suffix == ".toml" or data[:64].lstrip()[:1] == b"[":
        return project_file.ProjectFiles({path: data}, project, parse_when)
    document = Document(text_of(data))
    values, arrays = document.index()
    if not {"version", "format"} & values.keys():
        return project_file.ProjectFiles({path: data}, project, parse_when)
    version = values.get("version")
    if version == version_1.VERSION and "format" not in values:
        return Version1(document, values, arrays)
    if version == version_2.VERSION and values.get("format", version_2.FORMAT) == version_2.FORMAT:
        return Version2(document, values, arrays)
    raise TransferError(f"Unsupported backup version: {str(version)[:40]}")


def _check_regular(path: Path) -> None:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise TransferError(f"{path} is neither a file nor a folder")
    if facts.st_uid not in (os.getuid(), 0):
        raise TransferError(f"{path} belongs to another user (uid {facts.st_uid}); copy it first")


def _read(path: Path) -> bytes:
    """A file whole, at most one byte more than is allowed."""
    _check_regular(path)
    with path.open("rb") as file:
        return file.read(LARGEST_BYTES + 1)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
