"""The folder of safety copies: what lies there, what is in it, making and deleting."""

import json
import re
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conduit_tui.domain.transfers import Backup
from conduit_tui.store.copies import AUTOMATIC, REGULAR, open_read_only, rotate, save_copy
from conduit_tui.store.publish import drafts
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.exporting import Wanted, export_to

_NAME = re.compile(r"backup-(\d{8}T\d{6}Z)(?:-([a-z0-9-]+?))?(?:-(\d+))?\.(db|json)")
_HEAD_BYTES = 16 * 1024
_TABLES = ("projects", "providers", "budgets", "routing_rules")


def create(
    database: Path,
    folder: Path,
    why: str = "",
    *,
    export: bool = False,
    keep: int | None = None,
    spare: Path | None = None,
) -> Backup:
    """Copy the database as it is now, and with `export` write it as JSON beside the copy.

    `keep` is how many automatic copies remain, `spare` one that stays in any case. Raises StoreError,
    TransferError, OSError.
    """
    if not database.exists():
        raise TransferError(f"there is nothing to copy: no database yet at {database}")
    path = save_copy(database, folder, why)
    if export:
        export_to(database, path.with_suffix(".json"), Wanted())
    if keep is not None:
        rotate(folder, keep, spare)
    return look(path)


def create_if_due(database: Path, folder: Path, *, every_hours: int, keep: int, now: int) -> Backup | None:
    """A copy because it is time: where none, of whatever kind, is younger than `every_hours`; 0 is never.

    Raises as `create` does.
    """
    if not every_hours or not database.exists():
        return None
    newest = max((one.at for one in listed(folder) if one.kind == "database" and not one.problem), default=0)
    if now - newest < every_hours * 3_600_000:
        return None
    return create(database, folder, REGULAR, keep=keep)


def listed(folder: Path) -> list[Backup]:
    """The safety copies, the newest first."""
    if not folder.is_dir():
        return []
    paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file()]
    paths.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return sorted(map(look, paths), key=lambda one: -one.at)  # names tell seconds, and copied files lose their times


def look(path: Path) -> Backup:
    """What a copy is and holds."""
    parts = _NAME.fullmatch(path.name)
    facts = path.stat()
    at, why, kind = int(facts.st_mtime * 1000), "", path.suffix.removeprefix(".")
    if parts is not None:
        at = int(datetime.strptime(parts[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1000)
        why = parts[2] or ""
    told: dict[str, Any] = {"version": "", "contents": {}}
    problem = ""
    try:
        told = _of_database(path) if kind == "db" else _of_export(path)
    except (sqlite3.Error, OSError, ValueError, TransferError) as error:
        problem = str(error)
    return Backup(
        name=path.name, at=at, size=facts.st_size, kind="database" if kind == "db" else "export", why=why,
        problem=problem, **told,
    )  # fmt: skip


def find(folder: Path, name: str) -> Path:
    """The path of a safety copy by its name, or by a part of it that only one has; `newest` is the newest.

    Raises TransferError.
    """
    names = [one.name for one in listed(folder)]
    if name == "newest" and names:
        return folder / next((one for one in names if one.endswith(".db")), names[0])
    if name in names:
        return folder / name
    alike = [one for one in names if name and name in one]
    if len(alike) == 1:
        return folder / alike[0]
    if not names:
        raise TransferError("there is no backup yet; `conduit-tui backup create` makes one")
    said = f"{len(alike)} backups are called like {name!r}" if alike else f"there is no backup {name!r}"
    raise TransferError(f"{said}; there are {', '.join(names[:5])}{', …' if len(names) > 5 else ''}")


def remove(folder: Path, name: str) -> str:
    """Delete a safety copy; its name. Raises TransferError, OSError."""
    path = find(folder, name)
    path.unlink()
    return path.name


def automatic(what: str) -> str:
    """The reason of the copy that is made before something."""
    return f"{AUTOMATIC}{what}"


def written_so_far(folder: Path) -> int:
    """How many bytes of copies that are being made are written."""
    size = 0
    for draft in drafts(folder):
        with suppress(FileNotFoundError):
            size += draft.stat().st_size
    return size


def _of_database(path: Path) -> dict[str, Any]:
    with closing(open_read_only(path)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        contents = {
            name.removeprefix("routing_"): _count(connection, name) for name in _TABLES if name in tables
        }  # fmt: skip
        if "usage_rollup" in tables:
            (requests,) = connection.execute("SELECT coalesce(sum(requests), 0) FROM usage_rollup").fetchone()
            contents["requests"] = requests
    return {"version": f"schema {version}", "contents": contents}


def _count(connection: sqlite3.Connection, table: str) -> int:
    (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - one of _TABLES
    return int(number)


def _of_export(path: Path) -> dict[str, Any]:
    """From the first lines; the whole is read when it is taken in."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    told: dict[str, Any] = {}
    for line in head.splitlines():
        name, _, value = line.strip().rstrip(",").partition(": ")
        if name in ('"version"', '"contents"'):
            told[name.strip('"')] = json.loads(value)
    contents = told.get("contents", {})
    counted = {
        {"usage": "requests"}.get(name, name): contents[name]
        for name in ("projects", "providers", "budgets", "usage")
        if isinstance(contents, dict) and isinstance(contents.get(name), int)
    }
    return {"version": f"version {told['version']}" if "version" in told else "", "contents": counted}
